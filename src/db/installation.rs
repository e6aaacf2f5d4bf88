//! NOUN `installation`: which root key a database belongs to.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use subtle::ConstantTimeEq;

use super::Connection;
use crate::crypto::{KeyVersion, Label, RootKeys};
use crate::schema::installation as table;

/// Whether a database and a root key belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// They do.
    Ours,
    /// The database was made under another key: nothing in it could be read.
    AnotherKey,
}

/// Checks the root keys against the database; the first to come decides for good.
///
/// A wrong key is noticed here, at start, and not at the first failed sign-in. When a newer key leads the list, it is the
/// one that must be there from now on.
pub async fn claim(conn: &mut Connection, keys: &RootKeys, now: DateTime<Utc>) -> QueryResult<Claim> {
    let (newest, version) = (keys.mac(Label::Check, PARTS).to_vec(), keys.version());
    let row = (table::key_check.eq(&newest), table::key_version.eq(version), table::created_at.eq(now));
    diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(conn).await?;
    let query = table::table.select((table::key_check, table::key_version)).for_update();
    let (check, known): (Vec<u8>, KeyVersion) = query.first(conn).await?;
    if !keys.macs(Label::Check, PARTS).any(|ours| bool::from(ours[..].ct_eq(&check))) {
        return Ok(Claim::AnotherKey);
    }
    if known != version {
        let row = (table::key_check.eq(newest), table::key_version.eq(version));
        diesel::update(table::table).set(row).execute(conn).await?;
    }
    Ok(Claim::Ours)
}

/// True for the first who asks: what every installation begins with is theirs to write.
pub async fn claim_seeding(conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<bool> {
    let unseeded = table::table.filter(table::seeded_at.is_null());
    let claimed = diesel::update(unseeded).set(table::seeded_at.eq(now)).execute(conn).await?;
    Ok(claimed > 0)
}

/// What the check value is a keyed hash of.
const PARTS: &[&[u8]] = &[b"installation"];
