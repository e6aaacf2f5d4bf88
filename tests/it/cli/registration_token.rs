//! Initial access tokens on the command line: made, listed, withdrawn.

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::cluster::create_database;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn an_initial_access_token_is_shown_once_and_can_be_withdrawn() {
    let (database, dir) = (create_database(), tempfile::tempdir().unwrap());
    let settings = [("DATABASE_URL", database.url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    let run = |arguments: &[&str]| portcullis(dir.path(), &settings).args(arguments).output().unwrap();
    let json = |arguments: &[&str]| {
        let output = run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_str::<Value>(&text(&output.stdout)).unwrap()
    };
    let create = ["registration-token-create", "--label", "partners", "--uses", "2", "--expires", "1d"];
    let token = json(&create)["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("pcli_"));
    assert_refused(&run(&create), 1, "partners already");
    let listed = json(&["registration-token-list"]);
    let item = &listed["items"][0];
    assert_eq!((&item["label"], &item["state"], &item["uses_left"]), (&"partners".into(), &"good".into(), &2.into()));
    assert!(!listed.to_string().contains(&token));
    let revoke = ["registration-token-revoke", "--label", "partners"];
    assert!(run(&revoke).status.success());
    assert_refused(&run(&revoke), 1, "no token that still stands is called partners");
    assert_eq!(json(&["registration-token-list"])["items"][0]["state"], "revoked");
    for bad in [["--uses", "0"], ["--expires", "soon"], ["--expires", "0s"]] {
        let output = run(&[&["registration-token-create", "--label", "x"][..], &bad].concat());
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
}
