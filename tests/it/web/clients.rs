//! OAuth clients in settings: made, changed, rotated, disabled and removed by those whose they are, and by nobody else.

use chrono::TimeDelta;
use portcullis::http::urls;
use portcullis::types::Logo;
use reqwest::Method;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::documents::Documents;
use crate::support::owned::{NOTES_CALLBACK, made};
use crate::support::{Answer, Browser, Client, TestApp};

fn page_of(path: &str, client: &Client) -> String {
    path.replace("{id}", &client.id)
}

/// The names of the servers that a token sees.
async fn servers(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = app.call_tool(token, "list_services", json!({})).await.assert(200).json();
    let services = answer["result"]["structuredContent"]["services"].as_array().unwrap().clone();
    services.into_iter().map(|service| service["name"].clone()).collect()
}

/// A small picture.
fn picture() -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &[0; 4]].concat()
    };
    let header = [&64u32.to_be_bytes()[..], &64u32.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let signature = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
    [&signature[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &[1, 2]), &chunk(b"IEND", &[])].concat()
}

#[tokio::test]
async fn a_client_made_in_the_page_connects_people_and_reaches_only_its_places() {
    let app = TestApp::start().await;
    app.project_with_server().await;
    let (ada, bob) = (app.in_workspace("ada", "member").await, app.person("bob").await);
    let form = ada.new_client_form().await.set("scope", &app.place_id("mcp-gateway/apps")).set("permissions", "write");
    let client = ada.register_client(&app, &form).await;

    let page = bob.consider(&client.ask().url()).await;
    let words = page.words();
    assert!(words.contains("Registered by ada (MCP Gateway)"), "{words}");
    assert!(words.contains("Only what you reach in MCP Gateway / Apps"), "{words}");
    let tokens = client.connect(&bob).await;
    assert_eq!(tokens.scope, "mcp:read mcp:write");
    assert_eq!(servers(&app, &tokens.access).await, ["within"]);
    let everywhere = app.client().await.connect(&bob).await;
    assert_eq!(servers(&app, &everywhere.access).await, ["beside", "within"]);
    client.refresh(&tokens.refresh).await.tokens();
    let listed = ada.get(urls::CLIENTS).await.assert(200).words();
    assert!(listed.contains("Team notes") && listed.contains("1 person"), "{listed}");
    assert_eq!(app.events("client.added").await.len(), 1);
}

#[tokio::test]
async fn a_public_client_has_no_secret_and_says_so() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.get(&format!("{}?type=public", urls::NEW_CLIENT)).await.form("Register client");
    let form = form.set("name", "Editor").set("redirect_uris", "http://127.0.0.1/callback\ncom.example.app:/cb");
    let page = ada.submit(&form).await;
    let client = made(&app, &page);
    assert_eq!(client.secret, None, "{}", page.words());
    let native = Client::known(&app, &client.id, "http://127.0.0.1:7777/callback");
    native.connect(&ada).await;
    let secrets = ada.get(&page_of(urls::CLIENT_SECRETS, &native)).await.assert(200);
    assert!(secrets.words().contains("without one") && !secrets.offers("Rotate secret"));
}

/// A reload, a double click, and the back button.
#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_client_and_shows_its_secret_once() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    let again = ada.submit(&form).await.assert(303);
    assert!(again.location().ends_with(&page_of(urls::CLIENT, &client)), "{}", again.location());
    let page = ada.follow(again).await.assert(200);
    assert!(!page.body.contains(client.secret.as_deref().unwrap()));
    assert_eq!(app.events("client.added").await.len(), 1);
    let (one, two) = (ada.new_client_form().await, ada.new_client_form().await);
    let both = tokio::join!(ada.submit(&one), ada.submit(&one));
    let pages: Vec<u16> = [&both.0, &both.1].iter().map(|answer| answer.status).collect();
    assert!(pages.contains(&200) && pages.contains(&303), "{pages:?}");
    for answer in [&both.0, &both.1] {
        if let Some(secret) = answer.text_of("client-secret") {
            app.is_secret(&secret);
        }
    }
    assert_ne!(ada.register_client(&app, &two).await.id, client.id);
    // Nobody chooses an id by choosing the word.
    let chosen = two.set("form", "00000000000000000000000000000000");
    assert_ne!(ada.register_client(&app, &chosen).await.id, "00000000000000000000000000000000");
}

