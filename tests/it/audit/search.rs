//! `/api/v1/audit-events`: what is asked for is what comes, page by page, and asking is written down.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::SimpleAsyncConnection;
use portcullis::audit::search::{Found, Order, Search};
use portcullis::audit::{Entry, Event, Origin, record};
use portcullis::credentials::NewKey;
use portcullis::grants::m2m_account::NewAccount;
use portcullis::http::urls;
use portcullis::places::Reach;
use portcullis::types::{Scope, SubjectId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::m2m::account;
use crate::support::manager::Manager;
use crate::support::{Browser, TestApp};

/// One event as a test wants it.
pub async fn note(app: &TestApp, entry: Entry, origin: &Origin, at: DateTime<Utc>) {
    app.write(async |conn| record(conn, entry, origin, at).await).await;
}

fn called(tool: &str, is_allowed: bool) -> Entry {
    let event = if is_allowed { Event::GatewayAllowed } else { Event::GatewayDenied };
    let detail = json!({ "server": "weather", "method": "tools/call", "object": tool, "rule": "analysts#2" });
    Entry::new(event).client("cursor").detail(detail)
}

async fn manager<'a>(app: &'a TestApp, root: &Browser) -> Manager<'a> {
    Manager::new(app, root, "mgmt.admin").await
}

async fn found(api: &Manager<'_>, query: &str) -> Vec<Value> {
    let page = api.get(&format!("{}?{query}", urls::API_AUDIT_EVENTS)).await.assert(200).json();
    page["items"].as_array().unwrap().clone()
}

/// What was found, by the object of each.
async fn objects(api: &Manager<'_>, query: &str) -> Vec<String> {
    let items = found(api, &format!("event=gateway.&{query}")).await;
    items.iter().map(|item| item["detail"]["object"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_filter_finds_what_it_says_and_nothing_else() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let ada = app.person("ada").await;
    app.program(account("agent")).await;
    let agent = app.account_id("agent").await;
    let api = manager(&app, &root).await;
    let request = "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55";
    let home = Origin { address: Some("203.0.113.9".to_owned()), request_id: Some(request.to_owned()) };
    let now = app.clock().now();
    let ago = |hours| now - TimeDelta::hours(hours);
    note(&app, called("look", true).user(ada.user), &home, ago(1)).await;
    note(&app, called("change", false).user(ada.user), &Origin::default(), ago(2)).await;
    note(&app, called("destroy", true).subject(SubjectId::Service(agent)), &Origin::default(), ago(3)).await;
    let other =
        json!({ "server": "bank", "method": "tools/call", "object": "pay 100 %", "by": { "person": ada.user } });
    note(&app, Entry::new(Event::GatewayAllowed).detail(other), &Origin::default(), ago(49)).await;

    for (query, expected) in [
        ("", vec!["look", "change", "destroy", "pay 100 %"]),
        ("outcome=refused", vec!["change"]),
        ("outcome=done", vec!["look", "destroy", "pay 100 %"]),
        ("user=ada", vec!["look", "change", "pay 100 %"]),
        ("user=agent", vec!["destroy"]),
        ("server=bank", vec!["pay 100 %"]),
        ("client=cursor", vec!["look", "change", "destroy"]),
        ("client=cursor2", vec![]),
        ("address=203.0.113.9", vec!["look"]),
        ("address=203.0.113.10", vec![]),
        (&*format!("request_id={request}"), vec!["look"]),
        ("since=150m", vec!["look", "change"]),
        ("until=150m&since=1d", vec!["destroy"]),
        ("q=DESTROY", vec!["destroy"]),
        ("q=100+%25", vec!["pay 100 %"]),
        ("q=l_ok", vec![]),
        ("q=1%25", vec![]),
        ("user=ada&outcome=refused&server=weather&since=1d&q=analysts", vec!["change"]),
    ] {
        assert_eq!(objects(&api, query).await, expected, "{query}");
    }
    assert_eq!(objects(&api, &format!("user={}", ada.user)).await.len(), 3, "by id");
    let gone = "01936a5e-0000-7f3a-9d7e-2b7f1f0f6c55";
    assert!(objects(&api, &format!("user={gone}")).await.is_empty(), "who is gone has an id all the same");
    let exact = found(&api, "event=gateway.denied").await;
    assert_eq!(exact.len(), 1);
    assert_eq!((&exact[0]["user"], &exact[0]["outcome"]), (&json!("ada"), &json!("refused")));
    assert!(
        found(&api, "event=session.").await.iter().all(|item| item["event"].as_str().unwrap().starts_with("session."))
    );
}

#[tokio::test]
async fn a_filter_that_cannot_be_is_refused_and_never_left_out() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let api = manager(&app, &root).await;
    for (query, words) in [
        ("event=gatway.", "gatway."),
        ("outcome=maybe", "done or refused"),
        ("user=nobody-here", "nobody-here"),
        ("since=yesterday", "yesterday"),
        ("since=1h&until=2h", "not after"),
        ("address=203.0.113", "an IP address"),
        ("server=../x", "the name of a server"),
        ("request_id=1", "x-request-id"),
        ("usr=ada", "no parameter here"),
        ("user=ada&user=eve", "twice"),
        ("limit=0", "limit"),
        ("cursor=xx", "cursor"),
        ("cursor=MTIuMTI", "cursor"),
        ("q=%00", "cannot be read"),
    ] {
        let refused = api.get(&format!("{}?{query}", urls::API_AUDIT_EVENTS)).await.assert(400).json();
        assert!(refused["detail"].as_str().unwrap().contains(words), "{query}: {refused}");
    }
    let export = api.get(&format!("{}?format=xls", urls::API_AUDIT_EXPORT)).await.assert(400);
    assert!(export.body.contains("ndjson or csv"));
    api.get(&format!("{}?format=csv&outcome=maybe", urls::API_AUDIT_EXPORT)).await.assert(400);
    api.post(urls::API_AUDIT_EVENTS, json!({})).await.assert(405);
    api.delete(urls::API_AUDIT_EXPORT).await.assert(405);
}

/// Events of one moment among them: none twice, none left out, whatever is written meanwhile.
#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let ada = app.person("ada").await;
    let api = manager(&app, &root).await;
    let now = app.clock().now();
    for tool in 0..23 {
        let at = now - TimeDelta::microseconds(tool / 5);
        note(&app, called(&tool.to_string(), true).user(ada.user), &Origin::default(), at).await;
    }
    for query in ["event=gateway.", "event=gateway.&user=ada", "event=gateway.&server=weather"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("{}?{query}&limit=4{cursor}", urls::API_AUDIT_EVENTS);
            let page = api.get(&path).await.assert(200).json();
            let key = |item: &Value| -> (DateTime<Utc>, String) {
                (item["at"].as_str().unwrap().parse().unwrap(), item["id"].as_str().unwrap().to_owned())
            };
            seen.extend(page["items"].as_array().unwrap().iter().map(key));
            pages += 1;
            note(&app, called("later", true), &Origin::default(), app.clock().now()).await;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let unlike: BTreeSet<_> = seen.iter().collect();
        assert_eq!(unlike.len(), seen.len(), "none came twice");
        assert!(seen.is_sorted_by(|a, b| a > b), "newest first: {seen:?}");
        assert!(seen.len() >= 23 && pages >= 6, "{query}: {}", seen.len());
    }
}

