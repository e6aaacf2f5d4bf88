//! The warm paths of MCP calls, introspections and tokens of programs make no database query, and a refresh makes few: the
//! database itself says so, or who stands before it.

use diesel::sql_types::{Text, Timestamptz};
use diesel_async::RunQueryDsl;
use portcullis::credentials::{NewKey, Rate};
use portcullis::db::Connection;
use portcullis::grants::trusted_issuer::IssuerKind;
use portcullis::http::urls;
use serde_json::json;

use crate::support::foreign::KEYCLOAK;
use crate::support::issuers::Issuer;
use crate::support::m2m::account;
use crate::support::{Holder, TestApp};

#[derive(diesel::QueryableByName)]
struct Moment {
    #[diesel(sql_type = Timestamptz)]
    now: chrono::DateTime<chrono::Utc>,
}

#[derive(diesel::QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    query: String,
}

/// The database's own time.
async fn moment(conn: &mut Connection) -> Moment {
    diesel::sql_query("SELECT clock_timestamp() AS now").get_result(conn).await.unwrap()
}

/// What anybody but this connection has asked since then, the heartbeat apart.
async fn asked_since(conn: &mut Connection, moment: &Moment) -> Vec<String> {
    let query = "SELECT query FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                   AND greatest(query_start, backend_start) > $1 AND query NOT LIKE 'NOTIFY portcullis_beat_%'";
    let query = diesel::sql_query(query).bind::<Timestamptz, _>(moment.now);
    query.load::<Statement>(conn).await.unwrap().into_iter().map(|statement| statement.query).collect()
}

#[tokio::test]
async fn a_warm_call_asks_the_database_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let token = app.client().await.connect(&ada).await.access;
    let mut conn = app.db().direct().await.unwrap();
    // What the set-up announced is heard, and read again, within a moment.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let tools = ["list_services", "debug_auth_context"];
    for tool in tools {
        app.call_tool(&token, tool, json!({})).await.assert(200);
    }

    let before = moment(&mut conn).await;
    for _ in 0..50 {
        for tool in tools {
            app.call_tool(&token, tool, json!({})).await.assert(200);
        }
    }
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());

    app.call_tool(&token, "leave_note", json!({ "note": "I was here" })).await.assert(200);
    assert!(!asked_since(&mut conn, &before).await.is_empty(), "the witness sees what is asked");
}

/// A personal access token is remembered by its hash, its last use noted in memory.
#[tokio::test]
async fn a_warm_call_with_a_personal_token_asks_the_database_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let pat = app.pat(&ada).await;
    let mut conn = app.db().direct().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.call_mcp(&pat.token).await.assert(200);
    let before = moment(&mut conn).await;
    for _ in 0..50 {
        app.call_mcp(&pat.token).await.assert(200);
    }
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());
    // Nor does one that is none, the second time.
    let unknown = format!("{}x", pat.token);
    app.call_mcp(&unknown).await.assert(401);
    let before = moment(&mut conn).await;
    app.call_mcp(&unknown).await.assert(401);
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());
}

/// An API key is remembered, its last use noted in memory, its rate counted there.
#[tokio::test]
async fn a_warm_call_with_a_key_asks_the_database_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let rate = Some(Rate::new(1000).unwrap());
    let key = app.key_as(&ada, |usual| NewKey { rate, ..usual }).await;
    let mut conn = app.db().direct().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.call_mcp(&key.secret).await.assert(200);
    let before = moment(&mut conn).await;
    for _ in 0..100 {
        app.call_mcp(&key.secret).await.assert(200);
    }
    // Nor does a typo ask.
    app.call_mcp(&format!("{}x", key.secret)).await.assert(401);
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());
}

/// Another issuer's token is remembered like ours.
#[tokio::test]
async fn a_warm_call_with_a_foreign_token_asks_the_database_nothing() {
    let app = TestApp::start().await;
    app.person("ada").await;
    let keycloak = Issuer::new(KEYCLOAK);
    keycloak.trust(&app, IssuerKind::AccessTokens, |_| {}).await;
    keycloak.accept(&app, |_| {}).await;
    app.link(&keycloak, "u-1", "ada").await;
    let token = keycloak.sign("JWT", &app.keycloak_claims("u-1"));
    let mut conn = app.db().direct().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.call_mcp(&token).await.assert(200);
    let before = moment(&mut conn).await;
    for _ in 0..50 {
        app.call_mcp(&token).await.assert(200);
    }
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());
}