/// B1 to B6 at registration: each bad line is named, and nothing that was typed is lost.
#[tokio::test]
async fn redirect_uris_that_lead_astray_are_refused_line_by_line() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    for (line, why) in [
        ("https://app.example@evil.example/cb", "user name"),
        ("https://app.example\\@evil.example/cb", "ASCII characters"),
        ("https://app.example/%2e%2e/cb", "dot segments"),
        ("https://app.example/..;/cb", "dot segments"),
        ("//evil.example/cb", "absolute"),
        ("http://localhost.evil.example/cb", "https"),
        ("http://127.1/cb", "https"),
        ("http://0.0.0.0/cb", "https"),
        ("JaVaScRiPt:alert(1)", "never allowed"),
        ("data:text/html,x", "never allowed"),
        ("intent://x", "never allowed"),
        ("https://*.app.example/cb", "wildcard"),
        ("https://app.example/cb#x", "fragment"),
        ("https://app.example/cb?code=1", "code, state"),
        ("</textarea><script>alert(1)</script>", "ASCII characters"),
    ] {
        let page =
            ada.submit(&form.clone().set("redirect_uris", &format!("{NOTES_CALLBACK}\n{line}"))).await.assert(200);
        let words = page.words();
        assert!(words.contains("Line 2:") && words.contains(why), "{line}: {words}");
        let typed = page.textarea("redirect_uris");
        assert_eq!(typed.trim(), format!("{NOTES_CALLBACK}\n{line}"), "nothing is lost");
        assert!(!page.body.contains("<script>alert"));
    }
    let empty = ada.submit(&form.clone().set("name", " ").set("redirect_uris", "").set("type", "x")).await.assert(200);
    let words = empty.words();
    assert!(words.contains("Enter a name") && words.contains("at least one redirect URI"), "{words}");
    assert!(words.contains("Choose whether the client can keep a secret"), "{words}");
    let private = ada.submit(&form.set("redirect_uris", "com.example.app:/cb")).await.assert(200);
    assert!(private.words().contains("is for public clients"), "{}", private.words());
    assert_eq!(app.events("client.added").await.len(), 0);
}

/// H4, decision 14: a tampered form gives no more than its sender has.
#[tokio::test]
async fn a_member_hands_on_no_management_and_no_place_of_others() {
    let app = TestApp::start().await;
    app.sql(
        "INSERT INTO places (id, kind, name, title, created_at)
         VALUES (gen_random_uuid(), 'workspace', 'acme', 'Acme', now());",
    )
    .await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    for grants in ["servers:read", "servers:write", "clients:write", "people:read", "audit:read", "nonsense"] {
        let tampered = form.clone().set("permissions", "grid").set("grants", grants);
        let page = ada.submit(&tampered).await.assert(200);
        assert!(page.offers("Register client"), "{grants}: {}", page.words());
    }
    let page = ada.submit(&form.clone().set("scope", &app.place_id("acme"))).await.assert(200);
    assert!(page.words().contains("A place that was ticked is gone, or you are not in it"), "{}", page.words());
    assert_eq!(app.events("client.added").await.len(), 0);

    let client = ada.register_client(&app, &form.set("permissions", "write")).await;
    let asked = client.ask().with("scope", "mcp:read mgmt.read mgmt.admin");
    let root = app.root().await;
    let won = client.win(&root, &asked).await;
    assert_eq!(client.redeem(&won).await.tokens().scope, "mcp:read", "whoever it is");
}

#[tokio::test]
async fn who_manages_gives_management_of_what_they_manage() {
    let app = TestApp::start().await;
    let max = app.in_workspace("max", "admin").await;
    let form = max.new_client_form().await.set("permissions", "grid").set("grants", "servers:read tools:read");
    let client = max.register_client(&app, &form).await;
    let asked = client.ask().with("scope", "mcp:read mgmt.read mgmt.write");
    let won = client.win(&max, &asked).await;
    assert_eq!(client.redeem(&won).await.tokens().scope, "mcp:read mgmt.read");
}

