//! Settings → API Keys: what a person makes, sees and ends there, and what is not theirs.

use chrono::TimeDelta;
use portcullis::credentials::{NewKey, limit};
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::jobs::last_used;
use portcullis::types::SubjectId;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::answer::Form;
use crate::support::keys::Key;
use crate::support::{Answer, Browser, TestApp};

/// The form, filled in as a person would who wants the usual.
async fn filled(person: &Browser, name: &str) -> Form {
    let form = person.get(urls::NEW_API_KEY).await.assert(200).form("Create Key");
    form.fill("Name", name).set("expiration", "90").set("networks", "").set("rate", "")
}

/// The key that a page shows this once.
fn shown(app: &TestApp, answer: &Answer) -> String {
    let start = answer.body.find("pcl_").unwrap_or_else(|| panic!("no key: {}", answer.body));
    let key: String = answer.body[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    app.is_secret(&key);
    key
}

fn path(url: &str, key: &Key) -> String {
    url.replace("{id}", &key.id.to_string())
}

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    assert!(ada.get(urls::KEYS).await.assert(200).words().contains("No keys yet"));
    let form = filled(&ada, "Claude Desktop – MacBook").await;
    let made = ada.submit(&form).await.assert(200);
    assert!(made.header("cache-control").contains("no-store"));
    let key = shown(&app, &made);
    app.call_mcp(&key).await.assert(200);
    // Loaded again, the page makes nothing and shows nothing.
    let again = ada.submit(&form).await.assert(303);
    assert_eq!(again.location(), app.at(urls::KEYS));
    assert_eq!(app.events("api_key.made").await.len(), 1);
    let list = ada.get(urls::KEYS).await.assert(200);
    assert!(
        list.body.contains("Claude Desktop – MacBook") && list.body.contains(&key[..8]) && !list.body.contains(&key)
    );
    assert!(list.words().contains("can read"), "{}", list.words());
    let revoke = list.form("Revoke");
    let confirm = ada.get(&revoke.action).await.assert(200);
    assert!(confirm.words().contains("gets 401 from now on"), "{}", confirm.words());
    let done = ada.submit(&confirm.form("Revoke key")).await.assert(303);
    app.call_mcp(&key).await.assert(401);
    let list = ada.get(done.location()).await.assert(200);
    assert!(list.words().contains("opens nothing any more") && list.words().contains("Revoked and expired (1)"));
    assert!(!list.offers("Revoke") && list.offers("Replace"));
}

#[tokio::test]
async fn a_form_that_is_wrong_comes_back_with_what_was_typed_and_makes_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let good = filled(&ada, "name").await;
    for (field, value, words) in [
        ("name", "", "Give it a name"),
        ("name", "two\nlines", "control character"),
        ("expiration", "91", "Choose one of the times"),
        ("networks", "<b>bold</b>", "neither an address"),
        ("rate", "many", "calls a minute"),
        ("scope", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55", "A place that was ticked"),
        ("owner", "workspace", "by who manages it"),
        ("owner", "nobody", "owners of this list"),
    ] {
        let answer = ada.submit(&good.clone().set(field, value)).await.assert(200);
        assert!(answer.words().contains(words), "{field}: {}", answer.words());
        assert!(answer.body.contains("Problem: "), "{field}");
    }
    let grid = |grants| good.clone().set("permissions", "grid").set("grants", grants);
    assert!(ada.submit(&grid("servers:write")).await.words().contains("You cannot give"));
    assert!(ada.submit(&grid("")).await.words().contains("Choose what may be done"));
    assert!(ada.submit(&good.clone().without("csrf")).await.status == 403);
    assert!(app.events("api_key.made").await.is_empty());
}

