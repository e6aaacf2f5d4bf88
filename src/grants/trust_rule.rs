//! NOUN `trust_rules`: which workloads of an issuer act as which service account (SEP-1933).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Jsonb;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::trusted_issuer;
use crate::db::{Connection, changes};
use crate::schema::trust_rules as table;
use crate::types::{Scope, ServiceAccountId};

/// Patterns for claims, by the claim's name. All of them must match.
#[derive(Clone, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Jsonb)]
pub struct Matches(BTreeMap<String, String>);

/// Why patterns are no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchesError {
    /// None, or only such as match everything: every workload of the issuer would be let in.
    #[error("a rule needs at least one claim whose pattern is more than a star")]
    LetsEverybodyIn,
    /// The same claim twice.
    #[error("the claim {0:?} is matched twice")]
    Twice(String),
    /// Without a name or a pattern.
    #[error("{0:?} is not a claim and its pattern, like repository=acme/app")]
    Malformed(String),
}

impl Matches {
    /// Reads `claim=pattern` texts.
    pub fn parse(texts: &[String]) -> Result<Self, MatchesError> {
        let mut all = BTreeMap::new();
        for text in texts {
            let (claim, pattern) = text.split_once('=').unwrap_or_default();
            if claim.is_empty() || pattern.is_empty() {
                return Err(MatchesError::Malformed(text.clone()));
            }
            if all.insert(claim.to_owned(), pattern.to_owned()).is_some() {
                return Err(MatchesError::Twice(claim.to_owned()));
            }
        }
        if all.values().all(|pattern| pattern.chars().all(|c| c == '*')) {
            return Err(MatchesError::LetsEverybodyIn);
        }
        Ok(Self(all))
    }

    /// True when every claim is there and matches. A rule without patterns matches nothing.
    pub fn match_all(&self, claims: &Value) -> bool {
        let fits =
            |(name, pattern): (&String, &String)| claim(claims, name).is_some_and(|text| is_like(&text, pattern));
        !self.0.is_empty() && self.0.iter().all(fits)
    }
}

impl std::fmt::Display for Matches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(claim, pattern)| format!("{claim}={pattern}")).collect();
        f.write_str(&pairs.join(" "))
    }
}

/// A claim as a text. Lists and objects are no claim that a pattern could match.
fn claim(claims: &Value, name: &str) -> Option<String> {
    find_claim(claims, name, |value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// What `read` makes of a claim by its name, in which dots may lead into objects: `kubernetes.io.namespace` is the member
/// `namespace` of the claim `kubernetes.io`.
pub fn find_claim<T>(claims: &Value, name: &str, read: fn(&Value) -> Option<T>) -> Option<T> {
    claims.get(name).and_then(read).or_else(|| {
        let dots = name.match_indices('.').map(|(at, _)| at);
        dots.into_iter().find_map(|at| find_claim(claims.get(&name[..at])?, &name[at + 1..], read))
    })
}

/// True when `text` is what `pattern` says, where a star stands for any characters. Everything else is itself, in its case.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl ToSql<Jsonb, Pg> for Matches {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let json = serde_json::to_value(&self.0)?;
        <Value as ToSql<Jsonb, Pg>>::to_sql(&json, &mut out.reborrow())
    }
}

impl FromSql<Jsonb, Pg> for Matches {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let json = <Value as FromSql<Jsonb, Pg>>::from_sql(value)?;
        Ok(Self(serde_json::from_value(json)?))
    }
}

/// A rule.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct TrustRule {
    /// Names it.
    pub id: Uuid,
    /// Whose workloads.
    pub issuer: String,
    /// Which of them.
    pub matches: Matches,
    /// As whom they act.
    pub service_account_id: ServiceAccountId,
    /// To which client their tokens are issued: that service account's.
    pub client_id: String,
    /// The most that they get.
    pub scope: Scope,
    /// The only resource that they may ask for, if it is said.
    pub resource: Option<String>,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// The rules of an issuer, oldest first.
pub async fn of_issuer(conn: &mut Connection, issuer: &str) -> QueryResult<Vec<TrustRule>> {
    let rules = table::table.filter(table::issuer.eq(issuer)).order((table::created_at, table::id));
    rules.select(TrustRule::as_select()).load(conn).await
}

/// Stores a rule.
pub async fn insert(conn: &mut Connection, rule: &TrustRule) -> QueryResult<()> {
    diesel::insert_into(table::table).values(rule).execute(conn).await?;
    changes::announce(conn, trusted_issuer::CHANGED).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(texts: &[&str]) -> Result<Matches, MatchesError> {
        Matches::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        for (text, pattern, fits) in [
            ("acme/app", "acme/app", true),
            ("acme/app", "acme/*", true),
            ("acme/", "acme/*", true),
            ("acme-evil/app", "acme/*", false),
            ("ACME/app", "acme/*", false),
            ("evil/acme/app", "acme/*", false),
            ("acme/app2", "acme/app", false),
            ("acmeXapp", "acme.app", false),
            ("refs/heads/main", "refs/*/main", true),
            ("refs/main", "refs/*/main", false),
            ("aba", "a*ba", true),
            ("aa", "a*a", true),
            ("a", "a*a", false),
            ("anything", "*", true),
            ("", "*", true),
            ("a?c", "a?c", true),
            ("abc", "a?c", false),
        ] {
            assert_eq!(is_like(text, pattern), fits, "{text:?} {pattern:?}");
        }
    }

    #[test]
    fn claims_are_found_inside_objects_and_lists_are_none() {
        let claims = json!({
            "kubernetes.io": { "namespace": "prod", "serviceaccount": { "name": "agent" } },
            "sub": "x", "run": 7, "aud": ["a"], "ok": true,
        });
        for (name, value) in [
            ("kubernetes.io.namespace", Some("prod")),
            ("kubernetes.io.serviceaccount.name", Some("agent")),
            ("run", Some("7")),
            ("ok", Some("true")),
            ("aud", None),
            ("kubernetes.io", None),
            ("kubernetes.io.serviceaccount", None),
            ("sub.x", None),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(claim(&claims, name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn every_claim_must_match_and_a_rule_that_lets_everybody_in_is_none() {
        let rule = matches(&["repository=acme/app", "ref=refs/heads/*"]).unwrap();
        assert!(rule.match_all(&json!({ "repository": "acme/app", "ref": "refs/heads/main" })));
        assert!(!rule.match_all(&json!({ "repository": "acme/app" })));
        assert!(!rule.match_all(&json!({ "repository": ["acme/app"], "ref": "refs/heads/main" })));
        for bad in [&[][..], &["sub=*"], &["sub=**", "ref=*"], &["sub"], &["=x"], &["sub="], &["sub=a", "sub=b"]] {
            assert!(matches(bad).is_err(), "{bad:?}");
        }
        assert!(!Matches(BTreeMap::new()).match_all(&json!({})));
    }
}
