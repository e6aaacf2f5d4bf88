//! A copy of the trail as a file: page by page from the database, never all of it at once.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::{self, Stream};
use serde_json::Value;

use super::{Names, item};
use crate::app::App;
use crate::audit::search::{Found, Key, Order, Recorded, Search};
use crate::db::{self, Db};
use crate::http::no_store::NoStore;

/// Events that are read at a time. Between two pages no connection is held: who reads slowly keeps nobody waiting.
const PAGE: usize = 1000;
/// How long a page may take; nobody looks on.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object on each line.
    Ndjson,
    /// A table (RFC 4180) with a line of heads.
    Csv,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// Its name, which the file's ends with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Ndjson => String::new(),
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
        }
    }

    fn line(self, event: &Recorded, names: &Names) -> String {
        let item = item(event, names);
        match self {
            Self::Ndjson => format!("{item}\n"),
            Self::Csv => {
                let cells: Vec<String> = COLUMNS.iter().map(|column| cell(&item[column])).collect();
                format!("{}\r\n", cells.join(","))
            }
        }
    }
}

/// The columns of a table: the members of an event.
const COLUMNS: [&str; 12] = [
    "id",
    "at",
    "event",
    "outcome",
    "user",
    "user_id",
    "service_account_id",
    "client_id",
    "grant_id",
    "address",
    "request_id",
    "detail",
];

/// A value as a cell. Spreadsheets take text that begins like a formula for one (CWE-1236): such text gets an apostrophe before
/// it, which they show as text.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let text = if is_formula { format!("'{text}") } else { text };
    match text.contains([',', '"', '\r', '\n', '\'']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// The same search up to now: what is written while a copy is on its way is not in it, or it would never end.
pub fn narrowed_to_now(search: Search, now: DateTime<Utc>) -> Search {
    Search { until: Some(search.until.map_or(now, |until| until.min(now))), ..search }
}

/// An answer that is a copy, on its way while it is made.
pub fn file(app: &App, search: Search, format: Format) -> HttpResponse {
    let now = app.clock.now();
    let copy = copy(app.db.clone(), narrowed_to_now(search, now), format);
    let copy = copy.inspect_err(|error| tracing::warn!(%error, "a copy of the audit trail broke off"));
    let name = format!("portcullis-audit-{}.{}", now.format("%Y-%m-%dT%H%M%SZ"), format.name());
    let mut response = HttpResponse::Ok();
    response.no_store().insert_header((CONTENT_TYPE, format.media_type()));
    response.insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    response.streaming(Box::pin(copy.map_ok(Bytes::from)))
}

/// Where a copy is.
enum At {
    Start,
    After(Option<Key>),
    End,
}

/// The file in pieces, oldest event first. Where one cannot be had, the copy breaks off, and whoever gets it notices.
pub fn copy(db: Db, search: Search, format: Format) -> impl Stream<Item = Result<String, db::Error>> {
    stream::try_unfold((At::Start, db, search), move |(at, db, search)| async move {
        let after = match at {
            At::Start => return Ok(Some((format.head(), (At::After(None), db, search)))),
            At::After(after) => after,
            At::End => return Ok(None),
        };
        let found = match search.page(&db, (Order::OldestFirst, after, PAGE), PATIENCE).await? {
            Found::Page(found) => found,
            Found::TooMuch => return Err(db::Error::Unavailable("a page of the audit trail took too long".to_owned())),
        };
        let names = Names::of(&mut *db.read().await?, &found).await?;
        let text: String = found.iter().map(|event| format.line(event, &names)).collect();
        let next = match found.last() {
            Some(last) if found.len() == PAGE => At::After(Some(last.key())),
            _ => At::End,
        };
        Ok(Some((text, (next, db, search))))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        for (value, text) in [
            (json!("ada"), "ada"),
            (json!(null), ""),
            (json!("a,b"), "\"a,b\""),
            (json!("say \"hi\""), "\"say \"\"hi\"\"\""),
            (json!("=HYPERLINK(\"http://evil\")"), "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            (json!("+1"), "\"'+1\""),
            (json!("-2+3"), "\"'-2+3\""),
            (json!("@SUM(A1)"), "\"'@SUM(A1)\""),
            (json!(" =1"), "\"' =1\""),
            (json!("\t=1"), "\"'\t=1\""),
            (json!("\r\nx"), "\"'\r\nx\""),
            (json!("＝1"), "\"'＝1\""),
            (json!({ "a": "=1" }), "\"{\"\"a\"\":\"\"=1\"\"}\""),
        ] {
            assert_eq!(cell(&value), text);
        }
    }
}