/// The IDOR family: of another's client every page and every form answers 404, and nothing changes.
#[tokio::test]
async fn clients_of_others_are_not_there() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.in_workspace("ada", "member").await, app.in_workspace("eve", "member").await);
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    let tokens = client.connect(&ada).await;
    let eves = eve.new_client_form().await;
    let known = [urls::EDIT_CLIENT, urls::CLIENT_SECRETS, urls::CLIENT_LOGO, urls::DISABLE_CLIENT, urls::REMOVE_CLIENT];
    for id in [client.id.as_str(), "unknown", "%00", "%2e%2e", "00000000000000000000000000000000"] {
        for path in known.iter().chain([&urls::CLIENT]) {
            let path = path.replace("{id}", id);
            eve.get(&path).await.assert(404);
            let fields = [("state", "disable"), ("name", "Mine"), ("redirect_uris", "https://evil.example/cb")];
            let more = [("scope", ""), ("permissions", "read"), ("overlap", "0"), ("form", "x")];
            let answer = eve.post_as(&app, &eves, &path, &[&fields[..], &more].concat()).await;
            assert!([400, 404, 405].contains(&answer.status), "{path}: {} {}", answer.status, answer.words());
        }
        let mut logo = eve.new_client_form().await;
        logo.action = urls::CLIENT_LOGO.replace("{id}", id);
        logo.fields.retain(|(name, _)| name == "csrf");
        eve.upload(&app, &logo, &picture()).await.assert(404);
    }
    assert!(!eve.get(urls::CLIENTS).await.words().contains("Team notes"));
    app.call_mcp(&tokens.access).await.assert(200);
    client.refresh(&tokens.refresh).await.tokens();
    let stranger = ada.elsewhere();
    for path in known {
        assert_eq!(stranger.get(&page_of(path, &client)).await.status, 303, "signs in first");
    }
    let max = app.in_workspace("max", "admin").await;
    max.get(&page_of(urls::CLIENT, &client)).await.assert(200);
    assert!(max.get(urls::CLIENTS).await.words().contains("Team notes"));
}

/// What an administrator vouches for: a manager of its workspace may end it, and not make it another.
#[tokio::test]
async fn nobody_but_an_administrator_changes_what_one_vouches_for() {
    let app = TestApp::start().await;
    let (root, max) = (app.root().await, app.in_workspace("max", "admin").await);
    let form = root.new_client_form().await;
    let client = root.register_client(&app, &form).await;
    let words = max.consider(&client.ask().url()).await.words();
    assert!(words.contains("Registered by your administrator"), "{words}");
    for path in [urls::EDIT_CLIENT, urls::CLIENT_SECRETS, urls::CLIENT_LOGO] {
        max.get(&page_of(path, &client)).await.assert(403);
    }
    let page = max.get(&page_of(urls::DISABLE_CLIENT, &client)).await.assert(200);
    max.submit(&page.form("Disable client")).await.assert(303);
    let page = max.get(&page_of(urls::CLIENT, &client)).await;
    assert!(page.words().contains("Disabled") && page.offers("Enable"), "{}", page.words());
}

/// What an administrator or a manager stopped, who registered it cannot start again; nobody keeps hold of it by being first.
#[tokio::test]
async fn nobody_enables_what_somebody_of_more_rank_disabled() {
    let app = TestApp::start().await;
    let (root, max) = (app.root().await, app.in_workspace("max", "admin").await);
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    let tokens = client.connect(&ada).await;
    let path = page_of(urls::DISABLE_CLIENT, &client);
    let state = async |who: &Browser, state: &str| {
        let form = who.new_client_form().await;
        who.post_as(&app, &form, &path, &[("state", state)]).await.status
    };
    assert_eq!((state(&ada, "disable").await, state(&ada, "enable").await), (303, 303), "her own doing");
    app.call_mcp(&tokens.access).await.assert(200);
    for (above, below) in [(&max, vec![&ada]), (&root, vec![&ada, &max])] {
        // Although she was first.
        assert_eq!((state(&ada, "disable").await, state(above, "disable").await), (303, 303));
        for person in below {
            assert_eq!(state(person, "enable").await, 403);
            assert_eq!(state(person, "disable").await, 303, "which makes it no less");
            assert_eq!(state(person, "enable").await, 403);
            let page = person.get(&page_of(urls::CLIENT, &client)).await.assert(200);
            assert!(
                !page.offers("Enable") && page.words().contains("disabled this client, so only"),
                "{}",
                page.words()
            );
        }
        app.call_mcp(&tokens.access).await.assert(401);
        assert_eq!(state(above, "enable").await, 303);
        app.call_mcp(&tokens.access).await.assert(200);
    }
}

