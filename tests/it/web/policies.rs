//! Administration → Policies: imported, edited, simulated and removed in a browser.

use portcullis::http::urls;
use serde_json::json;

use crate::support::{Answer, Browser, TestApp};

const DOCUMENT: &str =
    r#"{"scope_name":"p","server_access":[{"server":"fininfo","methods":["tools/call"],"tools":["t"]}]}"#;

async fn import(app: &TestApp, root: &Browser, document: &str) -> Answer {
    let form = root.get(urls::POLICIES).await.assert(200).form("Import").set("document", document);
    root.upload(app, &form, &[]).await
}

#[tokio::test]
async fn a_policy_is_imported_edited_and_removed() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    root.sign_in().await;
    let page = root.get(urls::POLICIES).await.assert(200);
    assert!(page.words().contains("No policies yet"), "{}", page.words());
    let wrong = import(&app, &root, r#"{"scope_name":"p","server_access":[{"servr":"a"}]}"#).await.assert(422);
    assert!(wrong.words().contains("/server_access/0/servr"), "{}", wrong.words());
    assert!(wrong.textarea("document").contains("servr"), "what was typed stays");
    let done = import(&app, &root, DOCUMENT).await.assert(200);
    assert!(done.words().contains("made p"), "{}", done.words());
    let id = app.app().policies().await.unwrap();
    assert!(id.is_named("p"));

    let all = app.write(async |conn| portcullis::policies::policy::all(conn).await).await;
    let path = urls::POLICY.replace("{id}", &all[0].id.to_string());
    let page = root.get(&path).await.assert(200);
    assert!(page.words().contains("fininfo") && page.words().contains("Allows"), "{}", page.words());
    let form = page.form("Save");
    let bad =
        root.submit(&form.clone().set("document", "{\"name\": \"p\", \"rules\": [{\"effect\": 1}]}")).await.assert(422);
    assert!(bad.textarea("document").contains("\"effect\": 1"));
    let wanted = json!({ "name": "p", "groups": ["g"], "rules": [{ "effect": "deny", "server": "*" }] });
    let page = root.follow(root.submit(&form.set("document", &wanted.to_string())).await.assert(303)).await.assert(200);
    assert!(page.words().contains("The policy is saved") && page.words().contains("Denies"), "{}", page.words());
    let question = root.get(&format!("{path}?remove=yes")).await.assert(200);
    root.submit(&question.form("Remove policy")).await.assert(303);
    root.get(&path).await.assert(404);
    assert_eq!(app.events("policy.saved").await.len(), 2);
    assert_eq!(app.events("policy.removed").await.len(), 1);
}

#[tokio::test]
async fn the_simulator_says_who_may_and_which_rule() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    app.person("ada").await;
    let place = app.app().tree().await.unwrap().find("mcp-gateway").unwrap().id;
    app.server("fininfo", place).await;
    app.sql("DELETE FROM policies").await;
    root.sign_in().await;
    import(
        &app,
        &root,
        &DOCUMENT
            .replace("\"p\"", "\"everyone-may\"")
            .replace("{\"scope", "{\"group_mappings\":[\"everyone\"],\"scope"),
    )
    .await
    .assert(200);
    let ask = async |query: &str| root.get(&format!("{}?server=fininfo&{query}", urls::SIMULATE_POLICIES)).await;
    let may = ask("user=ada&tool=t").await.assert(200);
    assert!(may.words().contains("Allowed. allowed by everyone-may#1"), "{}", may.words());
    let may_not = ask("user=ada&tool=other").await.assert(200);
    assert!(
        may_not.words().contains("Not allowed.") && may_not.words().contains("is about other tools"),
        "{}",
        may_not.words()
    );
    ask("user=nobody").await.assert(422);
    ask("user=ada&tool=t&arguments=3").await.assert(422);
}

#[tokio::test]
async fn the_pages_are_for_administrators() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for path in [urls::POLICIES, urls::SIMULATE_POLICIES, "/admin/policies/018f0000-0000-7000-8000-000000000001"] {
        ada.get(path).await.assert(403);
    }
}
