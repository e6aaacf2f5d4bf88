//! Servers behind the gate, from the command line: the verbs of the sources under their own names.

use std::fs;
use std::path::Path;
use std::process::Output;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{assert_refused, portcullis, text};
use crate::support::cluster::create_database;
use crate::support::upstream::{Manner, Upstream, Voice, tool};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SECRET: &str = "Bearer hush-hush-2342";

fn run(dir: &Path, database: &SecretString, arguments: &[&str]) -> Output {
    let settings = [("DATABASE_URL", database.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    portcullis(dir, &settings).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(!said.contains("hush"), "{said}");
    said
}

#[test]
fn a_server_is_registered_looked_at_switched_and_removed() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    let tools = vec![tool("look", json!({ "readOnlyHint": true })), tool("edit", json!({}))];
    let upstream =
        Upstream::start(Manner { tools, wants: Some(("authorization", SECRET.to_owned())), ..Manner::default() });
    fs::write(dir.path().join("value.txt"), format!("{SECRET}\n")).unwrap();
    said(&run(&["workspace-create", "acme"]));
    let proof = ["--auth-header", "Authorization", "--auth-value-file", "value.txt"];
    let url = upstream.url();
    let register =
        [&["register", "--name", "time", "--url", &url, "--place", "acme", "--tag", "time"][..], &proof].concat();
    let registered = said(&run(&register));
    assert!(registered.contains("healthy") && registered.contains("http://localhost:8080/time/mcp"), "{registered}");
    assert_refused(&run(&register), 1, "already a server called \"time\"");
    assert_refused(&run(&["register", "--name", "mcp", "--url", "https://a.example"]), 1, "\"mcp\"");
    assert_refused(&run(&["register", "--name", "a", "--url", "http://169.254.169.254/"]), 1, "never spoken to");
    assert_refused(&run(&["register", "--name", "a", "--url", "https://a.example", "--place", "none"]), 1, "\"none\"");
    assert_refused(
        &run(&["register", "--name", "a", "--url", "https://a.example", "--transport", "stdio"]),
        1,
        "has no URL",
    );
    assert_refused(&run(&["register", "--name", "a", "--command", "memory"]), 1, "off until the operator allows");
    let both = run(&["register", "--name", "a", "--command", "memory", "--url", "https://a.example"]);
    assert_eq!(both.status.code(), Some(2), "a URL or a command");
    let list: Value = serde_json::from_str(&said(&run(&["list", "--place", "acme", "--json"]))).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["auth"]["header"]), (&json!("time"), &json!("authorization")));
    assert_eq!(said(&run(&["list", "--tag", "none"])).trim(), "no servers");
    assert_eq!(said(&run(&["tools", "/time"])).trim(), "edit  write\nlook  read");
    assert!(said(&run(&["tool-class", "time", "edit", "read"])).contains("edit of time counts as read"));
    assert_refused(&run(&["tool-class", "time", "edit", "harmless"]), 2, "\"harmless\"");
    assert_refused(&run(&["tool-class", "time", "edit", "read", "--approve"]), 1, "\"edit\"");
    assert!(said(&run(&["toggle", "time"])).contains("is switched off"));
    assert_eq!(said(&run(&["healthcheck"])).trim(), "no server is switched on");
    assert!(said(&run(&["toggle", "time", "--on"])).contains("is switched on"));
    upstream.change(|manner| manner.voice = Voice::Status(503));
    let failing = run(&["healthcheck"]);
    assert_eq!(failing.status.code(), Some(1));
    assert!(text(&failing.stdout).contains("time  failing") && text(&failing.stdout).contains("503"));
    upstream.change(|manner| manner.voice = Voice::Json);
    assert!(said(&run(&["refresh", "time"])).contains("time  healthy"));
    said(&run(&["remove", "time"]));
    assert_refused(&run(&["remove", "time"]), 1, "\"time\"");
}

#[test]
fn a_file_of_the_registry_registers_its_server() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    let upstream = Upstream::with(vec![]);
    let url = upstream.url().replace("/mcp", "/");
    let mut file = json!({ "server_name": "Current Time", "path": "/currenttime", "proxy_pass_url": url, "tags": ["time"], "auth_type": "none" });
    let write = |file: &Value| fs::write(dir.path().join("time.json"), file.to_string()).unwrap();
    write(&file);
    let made: Value = serde_json::from_str(&said(&run(&["register", "--file", "time.json", "--json"]))).unwrap();
    assert_eq!(
        (&made["name"], &made["url"], &made["health"]),
        (&json!("currenttime"), &json!(upstream.url()), &json!("healthy"))
    );
    file["auth_type"] = json!("oauth");
    write(&file);
    assert_refused(&run(&["register", "--file", "time.json", "--name", "other"]), 2, "\"oauth\"");
    assert_refused(&run(&["register", "--file", "none.json"]), 2, "none.json");
    said(&run(&["register", "--file", "time.json", "--name", "other", "--passthrough", "--off"]));
}