#[tokio::test]
async fn a_change_asks_people_again_and_less_takes_effect_at_once_on_every_node() {
    let app = TestApp::start().await;
    app.project_with_server().await;
    let second = app.second_node().await;
    let (ada, bob) = (app.in_workspace("ada", "member").await, app.person("bob").await);
    let form = ada.new_client_form().await.set("permissions", "write");
    let client = ada.register_client(&app, &form).await;
    let tokens = client.connect(&bob).await;
    assert_eq!(servers(&app, &tokens.access).await, ["beside", "within"]);
    second.call_mcp(&tokens.access).await.assert(200);

    let edit = ada.get(&page_of(urls::EDIT_CLIENT, &client)).await.assert(200);
    let form = edit.form("Save changes").set("name", "Notes").set("redirect_uris", NOTES_CALLBACK);
    let form = form.set("scope", &app.place_id("mcp-gateway/apps"));
    let done = ada.follow(ada.submit(&form).await.assert(303)).await;
    assert!(done.words().contains("People are asked again"), "{}", done.words());
    assert_eq!(servers(&app, &tokens.access).await, ["within"], "at once");
    let nodes = async || second.call_tool(&tokens.access, "list_services", json!({})).await.body.contains("beside");
    for _ in 0..100 {
        if !nodes().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!nodes().await, "and on the other node");

    let wider = form.set("scope", &app.place_id("mcp-gateway"));
    let done = ada.follow(ada.submit(&wider).await.assert(303)).await;
    assert!(done.words().contains("everybody has to connect it again"), "{}", done.words());
    app.call_mcp(&tokens.access).await.assert(401);
    client.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_secret_is_rotated_while_the_old_one_still_works() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let old = ada.register_client(&app, &form).await;
    let tokens = old.connect(&ada).await;
    let page = ada.get(&page_of(urls::CLIENT_SECRETS, &old)).await.assert(200);
    let rotate = page.form("Rotate secret").set("overlap", "86400");
    let shown = ada.submit(&rotate).await;
    let new = old.proving("client_secret_post", shown.text_of("client-secret").as_deref());
    app.is_secret(new.secret.as_deref().unwrap());
    let again = ada.submit(&rotate).await.assert(303);
    assert!(!again.body.contains("pclx_"), "a reload makes nothing");
    let mut refresh = tokens.refresh;
    for client in [&old, &new, &old.at(&second), &new.at(&second)] {
        refresh = client.refresh(&refresh).await.tokens().refresh;
    }
    app.clock().advance(TimeDelta::hours(23));
    refresh = old.refresh(&refresh).await.tokens().refresh;
    app.clock().advance(TimeDelta::hours(1));
    for node in [&old, &old.at(&second)] {
        node.refresh(&refresh).await.assert_refused(401, "invalid_client");
    }
    new.refresh(&refresh).await.tokens();
    assert_eq!(app.events("client.secret_rotated").await.len(), 1);
}

#[tokio::test]
async fn an_old_secret_ends_at_once_when_it_is_revoked_or_never_overlaps() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let old = ada.register_client(&app, &form).await;
    let tokens = old.connect(&ada).await;
    let rotate = async |overlap: &str| {
        let page = ada.get(&page_of(urls::CLIENT_SECRETS, &old)).await;
        let shown = ada.submit(&page.form("Rotate secret").set("overlap", overlap)).await;
        let secret = shown.text_of("client-secret");
        app.is_secret(secret.as_deref().unwrap());
        old.proving("client_secret_post", secret.as_deref())
    };
    let second = rotate("604800").await;
    let refresh = old.refresh(&tokens.refresh).await.tokens().refresh;
    let page = ada.get(&page_of(urls::CLIENT_SECRETS, &old)).await;
    ada.submit(&page.form("Revoke")).await.assert(303);
    old.refresh(&refresh).await.assert_refused(401, "invalid_client");
    let refresh = second.refresh(&refresh).await.tokens().refresh;
    let third = rotate("0").await;
    second.refresh(&refresh).await.assert_refused(401, "invalid_client");
    third.refresh(&refresh).await.tokens();
    let page = ada.get(&page_of(urls::CLIENT_SECRETS, &old)).await.form("Rotate secret");
    for overlap in ["", "-1", "604801", "x", "99999999999999999999"] {
        ada.submit(&page.clone().set("overlap", overlap)).await.assert(400);
    }
}

