//! NOUN `used_assertions`: signed statements that may be used once, and were.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};

use crate::db::Connection;
use crate::schema::used_assertions as table;

/// What kind of statement it is: a `jti` is unique to its issuer and kind only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionKind {
    /// A client proves who it is (RFC 7523 §2.2).
    Client,
    /// An authorization grant (RFC 7523 §2.1).
    Grant,
    /// A request object (RFC 9101).
    Request,
    /// A DPoP proof (RFC 9449 §4.3).
    Proof,
}

impl AssertionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Grant => "grant",
            Self::Request => "request",
            Self::Proof => "proof",
        }
    }
}

/// Uses a statement up: `false` when it was used before. One INSERT decides, so of fifty at once one is first.
///
/// `until` is when the statement has expired by itself, with the skew that is allowed for clocks: it need not be remembered
/// for longer.
pub async fn use_up(
    conn: &mut Connection,
    kind: AssertionKind,
    issuer: &str,
    jti: &str,
    until: DateTime<Utc>,
) -> QueryResult<bool> {
    let digest = Sha256::digest(jti);
    let row = (
        table::issuer.eq(format!("{} {issuer}", kind.name())),
        table::assertion_hash.eq(digest.as_slice()),
        table::expires_at.eq(until),
    );
    let new = diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    Ok(new == 1)
}

/// Forgets statements that have expired by themselves.
pub async fn expire(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::expires_at.le(now))).execute(conn).await
}
