//! `portcullis doctor`: nothing wrong with ours, and every fault of others by its name.

use std::process::Output;

use portcullis::doctor::profile;
use portcullis::http::urls;
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{assert_refused, portcullis, text};
use crate::support::TestApp;

async fn doctor(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = ["doctor"].iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
    let home = TempDir::new().unwrap();
    tokio::task::spawn_blocking(move || portcullis(home.path(), &[]).args(arguments).output().unwrap()).await.unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&text(&output.stdout)).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Client, level and rule of whatever is not as it should be.
fn complaints(said: &Value) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let clients = said["clients"].as_array().unwrap().iter();
    let findings = clients.flat_map(|client| {
        let findings = client["findings"].as_array().unwrap().iter();
        findings.map(move |finding| (word(&client["client"]), word(&finding["level"]), word(&finding["rule"])))
    });
    findings.filter(|(_, level, _)| level != "ok").collect()
}

#[tokio::test]
async fn ours_pleases_every_client_that_can_come_here() {
    let app = TestApp::start().await;
    for register in [false, true] {
        let url = app.at(urls::MCP);
        let mut arguments = vec![url.as_str(), "--json"];
        arguments.extend(register.then_some("--register"));
        let output = doctor(&arguments).await;
        let said = json_of(&output);
        let expected = ["claude", "chatgpt"].map(|id| (id.to_owned(), "note".to_owned(), "not_public".to_owned()));
        assert_eq!(complaints(&said), expected, "a test runs on loopback, where no cloud comes");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(said["clients"].as_array().unwrap().len(), profile::ALL.len());
        let tried = said.to_string().matches("\"sign_in\"").count();
        let by_document = profile::ALL.iter().filter(|profile| profile.metadata_url.is_some()).count();
        assert_eq!(tried, if register { profile::ALL.len() } else { by_document }, "came to the sign-in page");
        let registered = app.events("client.registered").await.len();
        assert_eq!(registered > 0, register, "nothing is registered unasked");
    }
}

/// A server that is good but for what a fault changes in its documents.
async fn broken(fault: impl FnOnce(&mut Value, &mut Value)) -> MockServer {
    let server = MockServer::start().await;
    let origin = server.uri();
    let mut resource = json!({ "resource": format!("{origin}/mcp"), "authorization_servers": [origin] });
    let mut issuer = json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "registration_endpoint": format!("{origin}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    fault(&mut resource, &mut issuer);
    let prm = format!("{origin}/.well-known/oauth-protected-resource/mcp");
    let challenge = format!("Bearer resource_metadata=\"{prm}\"");
    let answers = [
        ("POST", "/mcp", ResponseTemplate::new(401).insert_header("www-authenticate", challenge.as_str())),
        ("GET", "/mcp", ResponseTemplate::new(401).insert_header("www-authenticate", challenge.as_str())),
        ("GET", "/.well-known/oauth-protected-resource/mcp", ResponseTemplate::new(200).set_body_json(&resource)),
        ("GET", "/.well-known/oauth-authorization-server", ResponseTemplate::new(200).set_body_json(&issuer)),
        ("POST", "/token", ResponseTemplate::new(401).set_body_json(json!({ "error": "invalid_client" }))),
    ];
    for (verb, place, answer) in answers {
        Mock::given(method(verb)).and(path(place)).respond_with(answer).mount(&server).await;
    }
    server
}

#[tokio::test]
async fn every_fault_of_another_server_is_named() {
    type Fault = fn(&mut Value, &mut Value);
    let faults: [(Fault, &str, &str); 6] = [
        (|_, issuer| issuer["issuer"] = json!("https://other.example"), "python-sdk", "issuer_mismatch"),
        (|_, issuer| issuer["jwks_uri"] = Value::Null, "typescript-sdk-1", "null_member"),
        (|_, issuer| issuer["code_challenge_methods_supported"] = json!([]), "rmcp", "no_s256"),
        (|resource, _| resource["resource"] = json!("https://other.example/mcp"), "cursor", "resource_mismatch"),
        (|_, issuer| issuer["token_endpoint"] = json!("http://gate.example/token"), "vs-code", "insecure_endpoint"),
        (
            |_, issuer| drop(issuer.as_object_mut().unwrap().remove("registration_endpoint")),
            "cursor",
            "no_registration",
        ),
    ];
    let sound = broken(|_, _| {}).await;
    let output = doctor(&[&format!("{}/mcp", sound.uri()), "--json", "--client", "cursor"]).await;
    assert_eq!((output.status.code(), complaints(&json_of(&output))), (Some(0), Vec::new()));
    for (fault, client, rule) in faults {
        let server = broken(fault).await;
        let url = format!("{}/mcp", server.uri());
        let output = doctor(&[&url, "--client", client, "--json"]).await;
        let found = complaints(&json_of(&output));
        assert!(found.contains(&(client.to_owned(), "problem".to_owned(), rule.to_owned())), "{rule}: {found:?}");
        assert_eq!(output.status.code(), Some(1), "{rule}");
        let words = text(&doctor(&[&url, "--client", client]).await.stdout);
        assert!(words.contains("FAILS") && words.contains(rule) && words.contains("Mend: "), "{words}");
    }
}

#[tokio::test]
async fn what_clients_ask_in_the_same_words_is_asked_once() {
    let server = broken(|_, _| {}).await;
    doctor(&[&format!("{}/mcp", server.uri())]).await;
    let asked = server.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| request.url.path() != "/register"), "nothing is registered unasked");
    assert!(asked.len() < 25, "{} requests for {} clients", asked.len(), profile::ALL.len());
}

#[tokio::test]
async fn what_is_no_endpoint_or_no_client_is_wrong_usage() {
    assert_refused(&doctor(&["gate.example/mcp"]).await, 2, "\"gate.example/mcp\" cannot be examined");
    assert_eq!(doctor(&["https://gate.example/mcp", "--client", "netscape"]).await.status.code(), Some(2));
    let nobody = doctor(&["http://127.0.0.1:1/mcp", "--client", "rmcp", "--json"]).await;
    assert_eq!(complaints(&json_of(&nobody))[0].2, "unreachable");
    assert_eq!(nobody.status.code(), Some(1));
}
