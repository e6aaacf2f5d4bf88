//! Copies of the trail: whole, in order, on their way while they are made, and nothing in them but what happened.

use chrono::TimeDelta;
use portcullis::audit::{Entry, Event, Origin};
use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::search::note;
use crate::support::TestApp;
use crate::support::m2m::account;
use crate::support::manager::Manager;

fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// More than one reads from the database at a time, and many of one moment.
async fn fill(app: &TestApp) {
    app.sql(
        "INSERT INTO audit_events (id, at, event, client_id, detail)
         SELECT gen_random_uuid(), now() - (place / 7) * interval '1 minute', 'note.left', 'c' || place, '{}'
         FROM generate_series(1, 3500) AS place",
    )
    .await;
}

#[tokio::test]
async fn a_copy_is_whole_and_in_order() {
    let app = TestApp::start().await;
    let root = app.root().await;
    fill(&app).await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let copy = api.get(&format!("{}?event=note.left", urls::API_AUDIT_EXPORT)).await.assert(200);
    assert_eq!(copy.header("content-type"), "application/x-ndjson");
    assert!(copy.header("content-disposition").ends_with(".ndjson\""), "{}", copy.header("content-disposition"));
    assert_eq!(copy.header("cache-control"), "no-store");
    let events = lines(&copy.body);
    assert_eq!(events.len(), 3500);
    let order: Vec<_> =
        events.iter().map(|event| (event["at"].as_str().unwrap(), event["id"].as_str().unwrap())).collect();
    assert!(order.is_sorted_by(|a, b| a < b), "oldest first, none twice");
    let table = api.get(&format!("{}?event=note.left&format=csv", urls::API_AUDIT_EXPORT)).await.assert(200);
    assert!(table.header("content-type").starts_with("text/csv"));
    assert_eq!(table.body.split("\r\n").count(), 3502, "a head, the events, and the end of the last");
    assert!(table.body.starts_with("id,at,event,outcome,user,"), "{}", &table.body[..80]);
    let told = app.events("audit.exported").await;
    let asked = json!({ "event": "note.left" });
    assert_eq!(told, [json!({ "filters": asked, "format": "ndjson" }), json!({ "filters": asked, "format": "csv" })]);
}

/// The first events are there before the last are read: a copy is never all in memory, nor in one transaction.
#[tokio::test]
async fn a_copy_comes_as_it_is_made_and_breaks_off_where_the_database_does() {
    let app = TestApp::start().await;
    let root = app.root().await;
    app.sql(
        "INSERT INTO audit_events (id, at, event, detail)
         SELECT gen_random_uuid(), now() - interval '1 hour', 'note.left', jsonb_build_object('text', repeat('x', 2000))
         FROM generate_series(1, 20000)",
    )
    .await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let path = format!("{}?event=note.left", urls::API_AUDIT_EXPORT);
    let request = app.request(Method::GET, &path).header(AUTHORIZATION, format!("Bearer {}", api.token));
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"{"), "{first:?}");
    app.sql("ALTER TABLE audit_events RENAME TO elsewhere").await;
    let mut broken = false;
    let mut got = first.len();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got += chunk.len(),
            Ok(None) => break,
            Err(_) => {
                broken = true;
                break;
            }
        }
    }
    app.sql("ALTER TABLE elsewhere RENAME TO audit_events").await;
    assert!(broken && got < 20_000 * 2000, "it does not look whole: {got}");
}

/// CWE-1236: what a stranger chose becomes no formula in somebody's spreadsheet.
#[tokio::test]
async fn a_table_has_no_formula_in_it() {
    let app = TestApp::start().await;
    let root = app.root().await;
    for client in ["=HYPERLINK(\"https://evil.example\",\"x\")", "+1", "-1", "@SUM(A1)", "\t=1", "a\r\n=1,b"] {
        let entry = Entry::new(Event::ClientRefused).client(client).detail(json!({ "why": client }));
        note(&app, entry, &Origin::default(), app.clock().now() - TimeDelta::minutes(1)).await;
    }
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    let table = api.get(&format!("{}?event=client.refused&format=csv", urls::API_AUDIT_EXPORT)).await.assert(200).body;
    let cells = cells(&table);
    assert_eq!(cells.len(), 7);
    assert!(cells.iter().all(|row| row.len() == 12), "{cells:?}");
    for cell in cells.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
    assert!(cells.iter().any(|row| row[7] == "a\r\n=1,b"), "what begins with a letter is as it was");
}

/// Rows and cells as RFC 4180 has them.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => cell.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (letter, _) => cell.push(letter),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted, "it ends with a line");
    rows
}

/// Everything that hands out a secret happens, and none is in a copy. That none is in a row, every test looks at its end.
#[tokio::test]
async fn no_secret_is_in_a_copy() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let ada = app.person("ada").await;
    let tokens = app.client().await.connect(&ada).await;
    app.call_tool(&tokens.access, "leave_note", json!({ "note": "hello" })).await.assert(200);
    app.program(account("agent")).await.act(&[]).await.tokens();
    app.key(&ada).await;
    app.pat(&ada).await;
    let api = Manager::new(&app, &root, "mgmt.admin").await;
    app.get(&format!("{}?token={}", urls::API_AUDIT_EVENTS, tokens.refresh)).await.assert(401);
    api.get(&format!("{}?q={}", urls::API_AUDIT_EVENTS, tokens.refresh)).await.assert(200);
    app.app().audit.write(&app.app().db).await.unwrap();
    for format in ["ndjson", "csv"] {
        let copy = api.get(&format!("{}?format={format}", urls::API_AUDIT_EXPORT)).await.assert(200);
        assert!(copy.body.lines().count() > 10, "{}", copy.body);
        for event in
            ["session.signed_in", "api_key.made", "personal_token.made", "note.left", "client_credentials.used"]
        {
            assert!(copy.body.contains(event), "{event} is not in the copy");
        }
        app.finds_no_secret_in(&copy.body);
    }
}