/// Of rotations at the same time each makes a secret, and none of those before stops.
#[tokio::test]
async fn rotations_at_the_same_time_lose_no_secret() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    let tokens = client.connect(&ada).await;
    let mut forms = Vec::new();
    for _ in 0..4 {
        forms.push(ada.get(&page_of(urls::CLIENT_SECRETS, &client)).await.form("Rotate secret").set("overlap", "3600"));
    }
    let [one, two, three, four] = [&forms[0], &forms[1], &forms[2], &forms[3]];
    let shown = tokio::join!(ada.submit(one), ada.submit(two), ada.submit(three), ada.submit(four));
    let mut refresh = tokens.refresh;
    refresh = client.refresh(&refresh).await.tokens().refresh;
    for answer in [shown.0, shown.1, shown.2, shown.3] {
        let secret = answer.text_of("client-secret");
        app.is_secret(secret.as_deref().expect("each made one"));
        refresh = client.proving("client_secret_post", secret.as_deref()).refresh(&refresh).await.tokens().refresh;
    }
    let page = ada.get(&page_of(urls::CLIENT_SECRETS, &client)).await;
    let more = page.form("Rotate secret").set("overlap", "3600");
    let fifth = ada.submit(&more).await;
    app.is_secret(fifth.text_of("client-secret").as_deref().unwrap());
    let page = ada.get(&page_of(urls::CLIENT_SECRETS, &client)).await;
    let refused = ada.submit(&page.form("Rotate secret").set("overlap", "3600")).await.assert(200);
    assert!(refused.words().contains("End one of them"), "{}", refused.words());
}

#[tokio::test]
async fn what_a_removed_client_held_is_dead_on_every_node() {
    let app = TestApp::start().await;
    let second = app.second_node().await;
    let (ada, bob) = (app.in_workspace("ada", "member").await, app.person("bob").await);
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    let tokens = client.connect(&bob).await;
    second.call_mcp(&tokens.access).await.assert(200);
    let page = ada.get(&page_of(urls::DISABLE_CLIENT, &client)).await.assert(200);
    assert!(page.words().contains("Team notes stops at once for 1 person."), "{}", page.words());
    ada.submit(&page.form("Disable client")).await.assert(303);
    app.call_mcp(&tokens.access).await.assert(401);
    second.sees_the_end_of(&tokens.access).await;
    let page = ada.get(&page_of(urls::CLIENT, &client)).await;
    ada.submit(&page.form("Enable")).await.assert(303);
    app.call_mcp(&tokens.access).await.assert(200);
    let page = ada.get(&page_of(urls::REMOVE_CLIENT, &client)).await.assert(200);
    ada.submit(&page.form("Remove client")).await.assert(303);
    app.call_mcp(&tokens.access).await.assert(401);
    second.sees_the_end_of(&tokens.access).await;
    client.refresh(&tokens.refresh).await.assert_refused(401, "invalid_client");
    ada.get(&page_of(urls::CLIENT, &client)).await.assert(404);
    assert_eq!(app.events("client.removed").await.len(), 1);
}

