//! API keys as lists show them: narrowed, ordered and cut into pages by the database, each order along an index of its own.

use chrono::{DateTime, Utc};
use diesel::dsl::{AsExprOf, sql};
use diesel::expression::{SqlLiteral, UncheckedBind};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::api_key::{ApiKey, State};
use crate::db::Connection;
use crate::schema::api_keys as table;
use crate::types::{ApiKeyId, PlaceId, UserId};

/// Whose keys somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Everybody's.
    All,
    /// All of these workspaces, and a person's own.
    Of {
        /// The workspaces that they manage.
        managed: Vec<PlaceId>,
        /// They themselves, if they are a person.
        own: Option<UserId>,
    },
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The newest first.
    #[default]
    Created,
    /// By name.
    Name,
    /// Those that end soonest first.
    Expires,
    /// The last used first.
    Used,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Name, Self::Expires, Self::Used];

    /// Its word in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Name => "name",
            Self::Expires => "expires",
            Self::Used => "used",
        }
    }

    /// The order of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

/// Where a page begins: behind the key of this id, which has this value in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What the order compares.
    pub value: String,
    /// Decides between equals.
    pub id: ApiKeyId,
}

impl After {
    /// Behind this key.
    pub fn the(key: &ApiKey, sort: Sort) -> Self {
        let moment = |at: Option<DateTime<Utc>>, never: &str| at.map_or(never.to_owned(), |at| at.to_rfc3339());
        let value = match sort {
            Sort::Created => String::new(),
            Sort::Name => key.name.to_string(),
            Sort::Expires => moment(key.expires_at, "infinity"),
            Sort::Used => moment(key.last_used_at, "-infinity"),
        };
        Self { value, id: key.id }
    }

    /// As a cursor says it.
    pub fn written(&self) -> String {
        format!("{} {}", self.id, self.value)
    }

    /// What a cursor for this order says, if it is one.
    pub fn read(text: &str, sort: Sort) -> Option<Self> {
        let (id, value) = text.split_once(' ')?;
        let fits = match sort {
            Sort::Created => value.is_empty(),
            Sort::Name => !value.contains('\0'),
            Sort::Expires => value == "infinity" || DateTime::parse_from_rfc3339(value).is_ok(),
            Sort::Used => value == "-infinity" || DateTime::parse_from_rfc3339(value).is_ok(),
        };
        fits.then_some(Self { value: value.to_owned(), id: id.parse().ok()? })
    }
}

/// What is asked of the list.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Whose keys are seen.
    pub seen: Seen,
    /// Of this workspace alone.
    pub workspace: Option<PlaceId>,
    /// In this state alone; those that are over, whether expired or revoked, when it says so.
    pub states: Vec<State>,
    /// With words that begin like these, in the name or the visible part.
    pub search: String,
    /// In which order.
    pub sort: Sort,
    /// Behind which key.
    pub after: Option<After>,
    /// How many.
    pub limit: i64,
}

type Query<'a> = table::BoxedQuery<'a, Pg>;

/// The keys of a page.
pub async fn list(conn: &mut Connection, listing: &Listing, now: DateTime<Utc>) -> QueryResult<Vec<ApiKey>> {
    let query = seen(table::table.into_boxed(), listing);
    let query = in_states(query, &listing.states, now);
    let query = match search(&listing.search) {
        None => query,
        Some(search) => match few(conn, &search).await? {
            Some(found) => query.filter(table::id.eq_any(found)),
            None => query.filter(matching(search)),
        },
    };
    let query = ordered(query, listing.sort, listing.after.as_ref());
    query.limit(listing.limit).select(ApiKey::as_select()).load(conn).await
}

/// So few found keys are put in order at once; where there are more, a page of them is soon met along the order.
const FEW: usize = 1000;

/// The keys that a search finds, unless they are many. The index of words answers this whatever the planner thinks of the order.
async fn few(conn: &mut Connection, search: &str) -> QueryResult<Option<Vec<ApiKeyId>>> {
    let most = i64::try_from(FEW).unwrap_or(i64::MAX).saturating_add(1);
    let found = table::table.filter(matching(search.to_owned())).select(table::id).limit(most).load(conn).await?;
    Ok(Some(found).filter(|found: &Vec<ApiKeyId>| found.len() <= FEW))
}

fn seen<'a>(query: Query<'a>, listing: &'a Listing) -> Query<'a> {
    let query = match listing.workspace {
        Some(workspace) => query.filter(table::workspace_id.eq(workspace)),
        None => query,
    };
    match (&listing.seen, listing.workspace) {
        (Seen::All, _) => query,
        (Seen::Of { managed, .. }, Some(workspace)) if managed.contains(&workspace) => query,
        (Seen::Of { own: Some(own), .. }, Some(_)) => query.filter(table::user_id.eq(own)),
        (Seen::Of { managed, own: Some(own) }, None) => {
            query.filter(table::workspace_id.eq_any(managed).or(table::user_id.is_not_distinct_from(own)))
        }
        (Seen::Of { managed, own: None }, _) => query.filter(table::workspace_id.eq_any(managed)),
    }
}

