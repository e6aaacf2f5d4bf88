//! `portcullis client-add` and `client-list`: clients that an administrator vouches for.

use std::path::Path;
use std::process::Output;

use portcullis::grants::add_client::GRANTS;
use portcullis::oauth::token::GrantType;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{assert_refused, portcullis, text};
use crate::support::cluster::{TestDatabase, create_database};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn run(dir: &Path, database: &TestDatabase, arguments: &[&str]) -> Output {
    let settings = [("DATABASE_URL", database.url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    portcullis(dir, &settings).args(arguments).output().unwrap()
}

fn facts(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_client_is_added_with_a_secret_that_is_shown_once() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let add = ["client-add", "--name", "Wiki", "--redirect-uri", "https://wiki.example/cb", "--scope", "mcp:read"];
    let said = text(&run(dir.path(), &database, &add).stdout);
    let id = said.lines().find_map(|line| line.strip_prefix("Client ID: ")).expect("an id");
    let secret = said.lines().find_map(|line| line.strip_prefix("Client Secret: ")).expect("a secret");

    let listed = run(dir.path(), &database, &["client-list", "--json"]);
    let expected = json!({
        "client_id": id,
        "name": "Wiki",
        "origin": "administrator",
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": ["https://wiki.example/cb"],
        "scope": "mcp:read",
        "profile": "standard",
        "disabled": false,
    });
    let mut client = facts(&listed)["items"][0].clone();
    client.as_object_mut().unwrap().remove("created_at").unwrap();
    assert_eq!(client, expected);
    let words = text(&run(dir.path(), &database, &["client-list"]).stdout);
    assert!(words.contains(id) && !words.contains(secret), "{words}");
}

#[test]
fn a_client_with_a_key_has_no_secret_and_may_be_held_to_fapi() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    std::fs::write(dir.path().join("keys.json"), json!({ "keys": [key] }).to_string()).unwrap();
    let add =
        ["client-add", "--name", "Ledger", "--redirect-uri", "https://ledger.example/cb", "--jwks-file", "keys.json"];
    let added = facts(&run(dir.path(), &database, &[&add[..], &["--fapi2", "--json"]].concat()));
    assert_eq!(added["token_endpoint_auth_method"], "private_key_jwt");
    assert!(added.get("client_secret").is_none(), "{added}");
    let listed = facts(&run(dir.path(), &database, &["client-list", "--json"]));
    assert_eq!(listed["items"][0]["profile"], "fapi2");
}

#[test]
fn a_client_that_cannot_be_is_refused_in_a_sentence_and_nothing_is_kept() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    std::fs::write(dir.path().join("secret.json"), r#"{ "keys": [{ "kty": "oct", "k": "AAAA" }] }"#).unwrap();
    let web = ["--redirect-uri", "https://app.example/cb"];
    for (arguments, words) in [
        (&["--grant", "authorization_code"][..], "needs a redirect URI"),
        (&["--grant", "refresh_token"], "needs a grant of a person"),
        (&[&web[..], &["--scope", "root"]].concat(), "\"root\" is not a scope"),
        (&[&web[..], &["--jwks-file", "secret.json"]].concat(), "a key that nobody else may have"),
        (&[&web[..], &["--jwks-file", "nowhere.json"]].concat(), "nowhere.json cannot be used"),
        (&[&web[..], &["--fapi2"]].concat(), "needs private_key_jwt"),
        (&["--grant", "client_credentials"], "user-create-m2m"),
    ] {
        let output = run(dir.path(), &database, &[&["client-add", "--name", "App"], arguments].concat());
        assert_refused(&output, 2, words);
    }
    for bad in [["--redirect-uri", "javascript:alert(1)"], ["--token-lifetime", "59"], ["--token-lifetime", "86401"]] {
        let output = run(dir.path(), &database, &[&["client-add", "--name", "App"], &bad[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
    assert_eq!(facts(&run(dir.path(), &database, &["client-list", "--json"]))["items"], json!([]));
}

#[test]
fn a_client_is_cut_off_and_let_in_again_each_once() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let add = ["client-add", "--name", "Wiki", "--redirect-uri", "https://wiki.example/cb", "--json"];
    let added = facts(&run(dir.path(), &database, &add));
    let id = added["client_id"].as_str().unwrap();
    for (verb, is_disabled) in [("client-disable", true), ("client-enable", false)] {
        assert!(run(dir.path(), &database, &[verb, id]).status.success());
        assert_eq!(facts(&run(dir.path(), &database, &["client-list", "--json"]))["items"][0]["disabled"], is_disabled);
        assert_refused(&run(dir.path(), &database, &[verb, id]), 1, "there is no client");
    }
    assert_refused(&run(dir.path(), &database, &["client-disable", "nobody"]), 1, "there is no client \"nobody\"");
}

#[test]
fn whatever_the_token_endpoint_does_can_be_given_to_a_client_by_hand() {
    let given: Vec<&str> =
        GrantType::ALL.map(GrantType::name).into_iter().filter(|name| *name != "client_credentials").collect();
    let missing: Vec<_> = given.iter().filter(|name| !GRANTS.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let invented: Vec<_> = GRANTS.iter().filter(|name| !given.contains(name)).collect();
    assert!(invented.is_empty(), "{invented:?}");
}

#[test]
fn a_client_is_scoped_rotated_and_removed() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let add = ["client-add", "--name", "Wiki", "--redirect-uri", "https://wiki.example/cb", "--json"];
    let scoped = ["--scope-place", "mcp-gateway", "--permissions", "tools:read,tools:write"];
    let added = facts(&run(dir.path(), &database, &[&add[..], &scoped].concat()));
    assert_eq!(added["scope"], "email groups mcp:read mcp:write offline_access openid profile");
    let id = added["client_id"].as_str().unwrap();
    let (first, rotate) = (added["client_secret"].clone(), ["client-rotate-secret", id, "--overlap", "12h", "--json"]);
    let rotated = facts(&run(dir.path(), &database, &rotate));
    assert!(rotated["client_secret"] != first && rotated["replaced_secret_expires_at"].is_string());
    for (overlap, words) in [("8d", "at most 7 days"), ("x", "at most 7 days"), ("-1h", "at most 7 days")] {
        let output = run(dir.path(), &database, &["client-rotate-secret", id, &format!("--overlap={overlap}")]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    assert_eq!(facts(&run(dir.path(), &database, &["client-remove", id, "--json"]))["state"], "removed");
    assert_refused(&run(dir.path(), &database, &["client-remove", id]), 1, "there is no client");
    assert_refused(&run(dir.path(), &database, &["client-rotate-secret", id]), 1, "there is no client");
    let lost = ["--scope-place", "mcp-gateway/nowhere"];
    assert_refused(&run(dir.path(), &database, &[&add[..], &lost].concat()), 2, "there is no place");
    let listed =
        facts(&run(dir.path(), &database, &["client-list", "--self-registered", "--unused-for", "30", "--json"]));
    assert_eq!(listed, json!({ "items": [] }));
}

/// The client of the tokens that people make for themselves can be switched off, and is nobody's to be or to remove.
#[test]
fn the_client_that_is_a_part_of_the_gate_stays() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let account = run(dir.path(), &database, &["user-create-m2m", "--name", "portcullis-web", "--groups", "agents"]);
    assert_refused(&account, 1, "\"portcullis-web\" is reserved");
    assert_refused(&run(dir.path(), &database, &["client-remove", "portcullis-web"]), 1, "there is no client");
    assert_refused(
        &run(dir.path(), &database, &["client-rotate-secret", "portcullis-web"]),
        1,
        "that somebody registered",
    );
    assert_eq!(facts(&run(dir.path(), &database, &["client-list", "--json"]))["items"], serde_json::json!([]));
    for verb in ["client-disable", "client-enable"] {
        assert!(run(dir.path(), &database, &[verb, "portcullis-web"]).status.success());
    }
}