#[tokio::test]
async fn lists_are_searched_sorted_and_paged() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    ada.register_client(&app, &form).await;
    app.sql(
        "INSERT INTO clients SELECT 'c' || n, 'person', 'Client ' || n, NULL, NULL, 'none', 'web', redirect_uris, grant_types,
             scope, metadata, metadata_hash, created_at - n * interval '1 minute', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             '[]', NULL, false, false, 'standard', NULL, NULL, NULL, NULL, NULL
         FROM clients, generate_series(100, 160) n WHERE origin = 'person';
         INSERT INTO client_ownerships SELECT clients.id, o.workspace_id, o.registered_by, o.reach, o.permissions
         FROM clients, client_ownerships o WHERE clients.id LIKE 'c1%';",
    )
    .await;
    let first = ada.get(&format!("{}?sort=name", urls::CLIENTS)).await.assert(200).words();
    assert!(first.contains("1 to 50 of 62 clients") && first.contains("Client 100"), "{first}");
    let second = ada.get(&format!("{}?sort=name&page=2", urls::CLIENTS)).await.words();
    assert!(second.contains("51 to 62") && second.contains("Team notes") && !second.contains("Client 100"), "{second}");
    let found = ada.get(&format!("{}?q=NT+15", urls::CLIENTS)).await.words();
    assert!(found.contains("Client 155") && !found.contains("Client 100") && found.contains("10 clients"), "{found}");
    for query in ["q=%25", "q=_", "q=%5C", "q=%00"] {
        ada.get(&format!("{}?{query}", urls::CLIENTS)).await.assert(200);
    }
    assert!(ada.get(&format!("{}?q=%25", urls::CLIENTS)).await.words().contains("No client of yours is like that"));
    assert!(ada.get(&format!("{}?show=disabled", urls::CLIENTS)).await.words().contains("No client of yours"));
}

#[tokio::test]
async fn self_registered_clients_are_cleaned_up_and_those_in_use_stay() {
    let app = TestApp::start().await;
    let (root, ada) = (app.root().await, app.person("ada").await);
    let used = app.client().await;
    let tokens = used.connect(&ada).await;
    let idle = Client::register(&app, json!({ "client_name": "Idle <b>one</b>" })).await;
    let form = root.new_client_form().await;
    let registered = root.register_client(&app, &form).await;
    app.clock().advance(TimeDelta::days(20));
    let fresh = Client::register(&app, json!({ "client_name": "Fresh" })).await;
    root.elsewhere().sign_in().await;
    let root = signed_in_again(&root).await;
    let listed = root.get(urls::SELF_REGISTERED_CLIENTS).await.assert(200);
    let words = listed.words();
    assert!(words.contains("Idle <b>one</b>") && words.contains("Registered from"), "{words}");
    assert!(!words.contains("Team notes"), "{words}");

    let asked = root.get(&format!("{}?unused_for=10", urls::CLEAN_UP_CLIENTS)).await.assert(200);
    assert!(asked.words().contains("Remove 1 client that nobody used for 10 days?"), "{}", asked.words());
    let done = root.follow(root.submit(&asked.form("Remove clients")).await.assert(303)).await;
    assert!(done.words().contains("1 client is removed"), "{}", done.words());
    let ask = async |client: &Client| root.consider(&client.ask().url()).await.status;
    assert_eq!((ask(&idle).await, ask(&fresh).await), (400, 200));
    app.call_mcp(&used.refresh(&tokens.refresh).await.tokens().access).await.assert(200);

    // One in use goes only when it is chosen by name; one that somebody registered never goes this way.
    let chosen = format!("{}?client={}&client={}", urls::CLEAN_UP_CLIENTS, used.id, registered.id);
    let asked = root.get(&chosen).await.assert(200);
    assert!(asked.words().contains("stops at once for 1 person"), "{}", asked.words());
    let form = asked.form("Remove clients").and("client", &registered.id);
    root.submit(&form).await.assert(303);
    assert_eq!(ask(&used).await, 400);
    assert_eq!(ask(&registered).await, 200);
    root.get(&format!("{}?unused_for=10", urls::CLEAN_UP_CLIENTS)).await.assert(303);
    for bad in ["unused_for=0", "unused_for=x", "unused_for=99999"] {
        root.get(&format!("{}?{bad}", urls::CLEAN_UP_CLIENTS)).await.assert(400);
    }
    let future = form.without("client").set("unused_since", "99999999999");
    root.submit(&future).await.assert(400);
}