#[tokio::test]
async fn the_trail_is_for_administrators_and_for_programs_that_the_operator_trusts_with_it() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let owner = app.in_workspace("owen", "owner").await;
    let (reader, owner) =
        (Manager::new(&app, &root, "mgmt.read").await, Manager::new(&app, &owner, "mgmt.write").await);
    for path in [urls::API_AUDIT_EVENTS, urls::API_AUDIT_EXPORT] {
        app.get(path).await.assert(401);
        let refused = reader.get(path).await.assert(403);
        assert!(refused.header("www-authenticate").contains("mgmt.admin"), "{}", refused.header("www-authenticate"));
        owner.get(path).await.assert(403);
    }
    assert!(app.events("audit.searched").await.is_empty() && app.events("audit.exported").await.is_empty());
    let workspace = app.workspace().await;
    let narrow = app.key_as(&root, |usual| NewKey { workspace, reach: Reach::of([workspace]), ..usual }).await;
    app.api(&narrow.secret, Method::GET, urls::API_AUDIT_EVENTS).await.assert(403);
    let collector = app.program(NewAccount { scope: Scope::of(&["mgmt.admin"]), ..account("collector") }).await;
    let token = collector.act(&[("scope", "mgmt.admin")]).await.tokens().access;
    app.api(&token, Method::GET, urls::API_AUDIT_EXPORT).await.assert(200);
}

/// Who looks for a secret that got out types it into the search: it must not be in the trail for that.
#[tokio::test]
async fn asking_is_written_down_once_and_without_the_words() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let api = manager(&app, &root).await;
    app.is_secret("a-token-that-got-out");
    for tool in ["a", "b", "c"] {
        note(&app, called(tool, true), &Origin::default(), app.clock().now()).await;
    }
    let path = format!("{}?q=a-token-that-got-out&event=gateway.&since=1h", urls::API_AUDIT_EVENTS);
    api.get(&path).await.assert(200);
    let first = api.get(&format!("{}?event=gateway.&limit=2", urls::API_AUDIT_EVENTS)).await.assert(200).json();
    let next = first["next_cursor"].as_str().unwrap();
    api.get(&format!("{}?event=gateway.&limit=2&cursor={next}", urls::API_AUDIT_EVENTS)).await.assert(200);
    let told = app.events("audit.searched").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        (&told[0]["filters"]["event"], &told[0]["filters"]["words"]),
        (&json!("gateway."), &json!("not written down"))
    );
    assert_eq!(told[1], json!({ "filters": { "event": "gateway." } }));
    let mine = found(&api, "event=audit.searched&user=root").await;
    assert!(mine.len() >= 2 && mine.iter().all(|item| item["user"] == "root"), "{mine:?}");
}

/// However much there is, nobody keeps the database busy with one question.
#[tokio::test]
async fn a_question_that_takes_too_long_is_given_up() {
    let app = TestApp::start().await;
    let mut conn = app.db().direct().await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let page = (Order::NewestFirst, None, 10);
    let found = Search::default().page(app.db(), page, Duration::from_millis(100)).await.unwrap();
    assert!(matches!(found, Found::TooMuch), "{found:?}");
    conn.batch_execute("ROLLBACK").await.unwrap();
    let found = Search::default().page(app.db(), page, Duration::from_secs(60)).await.unwrap();
    assert!(matches!(found, Found::Page(_)), "{found:?}");
}
