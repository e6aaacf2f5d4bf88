//! Groups and policies from the command line, with the verbs of the system that people come from (U-25 to U-35).

use std::fs;
use std::path::Path;
use std::process::Output;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{assert_refused, portcullis, text};
use crate::support::cluster::create_database;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn run(dir: &Path, database: &SecretString, arguments: &[&str]) -> Output {
    let settings = [("DATABASE_URL", database.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    portcullis(dir, &settings).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn facts(output: &Output) -> Value {
    serde_json::from_str(&said(output)).unwrap()
}

fn example(name: &str) -> String {
    format!("{}/examples/groups/{name}.json", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bootstrap_writes_what_the_sources_begin_with_and_changes_nothing_the_second_time() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    let entra = "16c7e67e-e8ae-498c-ba2e-0593c0159e43";
    said(&run(&["migrate"]));
    let first = facts(&run(&["--json", "bootstrap", "--entra-group-id", entra]));
    assert!(first["setup_link"].as_str().unwrap().contains("/setup"), "{first}");
    said(&run(&["bootstrap", "--entra-group-id", entra]));
    let admins = facts(&run(&["policy", "show", "registry-admins", "--json"]));
    assert_eq!(admins["groups"], json!([entra, "registry-admins"]));
    let policies = facts(&run(&["policy", "list", "--json"]));
    let names: Vec<&str> = policies.as_array().unwrap().iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    for name in ["mcp-registry-admin", "mcp-servers-restricted/execute", "mcp-servers-unrestricted/read"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let groups = facts(&run(&["list-groups", "--json"]));
    for name in [
        "registry-admins",
        "mcp-registry-user",
        "mcp-registry-developer",
        "mcp-registry-operator",
        "mcp-servers-restricted",
    ] {
        assert!(groups.as_array().unwrap().iter().any(|group| group["name"] == name), "{groups}");
    }
    said(&run(&["policy", "remove", "mcp-servers-restricted/read"]));
    said(&run(&["migrate"]));
    assert_refused(&run(&["policy", "show", "mcp-servers-restricted/read"]), 1, "mcp-servers-restricted/read");
    let other = dir.path().join("admins.json");
    fs::write(
        &other,
        r#"{"_id":"registry-admins","server_access":[{"server":"a","methods":["all"],"tools":["all"]}]}"#,
    )
    .unwrap();
    said(&run(&["bootstrap", "--registry-admins", other.to_str().unwrap()]));
    assert_eq!(facts(&run(&["policy", "show", "registry-admins", "--json"]))["rules"][0]["server"], "a");
    assert_refused(&run(&["bootstrap", "--registry-admins", &example("currenttime-users")]), 1, "registry-admins");
}

#[test]
fn a_group_is_imported_word_for_word_as_the_sources_have_it() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    let imported = facts(&run(&["--json", "import-group", "--file", &example("time-and-registry-users")]));
    assert_eq!(
        (&imported["made"], &imported["groups_made"]),
        (&json!(["time-and-registry-users"]), &json!(["time-and-registry-users"]))
    );
    assert_eq!(imported["notes"][0]["at"], "/create_in_idp");
    let again = facts(&run(&["import-group", "--file", &example("time-and-registry-users"), "--json"]));
    assert_eq!((&again["made"], &again["changed"]), (&json!([]), &json!(["time-and-registry-users"])));
    said(&run(&["import-group", "--file", &example("public-mcp-users")]));

    let bad = dir.path().join("bad.json");
    fs::write(
        &bad,
        r#"[{"scope_name":"good","server_access":[]},{"scope_name":"bad","server_access":[{"servr":"a"}]}]"#,
    )
    .unwrap();
    assert_refused(&run(&["import-group", "--file", bad.to_str().unwrap()]), 1, "/1/server_access/0/servr");
    assert_refused(&run(&["policy", "show", "good"]), 1, "\"good\"");
    assert_refused(&run(&["import-group", "--file", "nowhere.json"]), 1, "nowhere.json");

    let exported = said(&run(&["policy", "export", "time-and-registry-users", "--dialect", "access-level"]));
    let source = fs::read_to_string(example("time-and-registry-users")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&exported).unwrap(), serde_json::from_str::<Value>(&source).unwrap());
    let refused = run(&["policy", "export", "public-mcp-users", "--dialect", "access-level"]);
    assert_refused(&refused, 1, "public-mcp-users");
    let all = said(&run(&["policy", "export", "--dialect", "portcullis"]));
    fs::write(dir.path().join("all.json"), &all).unwrap();
    said(&run(&["policy", "import", "--file", "all.json"]));
    assert_eq!(said(&run(&["policy", "export"])), all);
    let lint = run(&["policy", "lint", "--json"]);
    assert_eq!(lint.status.code(), Some(1));
    let findings: Value = serde_json::from_str(&text(&lint.stdout)).unwrap();
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["kind"] == "unknown-server"), "{findings}");
}

#[test]
fn groups_get_servers_and_people_and_lose_them_again() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    said(&run(&["import-group", "--file", &example("currenttime-users")]));
    said(&run(&["create-group", "spare"]));
    said(&run(&["user-create-human", "--username", "ada", "--email", "ada@example.com"]));
    said(&run(&["add-to-groups", "--user", "ada", "--groups", "currenttime-users,spare"]));
    said(&run(&[
        "add-to-groups",
        "--server",
        "/fininfo/",
        "--groups",
        "currenttime-users",
        "--tools",
        "get_stock,print_*",
    ]));
    let described = facts(&run(&["describe-group", "currenttime-users", "--json"]));
    assert_eq!((&described["people"], &described["policies"]), (&json!(["ada"]), &json!(["currenttime-users"])));
    let policy = facts(&run(&["policy", "show", "currenttime-users", "--json"]));
    assert_eq!(
        (&policy["rules"][1]["server"], &policy["rules"][1]["tools"]),
        (&json!("fininfo"), &json!(["get_stock", "print_*"]))
    );
    said(&run(&["remove-from-groups", "--server", "fininfo", "--groups", "currenttime-users"]));
    let policy = facts(&run(&["policy", "show", "currenttime-users", "--json"]));
    assert_eq!(policy["rules"].as_array().unwrap().len(), 1);
    said(&run(&["remove-from-groups", "--user", "ada", "--groups", "currenttime-users"]));
    assert_eq!(facts(&run(&["describe-group", "currenttime-users", "--json"]))["people"], json!([]));
    assert_refused(&run(&["add-to-groups", "--user", "bob", "--groups", "spare"]), 1, "\"bob\"");
    assert_refused(&run(&["add-to-groups", "--user", "ada", "--groups", "nowhere"]), 1, "\"nowhere\"");
    assert_refused(&run(&["add-to-groups", "--server", "a", "--groups", "spare,nowhere"]), 1, "\"nowhere\"");
    assert_refused(&run(&["policy", "show", "spare"]), 1, "\"spare\"");
    said(&run(&["add-to-groups", "--server", "a", "--groups", "spare"]));
    let policy = facts(&run(&["policy", "show", "spare", "--json"]));
    assert_eq!((&policy["groups"], &policy["rules"][0]["server"]), (&json!(["spare"]), &json!("a")));
    assert!(said(&run(&["delete-group", "currenttime-users"])).contains("policies that name it stay"));
    assert_refused(&run(&["describe-group", "currenttime-users"]), 1, "\"currenttime-users\"");
    assert_refused(&run(&["policy", "explain", "--user", "ada", "--server", "fininfo"]), 1, "\"fininfo\"");
}