#[tokio::test]
async fn only_administrators_clean_up_and_only_managers_look() {
    let app = TestApp::start().await;
    let (root, max) = (app.root().await, app.in_workspace("max", "admin").await);
    let eve = app.in_workspace("eve", "member").await;
    let client = app.client().await;
    let page = max.get(urls::SELF_REGISTERED_CLIENTS).await.assert(200);
    assert!(page.words().contains("Test client") && !page.words().contains("Registered from"), "{}", page.words());
    assert!(!page.offers("Disable"));
    eve.get(urls::SELF_REGISTERED_CLIENTS).await.assert(403);
    let form = root.get(urls::SELF_REGISTERED_CLIENTS).await.form("Disable");
    for person in [&max, &eve] {
        let own = person.new_client_form().await;
        let fields = [("disable", client.id.as_str())];
        person.post_as(&app, &own, urls::SELF_REGISTERED_CLIENTS, &fields).await.assert(403);
        person.get(&format!("{}?client={}", urls::CLEAN_UP_CLIENTS, client.id)).await.assert(403);
        person.post_as(&app, &own, urls::CLEAN_UP_CLIENTS, &[("client", &client.id)]).await.assert(403);
        person.get(&page_of(urls::CLIENT, &client)).await.assert(404);
    }
    assert_eq!(max.consider(&client.ask().url()).await.status, 200);
    root.submit(&form).await.assert(303);
    assert_eq!(max.consider(&client.ask().url()).await.status, 400, "cut off");
    let page = root.get(urls::SELF_REGISTERED_CLIENTS).await;
    root.submit(&page.form("Enable")).await.assert(303);
    assert_eq!(max.consider(&client.ask().url()).await.status, 200);
}

/// F6, CVE-2021-26715: a logo's URL leads nowhere inside, and what comes back is a picture or nothing.
#[tokio::test]
async fn a_logo_is_fetched_from_public_addresses_alone() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let inside = Documents::start().await;
    let form = ada.new_client_form().await;
    for url in [
        inside.client_id(),
        inside.client_id().replace("http://", "https://"),
        inside.client_id().replace("127.0.0.1", "localhost"),
        "https://10.0.0.1/logo.png".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/logo.png".to_owned(),
        "https://[fd00::1]/logo.png".to_owned(),
        "https://0x7f.1/logo.png".to_owned(),
        "https://user:password@app.example/logo.png".to_owned(),
        "file:///etc/passwd".to_owned(),
        "javascript:alert(1)".to_owned(),
    ] {
        let page = ada.submit(&form.clone().set("logo_url", &url)).await.assert(200);
        assert!(page.words().contains("This image cannot be used"), "{url}: {}", page.words());
    }
    assert_eq!(inside.visits().await, 0, "somebody was led inside");
    assert_eq!(app.events("client.added").await.len(), 0);
}

