//! Administration → Connection doctor: for administrators, towards the addresses that they may have us reach.

use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Browser, TestApp};

async fn administrator(app: &TestApp) -> Browser {
    let person = NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() };
    let root = app.add(person).await;
    root.sign_in().await;
    root
}

#[tokio::test]
async fn our_own_address_is_examined_at_the_press_of_a_button() {
    let app = TestApp::start().await;
    let root = administrator(&app).await;
    let page = root.get(urls::DOCTOR).await.assert(200);
    let form = page.form("Examine");
    assert_eq!(form.value("url"), app.at(urls::MCP));
    let words = root.submit(&form).await.assert(200).words();
    assert!(words.contains("All 11 clients can connect."), "{words}");
    assert!(words.contains("MCP Inspector") && words.contains("private network"), "{words}");
}

#[tokio::test]
async fn nobody_but_an_administrator_sends_us_anywhere() {
    let app = TestApp::start().await;
    let (root, ada) = (administrator(&app).await, app.person("ada").await);
    let form = root.get(urls::DOCTOR).await.form("Examine");
    for page in [urls::DOCTOR, urls::FLOWS] {
        assert_eq!(ada.get(page).await.status, 303, "a stranger signs in first");
    }
    ada.submit(&form).await.assert(403);
    ada.sign_in().await;
    for page in [urls::DOCTOR, urls::FLOWS] {
        ada.get(page).await.assert(403).assert_error_page();
    }
    ada.submit(&form).await.assert(403);
    let apps = ada.get(urls::APPS).await.assert(200);
    assert!(!apps.words().contains("Connection doctor"), "and it is not in the menu");
    assert!(root.get(urls::APPS).await.words().contains("Connection doctor"));
    root.submit(&form.clone().without("csrf")).await.assert(403);
    root.submit(&form.set("csrf", "AAAA")).await.assert(403);
}

/// Server-side request forgery: by the form, and by what a server that is examined names in its documents.
#[tokio::test]
async fn it_goes_to_no_metadata_service_and_is_not_led_into_the_network() {
    let app = TestApp::start().await;
    let root = administrator(&app).await;
    let form = root.get(urls::DOCTOR).await.form("Examine");
    let page = root.submit(&form.clone().set("url", "http://169.254.169.254/latest/meta-data")).await.assert(200);
    assert!(page.words().contains("not on the public internet"), "{}", page.words());
    let page = root.submit(&form.clone().set("url", "file:///etc/passwd")).await.assert(200);
    assert!(page.words().contains("This cannot be examined"), "{}", page.words());

    let (trap, inner) = (MockServer::start().await, MockServer::start().await);
    let victim = format!("http://127.0.0.2:{}", inner.address().port());
    let challenge = format!("Bearer resource_metadata=\"{victim}/.well-known/x\"");
    let answer = ResponseTemplate::new(401).insert_header("www-authenticate", challenge.as_str());
    Mock::given(path("/mcp")).respond_with(answer).mount(&trap).await;
    let document = json!({ "resource": format!("{}/mcp", trap.uri()), "authorization_servers": [victim] });
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(document)).mount(&trap).await;
    let page = root.submit(&form.set("url", &format!("{}/mcp", trap.uri()))).await.assert(200);
    assert!(page.words().contains("clients cannot connect"), "{}", page.words());
    assert_eq!(inner.received_requests().await.unwrap().len(), 0, "a stranger's document led us inside");
}
