//! `portcullis issuer-*`: who is trusted, and what their workloads may do.

use std::fs;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{assert_refused, portcullis, text};
use crate::support::administrator::BEARER;
use crate::support::client::jwt;
use crate::support::issuers::Issuer;
use crate::support::{TestApp, cluster};

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

#[tokio::test]
async fn access_tokens_are_accepted_of_issuers_that_are_trusted_for_people() {
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
    let accept = "issuer-accept-tokens --issuer https://idp.example --audience mcp --client-id a --client-id b";
    assert_refused(&run(accept), 1, "is not trusted for tokens");
    done("issuer-add --issuer https://ci.example --kind workload --jwks-file keys.json");
    assert_refused(&run("issuer-accept-tokens --issuer https://ci.example"), 1, "is not trusted for tokens");
    done("issuer-add --issuer https://idp.example --kind access-tokens --jwks-file keys.json --provision");
    assert_refused(&run(&format!("{accept} --scope mgmt.read")), 2, "mgmt.read is not for tokens of others");
    done("issuer-accept-tokens --issuer https://idp.example --scope mcp:read --groups-claim realm_access.roles");
    let accepted = done(&format!("{accept} --scope mcp:read --groups-claim groups"));
    let expected = json!({
        "issuer": "https://idp.example", "audiences": ["mcp"], "client_ids": ["a", "b"], "scope": "mcp:read",
        "groups_claim": "groups",
    });
    assert_eq!(accepted, expected, "what is said replaces what was said before");
    let listed = text(&run("issuer-list").stdout);
    assert!(listed.contains("access tokens for mcp, of a, b, with mcp:read, groups by groups"), "{listed}");
    assert_eq!(done("issuer-list")[1]["accepted_tokens"]["client_ids"], json!(["a", "b"]));
}

/// Who is linked is let in by an issuer that adds nobody, and is refused again once that is taken back.
// A second thread looks after the test's connections while a program is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_linked_to_a_person_and_lets_a_client_in_for_them() {
    let app = TestApp::start().await;
    let home = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", app.database().url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    let run = |line: &str| portcullis(home.path(), &settings).args(line.split(' ')).output().unwrap();
    let done = |line: &str| -> Value {
        let output = run(&format!("{line} --json"));
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        serde_json::from_str(&text(&output.stdout)).unwrap()
    };
    let (idp, github) = (Issuer::new("https://idp.example"), Issuer::new(GITHUB));
    for (issuer, kind) in [(&idp, "id-jag"), (&github, "workload")] {
        fs::write(home.path().join("keys.json"), issuer.jwks().to_string()).unwrap();
        done(&format!("issuer-add --issuer {} --kind {kind} --jwks-file keys.json", issuer.url));
    }
    let ada = app.person("ada").await;
    let agent = app.administrators_client("agent", &[BEARER], |client| client).await;
    let ask = async |jti: &str| {
        let now = app.clock().now().timestamp();
        let claims = json!({
            "iss": idp.url, "sub": "u-17", "aud": app.issuer(), "client_id": "agent", "jti": jti,
            "iat": now, "exp": now + 300, "scope": "mcp:read",
        });
        let assertion = idp.sign("oauth-id-jag+jwt", &claims);
        agent.token(&[("grant_type", BEARER), ("assertion", &assertion)]).await
    };
    ask("a").await.assert_refused(400, "invalid_grant");
    let link = format!("issuer-link --issuer {} --subject u-17 --username", idp.url);
    assert_refused(&run(&format!("{link} bob")), 1, "nobody with the user name \"bob\"");
    assert_refused(&run(&link.replace(&idp.url, GITHUB).replace("--username", "--username ada")), 1, "is not trusted");
    assert_eq!(run(&format!("issuer-link --issuer {} --subject= --username ada", idp.url)).status.code(), Some(2));
    assert_eq!(done(&format!("{link} ada"))["subject"], "u-17");
    assert_refused(&run(&format!("{link} ada")), 1, "is linked already");
    let tokens = ask("b").await.tokens();
    assert_eq!(jwt(&tokens.access).1["sub"], ada.user.to_string());
    app.call_mcp(&tokens.access).await.assert(200);
    let listed = done("issuer-list");
    let people: Vec<_> = listed.as_array().unwrap().iter().map(|issuer| issuer["people"].clone()).collect();
    assert_eq!(people, [json!([{ "subject": "u-17", "username": "ada" }]), json!([])]);
    assert!(text(&run("issuer-list").stdout).contains("\"u-17\" -> ada"));
    let unlink = format!("issuer-unlink --issuer {} --subject u-17", idp.url);
    done(&unlink);
    assert_refused(&run(&unlink), 1, "was not linked");
    ask("c").await.assert_refused(400, "invalid_grant");
    let events = [app.events("issuer.account_linked").await, app.events("issuer.account_unlinked").await].concat();
    assert_eq!(events, vec![json!({ "issuer": idp.url, "subject": "u-17" }); 2]);
}
