//! `portcullis mcp`: an endpoint used from the command line, as the sources' own script does (C-150 to C-159).

use std::fs;
use std::path::Path;
use std::process::Output;

use portcullis::http::urls;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{assert_refused, portcullis, text};
use crate::support::TestApp;

async fn mcp(home: &Path, settings: &[(&'static str, &str)], arguments: &[&str]) -> Output {
    let owned = |text: &&str| (*text).to_owned();
    let (home, arguments) = (home.to_owned(), ["mcp"].iter().chain(arguments).map(owned).collect::<Vec<_>>());
    let settings: Vec<(&str, String)> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let run = move || {
        let mut command = portcullis(&home, &[]);
        command.env_remove("GATEWAY_URL").envs(settings).args(arguments).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&text(&output.stdout)).unwrap_or_else(|_| panic!("{output:?}"))
}

/// An installation, somebody's token for it in a file, and the URL.
async fn house() -> (TestApp, TempDir, String) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect_for(&ada, "mcp:read").await.access;
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("token.json"), json!({ "access_token": token }).to_string()).unwrap();
    let url = app.at(urls::MCP);
    (app, home, url)
}

#[tokio::test]
async fn an_endpoint_is_greeted_pinged_listed_and_called() {
    let (_app, home, url) = house().await;
    let with = |arguments: &[&str]| {
        let all: Vec<String> = [&["--url", &url, "--token-file", "token.json"], arguments]
            .concat()
            .iter()
            .map(|it| (*it).to_owned())
            .collect();
        let home = home.path().to_owned();
        async move { mcp(&home, &[], &all.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let init = with(&["init"]).await;
    assert!(text(&init.stdout).starts_with("portcullis "), "{init:?}");
    assert_eq!(json_of(&with(&["init", "--json"]).await)["protocolVersion"], "2025-11-25");
    assert_eq!(text(&with(&["ping"]).await.stdout).trim(), format!("{url} answers"));
    let list = text(&with(&["list"]).await.stdout);
    assert!(
        list.lines().any(|line| line.starts_with("debug_auth_context  Shows who this server takes you for")),
        "{list}"
    );
    assert!(!list.contains("register_service"), "filtered by what the token may find: {list}");
    let call = with(&["call", "debug_auth_context", "{}"]).await;
    assert!(text(&call.stdout).contains("\"username\": \"ada\""), "{call:?}");
    let call = json_of(&with(&["--json", "call", "debug_auth_context", r#"{"tool":"leave_note"}"#]).await);
    assert_eq!(call["structuredContent"]["decision"]["scope_to_ask_for"], "mcp:read mcp:write");
}

#[tokio::test]
async fn the_url_and_the_token_are_found_where_other_systems_keep_them() {
    let (_app, home, url) = house().await;
    fs::create_dir(home.path().join(".oauth-tokens")).unwrap();
    fs::rename(home.path().join("token.json"), home.path().join(".oauth-tokens/ingress.json")).unwrap();
    for settings in [[("GATEWAY_URL", url.as_str())], [("PORTCULLIS_PUBLIC_URL", url.strip_suffix("/mcp").unwrap())]] {
        let ping = mcp(home.path(), &settings, &["ping"]).await;
        assert_eq!(text(&ping.stdout).trim(), format!("{url} answers"), "{ping:?}");
    }
    let elsewhere = [("GATEWAY_URL", "http://127.0.0.1:9/mcp")];
    let ping = mcp(home.path(), &elsewhere, &["ping", "--url", &url]).await;
    assert!(ping.status.success(), "what is said on the command line wins: {ping:?}");
    assert_refused(&mcp(home.path(), &elsewhere, &["ping"]).await, 1, "cannot be reached");
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said_with_what_to_do() {
    let (_app, home, url) = house().await;
    fs::write(home.path().join("bad.json"), "nonsense").unwrap();
    let good = ["--url", &url, "--token-file", "token.json"];
    assert_refused(
        &mcp(home.path(), &[], &["--url", &url, "list"]).await,
        1,
        "wants a token: give one by --token-file",
    );
    let bad = mcp(home.path(), &[], &["--url", &url, "--token-file", "bad.json", "list"]).await;
    assert_refused(&bad, 1, "does not take the token in bad.json");
    let missing = mcp(home.path(), &[], &["--url", &url, "--token-file", "none.json", "list"]).await;
    assert_refused(&missing, 1, "none.json");
    let note = mcp(home.path(), &[], &[&good[..], &["call", "leave_note", r#"{"note":"x"}"#]].concat()).await;
    assert_refused(&note, 1, "takes the scope mcp:read mcp:write");
    let unknown = mcp(home.path(), &[], &[&good[..], &["call", "nothing"]].concat()).await;
    assert_refused(&unknown, 1, "Unknown tool: nothing");
    let list = mcp(home.path(), &[], &[&good[..], &["call", "list_services", "[]"]].concat()).await;
    assert_refused(&list, 2, "no JSON object");
    let wrong = mcp(home.path(), &[], &[&good[..], &["call", "list_services", r#"{"x":1}"#]].concat()).await;
    assert_eq!(wrong.status.code(), Some(1), "a result that is an error is a failure");
    assert!(text(&wrong.stdout).contains("no argument `x`"), "{wrong:?}");
}

/// Attack: a token that crosses the network readably.
#[tokio::test]
async fn a_token_goes_over_plain_http_to_this_machine_alone() {
    let (_app, home, _) = house().await;
    let abroad =
        mcp(home.path(), &[], &["--url", "http://gateway.example/mcp", "--token-file", "token.json", "ping"]).await;
    assert_refused(&abroad, 2, "https");
}
