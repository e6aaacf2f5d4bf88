//! Personal access tokens on the command line, and what is in a token file.

use std::fs;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::client::jwt;
use crate::support::cluster::create_database;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn a_token_is_made_for_somebody_listed_without_itself_and_revoked_for_good() {
    let (database, dir) = (create_database(), tempfile::tempdir().unwrap());
    let settings = [("DATABASE_URL", database.url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    let run = |arguments: &[&str]| portcullis(dir.path(), &settings).args(arguments).output().unwrap();
    let json = |arguments: &[&str]| {
        let output = run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_str::<Value>(&text(&output.stdout)).unwrap()
    };
    json(&["user-create-human", "--username", "ada"]);
    let create = ["token-create", "--user", "ada", "--name", "CI", "--expires", "90d"];
    let made = json(&create);
    let token = made["access_token"].as_str().unwrap();
    let claims = jwt(token).1;
    assert_eq!((&claims["token_type"], &claims["scopes"]), (&"pat".into(), &serde_json::json!(["mcp:read"])));
    assert_eq!(made["scope"], serde_json::json!(["mcp-gateway"]));
    let listed = json(&["token-list", "--user", "ada"]);
    let item = &listed["items"][0];
    assert_eq!((&item["name"], &item["state"], &item["jti"]), (&"CI".into(), &"active".into(), &claims["jti"]));
    assert!(!listed.to_string().contains(token));
    let id = made["id"].as_str().unwrap();
    let next = json(&["token-rotate", id, "--overlap", "2d"]);
    assert_ne!(next["access_token"], made["access_token"]);
    assert_eq!((&next["name"], &next["scopes"]), (&made["name"], &made["scopes"]));
    assert_refused(&run(&["token-rotate", id]), 1, "has a successor already");
    assert_refused(&run(&["token-rotate", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56"]), 1, "no token with the id");
    assert_eq!(run(&["token-rotate", id, "--overlap", "8d"]).status.code(), Some(2));
    assert_eq!(json(&["token-revoke", id])["revoked"], id);
    assert_refused(&run(&["token-revoke", id]), 1, id);
    let (listed, next) = (json(&["token-list"]), next["id"].as_str().unwrap());
    let states: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| (&item["id"], &item["state"])).collect();
    assert_eq!(states, [(&next.into(), &"active".into()), (&id.into(), &"revoked".into())]);
    for (more, words) in [
        (&["--user", "nobody"][..], "nobody with the user name"),
        (&["--user", "ada", "--scopes", "mgmt.admin"], "not yours to give"),
        (&["--user", "ada", "--scope", "acme"], "no place"),
        (&["--user", "ada", "--server", "time"], "no server"),
    ] {
        assert_refused(&run(&[&["token-create", "--name", "x"][..], more].concat()), 1, words);
    }
}

#[test]
fn a_token_file_shows_its_claims_in_every_form_that_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| portcullis(dir.path(), &[]).args(arguments).output().unwrap();
    // {"alg":"none"} . {"groups":["registry-admins"]}
    let token = "eyJhbGciOiJub25lIn0.eyJncm91cHMiOlsicmVnaXN0cnktYWRtaW5zIl19.";
    for text_of_file in [token.to_owned(), format!(r#"{{"access_token": "{token}", "token_type": "Bearer"}}"#)] {
        fs::write(dir.path().join("agent.json"), text_of_file).unwrap();
        let output = run(&["token-inspect", "agent.json", "--json"]);
        let shown: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(shown["claims"]["groups"], serde_json::json!(["registry-admins"]));
        assert!(text(&run(&["token-inspect", "agent.json"]).stdout).contains("Nothing of this was checked"));
    }
    fs::write(dir.path().join("agent.json"), "opaque").unwrap();
    assert_refused(&run(&["token-inspect", "agent.json"]), 1, "no JWT");
    assert_refused(&run(&["token-inspect", "missing"]), 1, "missing");
}