/// Rotate lets both work, Replace ends the old one at once; neither makes two when its page is loaded again.
#[tokio::test]
async fn a_key_is_rotated_with_an_overlap_and_replaced_at_once() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let old = app.key(&ada).await;
    let form = ada.get(&path(urls::KEY_ROTATE, &old)).await.assert(200).form("Rotate key").set("overlap", "3");
    let next = shown(&app, &ada.submit(&form).await.assert(200));
    ada.submit(&form).await.assert(303);
    for key in [&old.secret, &next] {
        app.call_mcp(key).await.assert(200);
    }
    assert!(ada.get(urls::KEYS).await.words().contains("Being replaced"));
    app.clock().advance(TimeDelta::days(3));
    app.call_mcp(&old.secret).await.assert(401);
    ada.sign_in().await;
    let other = app.key(&ada).await;
    let confirm = ada.get(&path(urls::KEY_REPLACE, &other)).await.assert(200).form("Replace key");
    let replacement = shown(&app, &ada.submit(&confirm).await.assert(200));
    ada.submit(&confirm).await.assert(303);
    app.call_mcp(&other.secret).await.assert(401);
    app.call_mcp(&replacement).await.assert(200);
    assert_eq!(app.events("api_key.replaced").await.len(), 2);
}

/// IDOR on every page of a key: what is not theirs is not there, and nothing happens to it.
#[tokio::test]
async fn nobody_sees_or_ends_what_is_anothers() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.person("ada").await, app.person("eve").await);
    ada.sign_in().await;
    eve.sign_in().await;
    let hers = app.key(&ada).await;
    let [rotate, replace, revoke] =
        [(urls::KEY_ROTATE, "Rotate key"), (urls::KEY_REPLACE, "Replace key"), (urls::KEY_REVOKE, "Revoke key")];
    let csrf = eve.get(urls::NEW_API_KEY).await.form("Create Key").value("csrf");
    for (url, button) in [rotate, replace, revoke] {
        eve.get(&path(url, &hers)).await.assert(404);
        let form = ada.get(&path(url, &hers)).await.form(button).set("csrf", &csrf).set("overlap", "1");
        eve.submit(&form).await.assert(404);
        let stranger = ada.elsewhere();
        assert!((300..500).contains(&stranger.submit(&form).await.status), "nobody signed in");
    }
    eve.get(&path(urls::KEY, &hers)).await.assert(404);
    assert!(!eve.get(urls::KEYS).await.body.contains("CI/CD Pipeline"));
    app.call_mcp(&hers.secret).await.assert(200);
    for id in ["x", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55"] {
        eve.get(&urls::KEY.replace("{id}", id)).await.assert(404);
    }
}

/// Who manages a workspace sees and ends what is in it, and never has a person's key made anew: they would be that person.
#[tokio::test]
async fn a_manager_ends_a_persons_key_and_cannot_have_it() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    root.sign_in().await;
    let hers = app.key(&ada).await;
    assert!(root.get(urls::KEYS).await.assert(200).body.contains("CI/CD Pipeline"));
    root.get(&path(urls::KEY, &hers)).await.assert(200);
    for url in [urls::KEY_ROTATE, urls::KEY_REPLACE] {
        root.get(&path(url, &hers)).await.assert(404);
    }
    let confirm = root.get(&path(urls::KEY_REVOKE, &hers)).await.form("Revoke key");
    root.submit(&confirm).await.assert(303);
    app.call_mcp(&hers.secret).await.assert(401);
    let shared = app.key_of(SubjectId::Workspace(app.workspace().await), |usual| usual).await;
    root.get(&path(urls::KEY_ROTATE, &shared)).await.assert(200);
}

/// What somebody else ended stays ended; what one ended oneself can have a successor.
#[tokio::test]
async fn nobody_has_a_key_made_anew_that_somebody_else_revoked() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let root = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    ada.sign_in().await;
    root.sign_in().await;
    let key = app.key(&ada).await;
    let open = ada.get(&path(urls::KEY_REPLACE, &key)).await.assert(200).form("Replace key");
    root.submit(&root.get(&path(urls::KEY_REVOKE, &key)).await.form("Revoke key")).await.assert(303);
    ada.get(&path(urls::KEY_REPLACE, &key)).await.assert(404);
    ada.submit(&open).await.assert(404);
    assert!(!ada.get(urls::KEYS).await.assert(200).offers("Replace"));
    assert!(app.replace_key(&key).await.is_none(), "nor does whoever comes past the page");
    let own = app.key(&ada).await;
    ada.submit(&ada.get(&path(urls::KEY_REVOKE, &own)).await.form("Revoke key")).await.assert(303);
    let form = ada.get(&path(urls::KEY_REPLACE, &own)).await.assert(200).form("Replace key");
    shown(&app, &ada.submit(&form).await.assert(200));
    assert_eq!(app.events("api_key.replaced").await.len(), 1);
}

