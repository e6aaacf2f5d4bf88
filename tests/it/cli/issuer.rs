//! `portcullis issuer-*`: who is trusted, and what their workloads may do.

use std::fs;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::cluster;
use crate::support::issuers::Issuer;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

#[tokio::test]
async fn an_issuer_is_trusted_gets_rules_and_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let database = cluster::create_database();
    let settings = [("DATABASE_URL", database.url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    let run = |line: &str| portcullis(home.path(), &settings).args(line.split(' ')).output().unwrap();
    let done = |line: &str| -> Value {
        let output = run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        serde_json::from_str(&text(&output.stdout)).unwrap()
    };
    fs::write(home.path().join("keys.json"), Issuer::new(GITHUB).jwks().to_string()).unwrap();
    fs::write(home.path().join("bad.json"), r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    let add = format!("issuer-add --issuer {GITHUB} --kind workload");
    assert_refused(&run(&format!("{add} --jwks-file bad.json")), 2, "nobody else may have");
    assert_refused(&run(&format!("{add} --jwks-file none.json")), 2, "none.json cannot be used");
    assert_refused(&run(&format!("{add} --jwks-file keys.json --provision")), 2, "a workload is no person");
    assert_refused(&run(&format!("{add} --jwks-file keys.json --algorithms HS256")), 2, "HS256 is none of");
    assert_refused(&run("issuer-add --issuer github --kind workload"), 2, "is not an absolute http or https URL");
    let rule = format!("issuer-rule-add --issuer {GITHUB} --service-account deployer --scope mcp:read");
    assert_refused(&run(&format!("{rule} --match sub=a")), 1, "is not trusted for workloads");
    assert_eq!(done(&format!("{add} --jwks-file keys.json --algorithms ES256,RS256"))["issuer"], GITHUB);
    assert_refused(&run(&format!("{add} --jwks-file keys.json")), 1, "is trusted already");
    assert_refused(&run(&format!("{rule} --match sub=*")), 2, "more than a star");
    assert_refused(&run(&format!("{rule} --match sub=a")), 1, "no service account with the name");
    let wide = format!("issuer-rule-add --issuer {GITHUB} --service-account deployer --scope nonsense --match sub=a");
    assert_refused(&run(&wide), 2, "nonsense does not exist here");
    let list = done("issuer-list");
    assert_eq!((list[0]["kind"].as_str(), list[0]["algorithms"].as_array().unwrap().len()), (Some("workload"), 2));
    done(&format!("issuer-remove --issuer {GITHUB}"));
    assert_refused(&run(&format!("issuer-remove --issuer {GITHUB}")), 1, "was not trusted");
    assert_eq!(done("issuer-list"), serde_json::json!([]));
}
