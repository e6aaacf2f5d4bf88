//! `portcullis config`, and how wrong settings and arguments are answered.

use std::fs;

use serde_json::Value;

use super::{assert_refused, portcullis, text};

#[test]
fn a_misspelt_setting_stops_every_verb_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for verb in ["config", "serve", "migrate"] {
        let output = portcullis(dir.path(), &[("PORTCULLIS_PUBLC_URL", "x")]).arg(verb).output().unwrap();
        assert_refused(&output, 2, "did you mean PORTCULLIS_PUBLIC_URL?");
    }
}

#[test]
fn a_wrong_value_is_named_with_the_file_it_stands_in() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("portcullis.toml"), "workers = 0").unwrap();
    let output = portcullis(dir.path(), &[]).arg("config").output().unwrap();
    assert_refused(&output, 2, "PORTCULLIS_WORKERS (portcullis.toml) is \"0\" but must be a number from 1 to 1000");

    let elsewhere = portcullis(dir.path(), &[]).args(["config", "--config", "nowhere.toml"]).output().unwrap();
    assert_refused(&elsewhere, 2, "nowhere.toml cannot be read");
}

#[test]
fn config_prints_values_and_sources_but_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("gate.toml"), "bind = \"127.0.0.1:9999\"").unwrap();
    let settings = [("PORTCULLIS_CONFIG", "gate.toml"), ("PORTCULLIS_ADMIN_PASSWORD", "hunter2hunter2")];
    let output = portcullis(dir.path(), &settings).args(["config", "--json"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(!said.contains("hunter2"), "{said}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["PORTCULLIS_BIND"], serde_json::json!({ "value": "127.0.0.1:9999", "source": "gate.toml" }));
    assert_eq!(said["PORTCULLIS_PUBLIC_URL"]["value"], "http://localhost:9999");
    assert_eq!(said["PORTCULLIS_ADMIN_PASSWORD"]["value"], "********");

    let words = text(&portcullis(dir.path(), &settings).arg("config").output().unwrap().stdout);
    assert!(words.contains("127.0.0.1:9999  [gate.toml]") && !words.contains("hunter2"), "{words}");
}

#[test]
fn a_wrong_argument_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    for line in [&["sreve"][..], &["key", "rotate", "--algorithm", "none"], &["user-create-human"]] {
        let output = portcullis(dir.path(), &[]).args(line).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line:?}");
    }
    for line in ["--help", "--version"] {
        assert!(portcullis(dir.path(), &[]).arg(line).output().unwrap().status.success(), "{line}");
    }
}

#[test]
fn an_unreachable_database_is_named_without_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let settings = [("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/app"), ("PORTCULLIS_SECRET_KEY", key)];
    let output = portcullis(dir.path(), &settings).args(["migrate", "--check"]).output().unwrap();
    assert_refused(&output, 1, "DATABASE_URL cannot be used: the database at 127.0.0.1:1 does not answer");
    assert!(text(&output.stderr).contains("or correct DATABASE_URL"));
    assert!(!text(&output.stderr).contains("hunter2"));
}