fn in_states<'a>(query: Query<'a>, states: &[State], now: DateTime<Utc>) -> Query<'a> {
    let wants = |state| states.contains(&state);
    // Of two ends the sooner counts, and none is never.
    let ends = || sql::<Timestamptz>("least(coalesce(expires_at, 'infinity'), coalesce(ends_at, 'infinity'))");
    match (wants(State::Active), wants(State::Expired), wants(State::Revoked)) {
        (true, true, true) | (false, false, false) => query,
        (true, false, false) => query.filter(table::revoked_at.is_null()).filter(ends().gt(now)),
        (false, true, false) => query.filter(table::revoked_at.is_null()).filter(ends().le(now)),
        (false, false, true) => query.filter(table::revoked_at.is_not_null()),
        (true, true, false) => query.filter(table::revoked_at.is_null()),
        (false, true, true) => query.filter(table::revoked_at.is_not_null().or(ends().le(now))),
        (true, false, true) => query.filter(table::revoked_at.is_not_null().or(ends().gt(now))),
    }
}

/// Every word that is asked for begins a word of the name or of the visible part.
fn search(text: &str) -> Option<String> {
    let words: Vec<String> = words(text).map(|word| format!("'{word}':*")).collect();
    (!words.is_empty()).then(|| words.join(" & "))
}

/// True of keys that a search finds; the expression is that of the index.
fn matching(search: String) -> Matching {
    let head = sql::<Bool>("api_key_words(name, prefix) @@ to_tsquery('pg_catalog.simple', ");
    head.bind::<Text, _>(search).sql(")")
}

type Matching = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, AsExprOf<String, Text>>>;

/// As many words as a search has at most.
const MOST_WORDS: usize = 8;

/// The words of a search; nothing is left in them that means something to the database.
fn words(search: &str) -> impl Iterator<Item = String> {
    let all = search.split(|c: char| c.is_ascii_punctuation() || c.is_whitespace() || c.is_control());
    all.filter(|word| !word.is_empty()).take(MOST_WORDS).map(|word| word.chars().take(64).collect())
}

fn ordered<'a>(query: Query<'a>, sort: Sort, after: Option<&'a After>) -> Query<'a> {
    // Expressions of the indexes; a row comparison is one step along one.
    match sort {
        Sort::Created => {
            let query = match after {
                Some(after) => query.filter(table::id.lt(after.id)),
                None => query,
            };
            query.order(table::id.desc())
        }
        Sort::Name => beyond(query, "(lower(name), id) > (lower(", "), ", after)
            .order((sql::<Text>("lower(name)"), table::id.asc())),
        Sort::Expires => beyond(query, "(coalesce(expires_at, 'infinity'), id) > (", "::timestamptz, ", after)
            .order((sql::<Timestamptz>("coalesce(expires_at, 'infinity')"), table::id.asc())),
        Sort::Used => beyond(query, "(coalesce(last_used_at, '-infinity'), id) < (", "::timestamptz, ", after)
            .order((sql::<Timestamptz>("coalesce(last_used_at, '-infinity')").desc(), table::id.desc())),
    }
}

fn beyond<'a>(query: Query<'a>, head: &'static str, middle: &'static str, after: Option<&'a After>) -> Query<'a> {
    let Some(After { value, id }) = after else { return query };
    let row = sql::<Bool>(head).bind::<Text, _>(value).sql(middle).bind::<diesel::sql_types::Uuid, _>(id);
    query.filter(row.sql(")"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_words_and_never_a_statement() {
        for (search, expected) in [
            ("Claude Desktop", &["Claude", "Desktop"][..]),
            ("pcl_abC1", &["pcl", "abC1"]),
            ("CI/CD", &["CI", "CD"]),
            ("' | 'x':*) --", &["x"]),
            ("a\\'b & !c <-> d", &["a", "b", "c", "d"]),
            ("schlüssel 鍵", &["schlüssel", "鍵"]),
            (" \t\0 ", &[]),
        ] {
            assert_eq!(words(search).collect::<Vec<_>>(), expected, "{search:?}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_for_its_own_order_alone() {
        let id = ApiKeyId::fresh();
        for (sort, value) in [
            (Sort::Created, ""),
            (Sort::Name, "a name with spaces"),
            (Sort::Expires, "infinity"),
            (Sort::Used, "2026-11-28T10:00:00+00:00"),
        ] {
            let after = After { value: value.to_owned(), id };
            assert_eq!(After::read(&after.written(), sort), Some(after));
        }
        for (sort, bad) in [
            (Sort::Created, format!("{id} x")),
            (Sort::Expires, format!("{id} tomorrow")),
            (Sort::Used, format!("{id} infinity")),
            (Sort::Name, "x y".to_owned()),
            (Sort::Name, format!("{id} \0")),
            (Sort::Created, id.to_string()),
        ] {
            assert_eq!(After::read(&bad, sort), None, "{bad}");
        }
    }
}
