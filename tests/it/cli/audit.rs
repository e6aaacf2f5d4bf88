//! `portcullis audit search` and `audit export`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::cluster::{TestDatabase, create_database};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn run(dir: &Path, database: &TestDatabase, arguments: &[&str]) -> Output {
    let settings = [("DATABASE_URL", database.url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    portcullis(dir, &settings).args(arguments).output().unwrap()
}

#[test]
fn the_operator_searches_and_copies_the_trail() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database, arguments);
    let said = |arguments: &[&str]| {
        let output = run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    said(&["group-create", "analysts"]);
    said(&["group-create", "auditors"]);
    let lines = said(&["audit", "search", "--event", "group.added", "--words", "analysts"]);
    assert!(lines.contains("group.added") && lines.contains("analysts") && !lines.contains("auditors"), "{lines}");
    let search = ["audit", "search", "--json", "--event", "group.", "--since", "1h", "--limit", "1"];
    let first: Value = serde_json::from_str(&said(&search)).unwrap();
    let next = first["next"].as_str().unwrap();
    let second: Value = serde_json::from_str(&said(&[&search[..], &["--after", next]].concat())).unwrap();
    assert_eq!(first["items"][0]["detail"]["name"], "auditors", "{first}");
    assert_eq!(second["items"][0]["detail"]["name"], "analysts", "{second}");

    let copy = said(&["audit", "export", "--event", "group."]);
    let events: Vec<Value> = copy.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() >= 2 && events.last().unwrap()["detail"]["name"] == "auditors", "{copy}");
    let file = dir.path().join("audit.csv");
    let export = ["audit", "export", "--format", "csv", "--file", file.to_str().unwrap()];
    assert!(said(&export).contains("audit.csv"));
    assert!(fs::read_to_string(&file).unwrap().starts_with("id,at,event,"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_refused(&run(&export), 1, "audit.csv");
    let told = said(&["audit", "search", "--event", "audit.exported"]);
    assert!(told.matches("audit.exported").count() >= 2, "{told}");

    assert_refused(&run(&["audit", "search", "--event", "gruop."]), 2, "gruop.");
    assert_refused(&run(&["audit", "search", "--user", "nobody-here"]), 2, "nobody-here");
    assert_refused(&run(&["audit", "export", "--outcome", "maybe"]), 2, "done or refused");
}
