//! MCP Setup → Set up a client: the questions, the texts, and the test of the connection.

use actix_web::http::header::ACCEPT_ENCODING;
use portcullis::http::urls;
use reqwest::Method;
use scraper::{Html, Selector};

use crate::support::TestApp;

/// The page after both questions.
const CHOSEN: &str = "/settings/setup?connect=discovery&client=vs-code";

#[tokio::test]
async fn the_questions_lead_to_a_text_that_names_this_server() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    assert_eq!(ada.get(urls::MCP_SETUP).await.status, 303, "a stranger signs in first");
    ada.sign_in().await;
    let words = ada.get(urls::MCP_SETUP).await.assert(200).words();
    for (goal, recommended) in [
        ("My own MCP client", "API key"),
        ("A CI/CD pipeline or a script", "API key"),
        ("An app for other people", "OAuth, public client"),
        ("One server to another", "OAuth, confidential client"),
        ("VS Code, or any client that finds its way", "OAuth"),
    ] {
        let (_, after) = words.split_once(goal).unwrap_or_else(|| panic!("{goal}: {words}"));
        assert!(after.contains(recommended), "{goal}: {after}");
    }
    let page = ada.get(CHOSEN).await.assert(200);
    assert!(page.words().contains(&app.at(urls::MCP)) && page.body.contains("vscode:mcp/install?"), "{}", page.words());
    assert!(!page.words().contains("YOUR_API_KEY"), "it signs in: there is no key to keep");
    let page = ada.get("/settings/setup?connect=ci&client=script").await.assert(200);
    assert!(page.words().contains("MCP_API_KEY") && page.body.contains("/settings/keys/new?preset=ci"));
    let page = ada.get("/settings/setup?connect=service").await.assert(200);
    assert!(
        page.words().contains("client_credentials") && page.body.contains("/settings/clients/new?type=confidential")
    );
}

#[tokio::test]
async fn the_connection_is_tried_step_by_step_without_a_script() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let tokens = client.connect(&ada).await;
    let form = ada.get(CHOSEN).await.form("Test connection");
    let words = ada.submit(&form).await.assert(200).words();
    assert!(words.contains("The connection works."), "{words}");
    assert!(words.contains("No key was given."), "{words}");
    app.is_secret(&tokens.access);
    let page = ada.submit(&form.clone().set("key", &tokens.access)).await.assert(200);
    assert!(page.words().contains("tools are open to this key"), "{}", page.words());
    assert!(!page.body.contains(&tokens.access), "what was typed is in no answer");
    let words = ada.submit(&form.clone().set("key", "pcl_unknown")).await.assert(200).words();
    assert!(words.contains("Something is in the way") && words.contains("401"), "{words}");
    let words = ada.submit(&form.set("key", "two\r\nlines: x")).await.assert(200).words();
    assert!(words.contains("401"), "header injection: {words}");
}

#[tokio::test]
async fn the_script_gets_one_stage_at_a_time() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(CHOSEN).await.form("Test connection");
    let page = ada.submit(&form.clone().and("stage", "discovery")).await.assert(200);
    assert!(page.body.contains("id=\"step-registration\"") && !page.body.contains("<html"), "{}", page.body);
    let page = ada.submit(&form.clone().and("stage", "tools")).await.assert(200);
    assert!(page.body.contains("id=\"step-tools\"") && page.body.contains("Not tried"), "{}", page.body);
    ada.submit(&form.clone().and("stage", "everything")).await.assert(400);
    ada.submit(&form.clone().without("csrf")).await.assert(403);
    assert!((400..500).contains(&ada.elsewhere().submit(&form).await.status), "nobody signed in");
}

/// Flooding ourselves by way of the test.
#[tokio::test]
async fn whoever_tests_all_the_time_has_to_wait() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(CHOSEN).await.form("Test connection").and("stage", "tools");
    for _ in 0..30 {
        ada.submit(&form).await.assert(200);
    }
    let words = ada.submit(&form).await.assert(200).words();
    assert!(words.contains("Too many tries. Wait 4 seconds."), "{words}");
}

/// What a browser of today is sent for the first page that it shows, everything included.
#[tokio::test]
async fn the_first_page_weighs_less_than_thirty_kilobytes() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for path in [urls::LOGIN, urls::HOME, urls::APPS, CHOSEN] {
        let page = ada.get(path).await;
        let page = if path == urls::LOGIN { app.get(path).await } else { page }.assert(200);
        let html = Html::parse_document(&page.body);
        let links = Selector::parse("link[href], script[src], img[src]").unwrap();
        let files: Vec<String> = html
            .select(&links)
            .map(|element| element.attr("href").or(element.attr("src")).unwrap().to_owned())
            .collect();
        // Sign-in has a script of its own, for passkeys.
        assert_eq!(files.len(), if path == urls::LOGIN { 4 } else { 3 }, "{path}: {files:?}");
        let mut weight = page.body.len();
        for file in files {
            let request = app.request(Method::GET, &file).header(ACCEPT_ENCODING.as_str(), "gzip");
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()["content-encoding"], "gzip", "{file}");
            weight += answer.bytes().await.unwrap().len();
        }
        assert!(weight < 30_000, "{path} weighs {weight} bytes");
    }
}