#[tokio::test]
async fn what_comes_back_for_a_logo_is_a_small_picture_or_refused() {
    let app = TestApp::configured(|config| config.outbound.allow_loopback_clients = true).await;
    let ada = app.in_workspace("ada", "member").await;
    let site = Documents::start().await;
    let form = ada.new_client_form().await.set("logo_url", &site.client_id());
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    let body =
        |bytes: Vec<u8>| ResponseTemplate::new(200).set_body_bytes(bytes).insert_header("content-type", "image/png");
    let polyglot = [picture(), b"<script>alert(1)</script>".to_vec()].concat();
    for (answer, why) in [
        (ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/"), "status 302"),
        (ResponseTemplate::new(404), "status 404"),
        (body(svg), "PNG, JPEG or WebP"),
        (body(b"GIF89a/*".to_vec()), "PNG, JPEG or WebP"),
        (body(polyglot), "something else besides"),
        (body(vec![0x89; Logo::LARGEST + 1]), "at most 100 kB"),
        (body(Vec::new()), "PNG, JPEG or WebP"),
        (body(picture()).insert_header("content-encoding", "gzip"), "compressed"),
    ] {
        site.answer(answer).await;
        let page = ada.submit(&form).await.assert(200);
        assert!(page.words().contains(why), "{why}: {}", page.words());
    }
    site.answer(body(picture())).await;
    let client = ada.register_client(&app, &form).await;
    assert_eq!(site.visits().await, 1);
    let consent = ada.consider(&client.ask().url()).await;
    assert!(!consent.body.contains(&site.client_id()), "never hot-linked");
    assert_eq!(shown(&app, &consent).await.body.len(), String::from_utf8_lossy(&picture()).len());
    assert_eq!(site.visits().await, 1, "fetched once");
}

/// The picture of a page, as its browser gets it.
async fn shown(app: &TestApp, page: &Answer) -> Answer {
    let path = page.body.split("src=\"").find_map(|rest| rest.strip_prefix("/static/logos/")).expect("a logo");
    let digest = path.split('"').next().unwrap();
    let picture = app.get(&format!("/static/logos/{digest}")).await.assert(200);
    assert_eq!(picture.header("content-type"), "image/png");
    assert_eq!(picture.header("content-security-policy"), "default-src 'none'; sandbox");
    assert!(picture.header("cache-control").contains("immutable"));
    picture
}

#[tokio::test]
async fn a_logo_is_uploaded_shown_and_taken_away() {
    let app = TestApp::start().await;
    let ada = app.in_workspace("ada", "member").await;
    let form = ada.new_client_form().await;
    let client = ada.register_client(&app, &form).await;
    client.connect(&ada).await;
    let page = ada.get(&page_of(urls::CLIENT_LOGO, &client)).await.assert(200);
    let form = page.form("Save logo");
    for (file, why) in [
        (b"<html><script>alert(1)</script>".to_vec(), "PNG, JPEG or WebP"),
        (vec![0x89; Logo::LARGEST + 1], "at most 100 kB"),
        (Vec::new(), "Choose a file"),
    ] {
        let page = ada.upload(&app, &form, &file).await.assert(200);
        assert!(page.words().contains(why), "{why}: {}", page.words());
    }
    ada.upload(&app, &form, &vec![0; 600 * 1024]).await.assert(413);
    ada.upload(&app, &form.clone().without("csrf"), &picture()).await.assert(403);
    ada.upload(&app, &form.clone().set("csrf", "AAAA"), &picture()).await.assert(403);
    ada.upload(&app, &form, &picture()).await.assert(303);
    let consent = ada.consider(&client.ask().url()).await;
    shown(&app, &consent).await;
    let page = ada.get(&page_of(urls::CLIENT_LOGO, &client)).await;
    ada.upload(&app, &page.form("Remove logo"), &[]).await.assert(303);
    assert!(!ada.consider(&client.ask().url()).await.body.contains("/static/logos/"));
    for name in ["x", "..%2f..%2fetc", &"0".repeat(64), &"G".repeat(64), "%00"] {
        assert_eq!(app.get(&format!("/static/logos/{name}")).await.status, 404, "{name}");
    }
    let head = app.request(Method::HEAD, "/static/logos/x");
    app.send(head).await.assert(404);
}

/// Stored markup in a name, wherever the name is shown.
#[tokio::test]
async fn a_name_is_text_wherever_it_stands() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let name = "\"><script>alert(1)</script>";
    let form = root.new_client_form().await.set("name", name);
    let preview = root.submit(&form.clone().set("do", "preview")).await.assert(200);
    let client = root.register_client(&app, &form).await;
    client.connect(&root).await;
    let pages = [urls::CLIENT, urls::EDIT_CLIENT, urls::CLIENT_SECRETS, urls::CLIENT_LOGO, urls::DISABLE_CLIENT];
    let mut answers = vec![preview, root.get(urls::CLIENTS).await, root.get(urls::APPS).await];
    for path in pages {
        answers.push(root.get(&page_of(path, &client)).await);
    }
    answers.push(root.get(&page_of(urls::REMOVE_CLIENT, &client)).await);
    for answer in answers {
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    }
    let deceptive = root.new_client_form().await.set("name", "Cla\u{200b}ude");
    assert!(root.submit(&deceptive).await.assert(200).words().contains("all of them visible"));
    let imitation = root.new_client_form().await.set("name", "Claude").set("do", "preview");
    assert!(root.submit(&imitation).await.words().contains("This name looks like Claude"));
}

/// The same person in a browser session of today.
async fn signed_in_again(person: &Browser) -> Browser {
    let again = person.elsewhere();
    again.sign_in().await;
    again
}
