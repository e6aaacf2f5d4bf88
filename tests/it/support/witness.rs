//! Remembers every secret that was handed out in a test, and looks for it where it must never be.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use portcullis::db::connect::Connector;
use secrecy::SecretString;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::Answer;

/// Members of JSON answers that are secrets.
const SECRET_MEMBERS: [&str; 4] = ["access_token", "refresh_token", "id_token", "client_secret"];

/// The secrets of one test.
pub struct Witness {
    secrets: Mutex<BTreeSet<String>>,
    /// How long the log was when the test began.
    log_began: usize,
}

impl Witness {
    /// Knows no secret yet.
    pub fn new() -> Self {
        keep_log();
        Self { secrets: Mutex::default(), log_began: lock(&LOG).len() }
    }

    /// Remembers a secret.
    pub fn note(&self, secret: &str) {
        if !secret.is_empty() {
            lock(&self.secrets).insert(secret.to_owned());
        }
    }

    /// Remembers every secret in an answer: tokens, client secrets, cookies, codes.
    pub fn read(&self, answer: &Answer) {
        if let Ok(Value::Object(members)) = serde_json::from_str(&answer.body) {
            let secrets = SECRET_MEMBERS.iter().filter_map(|name| members.get(*name)?.as_str());
            secrets.for_each(|secret| self.note(secret));
        }
        if let Some(token) = pushed(&answer.body) {
            self.note(&token);
        }
        // Which workspace settings show is no secret.
        for (_, value) in answer.cookies().into_iter().filter(|(name, _)| !name.ends_with("_workspace")) {
            self.note(&value);
        }
        if let Some(code) = answer.callback_parameter("code") {
            self.note(&code);
        }
    }

    /// Fails when a secret stands in any column of any table, or in what was logged.
    pub fn search(&self, database: &SecretString) {
        let secrets = lock(&self.secrets).clone();
        for (table, row) in rows(database) {
            assert!(!secrets.iter().any(|secret| row.contains(secret)), "a secret is in the table {table}: {row}");
        }
        let log = String::from_utf8_lossy(&lock(&LOG)[self.log_began..]).into_owned();
        for line in log.lines() {
            assert!(!secrets.iter().any(|secret| line.contains(secret)), "a secret is in the log: {line}");
        }
    }
}

impl Witness {
    /// Fails when there is a secret in what somebody takes away.
    pub fn find_none_in(&self, text: &str) {
        for secret in lock(&self.secrets).iter() {
            assert!(!text.contains(secret), "a secret is in what is taken away: {text}");
        }
    }
}

/// What names a pushed request, without the words that every such name begins with (RFC 9126 §2.2).
fn pushed(body: &str) -> Option<String> {
    let json: Value = serde_json::from_str(body).ok()?;
    Some(json.get("request_uri")?.as_str()?.rsplit(':').next()?.to_owned())
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Every row of every table as text, with the table's name.
pub fn rows(database: &SecretString) -> Vec<(String, String)> {
    let url = database.clone();
    std::thread::spawn(move || every_row(&url)).join().expect("the census of the database")
}

#[tokio::main(flavor = "current_thread")]
async fn every_row(database: &SecretString) -> Vec<(String, String)> {
    let mut conn = Connector::new(database).unwrap().connect().await.unwrap();
    // A part of a table is in the table.
    let tables = "SELECT relname::text AS line FROM pg_class
                  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition";
    let tables: Vec<Line> = sql_query(tables).load(&mut conn).await.unwrap();
    assert!(tables.len() > 10, "the census sees the schema");
    let mut rows = Vec::new();
    for Line { line: table } in tables {
        let all = format!("SELECT each::text AS line FROM \"{table}\" AS each");
        let all: Vec<Line> = sql_query(all).load(&mut conn).await.unwrap();
        rows.extend(all.into_iter().map(|row| (table.clone(), row.line)));
    }
    rows
}

/// Everything that this process logged while tests ran.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts to keep the log, in more detail than an operator would ask for.
fn keep_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new("portcullis=trace,actix_web=debug,tracing_actix_web=debug,info");
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Scribe);
        log.try_init().expect("no other subscriber in the tests");
    });
}

struct Scribe;

impl io::Write for Scribe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&LOG).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::support::TestApp;

    #[tokio::test]
    #[should_panic(expected = "a secret is in the table audit_events")]
    async fn a_secret_in_a_table_is_found() {
        let app = TestApp::start().await;
        let ada = app.person("ada").await;
        let tokens = app.client().await.connect(&ada).await;
        app.call_tool(&tokens.access, "leave_note", json!({ "note": tokens.refresh })).await.assert(200);
    }

    #[tokio::test]
    #[should_panic(expected = "a secret is in the log")]
    async fn a_secret_in_the_log_is_found() {
        let app = TestApp::start().await;
        app.is_secret("open sesame");
        tracing::info!("somebody said: open sesame");
    }
}
