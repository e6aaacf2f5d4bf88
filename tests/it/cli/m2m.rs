//! Programs that act for themselves, from the command line to a token (U-45 to U-53).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{assert_refused, portcullis, text};
use crate::support::TestApp;
use crate::support::administrator::EXCHANGE;
use crate::support::client::{Client, jwt};
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

#[test]
fn an_account_is_made_word_for_word_as_the_source_has_it() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    let group = said(&run(&["group-create", "public-mcp-users", "--description", "Public access", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&group).unwrap()["name"], "public-mcp-users");
    said(&run(&["group-create", "--name", "analytics-team"]));
    assert_refused(&run(&["group-create", "analytics-team"]), 1, "\"analytics-team\"");
    assert_refused(&run(&["group-create", "a,b"]), 1, "\"a,b\"");

    let create = ["user-create-m2m", "--name", "my-ai-agent", "--groups", "public-mcp-users"];
    let described = [&create[..], &["--description", "AI coding assistant service account"]].concat();
    let output = said(&run(&described));
    let lines: Vec<_> = output.lines().collect();
    let secret = lines[1].strip_prefix("Client Secret: ").unwrap();
    assert_eq!((lines[0], lines[2]), ("Client ID: my-ai-agent", "Groups: public-mcp-users"));
    assert_eq!(lines[3], "IMPORTANT: Save the client secret securely - it cannot be retrieved later.");
    assert!(secret.len() >= 43 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{secret}");
    assert_refused(&run(&create), 1, "\"my-ai-agent\"");

    let rotated = said(&run(&["user-rotate-m2m", "--name", "my-ai-agent"]));
    assert!(rotated.contains("Client Secret: ") && !rotated.contains(secret));
    said(&run(&["user-delete-m2m", "--name", "my-ai-agent"]));
    assert_refused(&run(&["user-delete-m2m", "--name", "my-ai-agent"]), 1, "\"my-ai-agent\"");
    assert_refused(&run(&["user-rotate-m2m", "--name", "my-ai-agent"]), 1, "\"my-ai-agent\"");
    said(&run(&create));
}

#[test]
fn what_is_wrong_is_said_by_name_and_nothing_is_made() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    said(&run(&["group-create", "g"]));
    let named =
        |name, more: &[&'static str]| run(&[&["user-create-m2m", "--name", name, "--groups", "g"], more].concat());
    assert_refused(&run(&["user-create-m2m", "--name", "a", "--groups", "g,nobodys"]), 1, "\"nobodys\"");
    assert_refused(&named("https://a.example/c", &[]), 1, "\"https://a.example/c\"");
    assert_refused(&named("../a", &["--save"]), 1, "\"../a\"");
    assert_refused(&named("a", &["--scope", "openid"]), 1, "\"openid\"");
    assert_refused(&named("a", &["--scope", "\""]), 2, "--scope");
    assert_refused(&named("a", &["--token-lifetime", "10"]), 1, "60 to 86400");
    assert_refused(&named("a", &["--jwks-file", "nowhere.json"]), 2, "nowhere.json");
    assert_eq!(run(&["user-create-m2m", "--name", "a"]).status.code(), Some(2), "U-48");
    let made = fs::read_dir(dir.path()).unwrap().flat_map(|entry| walk(&entry.unwrap().path())).collect::<Vec<_>>();
    assert!(made.is_empty(), "{made:?}");
    said(&named("a", &[]));
}

fn walk(path: &Path) -> Vec<String> {
    match fs::read_dir(path) {
        Ok(entries) => entries.flat_map(|entry| walk(&entry.unwrap().path())).collect(),
        Err(_) => vec![path.display().to_string()],
    }
}

#[test]
fn everything_is_said_in_json_and_credentials_are_kept_for_nobody_else_to_read() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    said(&run(&["group-create", "a"]));
    said(&run(&["group-create", "b"]));
    let create = ["user-create-m2m", "--name", "agent", "--groups", "b,a", "--scope", "mcp:read", "--save", "--json"];
    let facts: Value = serde_json::from_str(&said(&run(&create))).unwrap();
    assert_eq!((&facts["client_id"], &facts["scope"]), (&json!("agent"), &json!("mcp:read")));
    assert_eq!(facts["groups"], json!(["a", "b"]));
    let path = dir.path().join(".oauth-tokens/agent-agent.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(kept["client_secret"], facts["client_secret"]);
    assert_eq!((&kept["auth_provider"], &kept["issuer"]), (&json!("local"), &json!("http://localhost:8080")));
    // Another's credentials are never written over, and then nothing is made.
    fs::rename(&path, dir.path().join(".oauth-tokens/agent-other.json")).unwrap();
    let other = ["user-create-m2m", "--name", "other", "--groups", "a", "--save"];
    assert_refused(&run(&other), 1, "agent-other.json");
    said(&run(&other[..5]));

    fs::write(dir.path().join("keys.json"), r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    let keys = ["user-create-m2m", "--name", "signer", "--groups", "a", "--jwks-file", "keys.json"];
    assert_refused(&run(&keys), 1, "nobody else may have");
    let published = ["user-create-m2m", "--name", "signer", "--groups", "a", "--jwks-uri", "https://a.example/jwks"];
    assert_eq!(said(&run(&published)), "Client ID: signer\nGroups: a\n", "no secret to show");
}

/// RFC 8693 §4.1: an account that acts in its own name and, when it is given another's token, for them.
// A second thread looks after the test's connections while a program is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_exchanges_acts_for_others_as_itself() {
    let app = TestApp::start().await;
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(dir.path(), &app.database().url, arguments);
    said(&run(&["group-create", "g"]));
    let create = |name| ["user-create-m2m", "--name", name, "--groups", "g", "--json"];
    let broker = |arguments: &[&str], name: &str| {
        let facts: Value = serde_json::from_str(&said(&run(arguments))).unwrap();
        let secret = facts["client_secret"].as_str().unwrap();
        app.is_secret(secret);
        Client::known(&app, name, "").proving("client_secret_post", Some(secret))
    };
    let able = broker(&[&create("broker")[..], &["--token-exchange"]].concat(), "broker");
    let plain = broker(&create("plain"), "plain");
    able.act(&[]).await.tokens();
    let ada = app.person("ada").await;
    let token = app.client().await.connect(&ada).await.access;
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    let asked = [("grant_type", EXCHANGE), ("subject_token", &*token), ("subject_token_type", kind)];
    plain.token(&asked).await.assert_refused(400, "unauthorized_client");
    let bought = able.token(&asked).await.tokens().access;
    let (_, claims) = jwt(&bought);
    assert_eq!((&claims["sub"], &claims["act"]["client_id"]), (&json!(ada.user.to_string()), &json!("broker")));
    assert!(claims["act"]["sub"].as_str().unwrap().starts_with("service:"), "{claims}");
    app.call_mcp(&bought).await.assert(200);
}
