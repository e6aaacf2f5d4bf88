//! `portcullis api-key-*`: made, listed, rotated and revoked by the operator.

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::cluster::create_database;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn a_key_is_made_listed_rotated_and_revoked() {
    let (database, dir) = (create_database(), tempfile::tempdir().unwrap());
    let settings = [
        ("DATABASE_URL", database.url.expose_secret()),
        ("PORTCULLIS_SECRET_KEY", KEY),
        ("PORTCULLIS_API_KEY_TAG", "sta"),
    ];
    let run = |arguments: &[&str]| portcullis(dir.path(), &settings).args(arguments).output().unwrap();
    let json = |arguments: &[&str]| {
        let output = run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_str::<Value>(&text(&output.stdout)).unwrap()
    };
    let create = ["api-key-create", "--name", "CI/CD Pipeline", "--workspace", "mcp-gateway", "--scope", "mcp-gateway"];
    let made = json(&create);
    let (key, prefix) = (made["key"].as_str().unwrap(), made["prefix"].as_str().unwrap());
    assert!(key.starts_with("sta_") && key.starts_with(prefix));
    assert_eq!((&made["state"], &made["permissions"][0]), (&"active".into(), &"tools:read".into()));
    assert!(made["expires_at"].is_string(), "90 days, when nothing is said");
    let listed = json(&["api-key-list", "--search", "pipe"]);
    assert_eq!(listed["items"][0]["prefix"], prefix);
    assert!(!listed.to_string().contains(key));
    let next = json(&["api-key-rotate", prefix, "--overlap", "2d"]);
    assert_ne!(next["key"], made["key"]);
    assert_refused(&run(&["api-key-rotate", prefix]), 1, "has a successor already");
    let id = made["id"].as_str().unwrap();
    assert!(run(&["api-key-revoke", id]).status.success());
    assert_refused(&run(&["api-key-revoke", id]), 1, "was revoked before");
    assert_eq!(json(&["api-key-list", "--state", "revoked"])["items"][0]["id"], id);
    assert_eq!(json(&["api-key-list", "--state", "active"])["items"][0]["id"], next["id"]);

    assert_refused(&run(&["api-key-revoke", "sta_none"]), 1, "there is no API key \"sta_none\"");
    let for_somebody =
        |owner: [&str; 2]| run(&[&["api-key-create", "--name", "x", "--scope", "mcp-gateway"][..], &owner].concat());
    assert_refused(&for_somebody(["--owner", "nobody"]), 1, "there is no person \"nobody\"");
    assert_refused(&for_somebody(["--m2m", "none"]), 1, "there is no M2M account \"none\"");
    let nowhere = ["api-key-create", "--name", "x", "--workspace", "mcp-gateway", "--scope", "nowhere"];
    assert_refused(&run(&nowhere), 1, "\"nowhere\"");
    for bad in [
        ["--expires", "soon"],
        ["--expires", "0s"],
        ["--permissions", "everything"],
        ["--networks", "300.0.0.1"],
        ["--rate", "0"],
    ] {
        assert_eq!(run(&[&create[..], &bad].concat()).status.code(), Some(2), "{bad:?}");
    }
    assert_eq!(run(&["api-key-rotate", id, "--overlap", "8d"]).status.code(), Some(2));
}