/// A session that runs wild fills no table, and of two at once one gets the last.
#[tokio::test]
async fn there_are_so_many_keys_of_one_owner_and_no_more() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let key = app.key(&ada).await;
    app.sql(&format!(
        "INSERT INTO api_keys (id, workspace_id, user_id, name, key_hash, key_version, prefix, permissions, created_at)
         SELECT gen_random_uuid(), workspace_id, user_id, name, sha256(n::text::bytea), 0, prefix, permissions, created_at
         FROM api_keys, generate_series(1, {}) AS n",
        limit::API_KEYS - 2
    ))
    .await;
    let forms = [filled(&ada, "one").await, filled(&ada, "two").await];
    let answers = futures_util::future::join_all(forms.iter().map(|form| ada.submit(form))).await;
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.words().contains("200 already")).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(app.events("api_key.made").await.len(), 2, "the first, and one of the two");
    let rotate = ada.get(&path(urls::KEY_ROTATE, &key)).await.form("Rotate key");
    ada.submit(&rotate.clone().set("overlap", "1")).await.assert(409);
    shown(&app, &ada.submit(&rotate.set("overlap", "0")).await.assert(200));
}

#[tokio::test]
async fn names_are_shown_as_text_and_the_list_is_searched_by_the_server() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    for name in ["<img src=x onerror=alert(1)>", "Cursor"] {
        app.key_as(&ada, |usual| NewKey { name: name.parse().unwrap(), ..usual }).await;
    }
    let list = ada.get(urls::KEYS).await.assert(200);
    assert!(!list.body.contains("<img src=x") && list.body.contains("onerror=alert(1)"));
    let found = ada.get(&format!("{}?q=curs&sort=name", urls::KEYS)).await.assert(200);
    assert!(found.body.contains("Cursor") && !found.body.contains("onerror"));
    let hostile = ada.get(&format!("{}?q=%22%3E%3Cscript%3E&sort=x&after=y&show=z", urls::KEYS)).await.assert(200);
    assert!(!hostile.body.contains("\"><script>"));
}

/// S-52, S-53.
#[tokio::test]
async fn a_preset_fills_in_what_fits_a_client_or_a_pipeline() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let page = async |preset: &str| ada.get(&format!("{}?preset={preset}", urls::NEW_API_KEY)).await.assert(200);
    let (personal, ci) = (page("personal").await, page("ci").await);
    assert_eq!(personal.form("Create Key").value("name"), "My MCP client");
    assert!(personal.body.contains(r#"<option value="90" data-words="for 90 days" selected>"#), "{}", personal.body);
    assert_eq!(ci.form("Create Key").value("name"), "CI/CD Pipeline");
    assert!(ci.body.contains(r#"<option value="30" data-words="for 30 days" selected>"#), "{}", ci.body);
}

/// A stolen key, noticed: what is unusual is said where its owner looks.
#[tokio::test]
async fn a_key_that_is_used_from_elsewhere_is_pointed_out() {
    let app = TestApp::configured(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let key = app.key(&ada).await;
    for address in ["192.0.2.7", "203.0.113.9"] {
        let request = app.mcp_request("list_services", json!({})).header("x-forwarded-for", address);
        app.send(request.header(AUTHORIZATION, format!("Bearer {}", key.secret))).await.assert(200);
        last_used::write(app.app()).await.unwrap();
    }
    for page in [urls::KEYS.to_owned(), path(urls::KEY, &key)] {
        let words = ada.get(&page).await.assert(200).words();
        assert!(words.contains("used from a new network, 203.0.113.0/24"), "{page}: {words}");
    }
    app.clock().advance(TimeDelta::days(8));
    ada.sign_in().await;
    assert!(!ada.get(urls::KEYS).await.assert(200).words().contains("Unusual"));
}
