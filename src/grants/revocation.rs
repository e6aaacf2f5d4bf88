//! NOUN `revocations`: access tokens that must not work although their signature and time are good.
//!
//! An access token has no row. What ends one early is a row here, which every node holds in memory.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::{self, Connection};
use crate::schema::revocations as table;
use crate::types::GrantId;

/// What is announced when something is revoked.
pub const CHANGED: &str = "revocations";

/// What tokens a revocation concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// The one token with this `jti`.
    Token(String),
    /// Every token of a grant.
    Grant(GrantId),
}

impl Revoked {
    fn columns(&self) -> (&'static str, String) {
        match self {
            Self::Token(id) => ("token", id.clone()),
            Self::Grant(id) => ("grant", id.to_string()),
        }
    }
}

/// Revokes these tokens; `expires_at` is when the last of them has expired by itself.
pub async fn insert(conn: &mut Connection, revoked: &Revoked, expires_at: DateTime<Utc>) -> QueryResult<()> {
    let (kind, subject) = revoked.columns();
    diesel::insert_into(table::table)
        .values((table::kind.eq(kind), table::subject.eq(&subject), table::expires_at.eq(expires_at)))
        .on_conflict((table::kind, table::subject))
        .do_update()
        .set(table::expires_at.eq(expires_at))
        .execute(conn)
        .await?;
    db::changes::announce(conn, CHANGED).await
}

/// Every revocation in force: the answer to "is this token dead?" without a query.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    tokens: HashSet<String>,
    grants: HashSet<GrantId>,
}

/// What of a token can be revoked.
#[derive(Clone, Copy, Debug)]
pub struct Revocable<'a> {
    /// Its `jti`.
    pub token: &'a str,
    /// The grant it was issued under, if any.
    pub grant: Option<GrantId>,
}

impl Revocations {
    /// Reads them all.
    pub async fn load(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<Self> {
        let rows: Vec<(String, String)> =
            table::table.filter(table::expires_at.gt(now)).select((table::kind, table::subject)).load(conn).await?;
        let mut all = Self::default();
        for (kind, subject) in rows {
            all.add(&kind, subject);
        }
        Ok(all)
    }

    fn add(&mut self, kind: &str, subject: String) {
        match kind {
            "token" => drop(self.tokens.insert(subject)),
            "grant" => drop(subject.parse().map(|id| self.grants.insert(id))),
            _ => {}
        }
    }

    /// True when the token or its grant was revoked.
    ///
    /// What has ended never comes back, so the time does not matter: a token that is signed a moment after the end of its
    /// grant, because the two raced, is as dead as the others.
    pub fn kill(&self, token: &Revocable<'_>) -> bool {
        self.tokens.contains(token.token) || token.grant.is_some_and(|grant| self.grants.contains(&grant))
    }
}

/// Forgets revocations of tokens that have expired by themselves.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(now))).execute(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_kills_its_own_token_or_grant_and_no_other() {
        let grant = GrantId::fresh();
        let killed = |kind: &str, subject: String| {
            let mut all = Revocations::default();
            all.add(kind, subject);
            all.kill(&Revocable { token: "jti", grant: Some(grant) })
        };
        for (kind, subject) in [("token", "jti".to_owned()), ("grant", grant.to_string())] {
            assert!(killed(kind, subject), "{kind}");
            assert!(!killed(kind, "another".to_owned()), "{kind}");
        }
        assert!(!killed("grant", GrantId::fresh().to_string()));
    }
}