/// RFC 9449: proofs are judged and remembered without the database, too.
#[tokio::test]
async fn a_warm_call_with_a_bound_token_asks_the_database_nothing() {
    let app = TestApp::start().await;
    let (ada, client, holder) = (app.person("ada").await, app.client().await, Holder::new());
    let token = holder.connect(&client, &ada).await.access;
    let mut conn = app.db().direct().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    holder.call(&app, &token).await.assert(200);
    let before = moment(&mut conn).await;
    for _ in 0..50 {
        holder.call(&app, &token).await.assert(200);
    }
    assert_eq!(asked_since(&mut conn, &before).await, Vec::<String>::new());
}

/// An installation whose set-up has been heard and read again, so that nothing of it is asked for any more.
async fn settled(app: &TestApp) {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    app.asked();
}

/// The first words of what was asked, as far as its table.
fn outline(asked: &[String]) -> Vec<String> {
    let words = |query: &String| {
        let verb = query.split(' ').next().unwrap().to_owned();
        let table =
            ["INTO \"", "UPDATE \"", "FROM (\"", "FROM \""].iter().find_map(|before| query.split(before).nth(1));
        let table = table.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        format!("{verb} {table}").trim_end().to_owned()
    };
    asked.iter().map(words).collect()
}

/// RFC 7662: who asks is in memory, and so is what is asked about.
#[tokio::test]
async fn a_warm_introspection_asks_the_database_nothing() {
    let app = TestApp::overheard().await;
    let (ada, client) = (app.person("ada").await, app.confidential_client().await);
    let token = client.connect(&ada).await.access;
    let ask = async || client.post(urls::INTROSPECT, &[("token", &token)]).await.assert(200).json();
    settled(&app).await;
    ask().await;
    assert!(!app.asked().is_empty(), "the witness hears what is asked");
    for _ in 0..20 {
        assert_eq!(ask().await["active"], true);
    }
    assert_eq!(app.asked(), Vec::<String>::new());
}

/// RFC 6749 §4.4: a program gets its tokens from memory, and all of them together are written down in one statement.
#[tokio::test]
async fn warm_client_credentials_ask_for_one_batch_of_audit_events() {
    let app = TestApp::overheard().await;
    let client = app.program(account("agent")).await;
    settled(&app).await;
    client.act(&[]).await.tokens();
    client.act(&[]).await.tokens();
    settled(&app).await;
    for _ in 0..20 {
        client.act(&[]).await.tokens();
    }
    settled_with(&app, 22).await;
    let asked = app.asked();
    assert!(asked.len() < 20 && outline(&asked).iter().all(|query| query == "INSERT audit_events"), "{asked:?}");
}

/// Waits until so many programs' tokens have been written down.
async fn settled_with(app: &TestApp, events: i64) {
    use diesel::{ExpressionMethods, QueryDsl};
    use portcullis::schema::audit_events as table;
    let mut conn = app.db().direct().await.unwrap();
    let used = table::table.filter(table::event.eq("client_credentials.used"));
    while used.count().get_result::<i64>(&mut conn).await.unwrap() < events {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// OAuth 2.1 §4.3.1: a rotation is one transaction, and no row is read twice. What needs no answer shares one round trip.
#[tokio::test]
async fn a_warm_refresh_is_one_short_transaction() {
    let app = TestApp::overheard().await;
    let (ada, client) = (app.person("ada").await, app.confidential_client().await);
    let tokens = client.connect(&ada).await;
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    settled(&app).await;
    let tokens = client.refresh(&tokens.refresh).await.tokens();
    app.asked();
    client.refresh(&tokens.refresh).await.tokens();
    let mut asked = outline(&app.asked());
    asked[4..8].sort();
    let expected = [
        "BEGIN",
        "SELECT refresh_tokens",
        "SELECT users",
        "SELECT workspace_members",
        "INSERT audit_events",
        "INSERT refresh_tokens",
        "UPDATE grants",
        "UPDATE refresh_tokens",
        "COMMIT",
    ];
    assert_eq!(asked, expected);
}
