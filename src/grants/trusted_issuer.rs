//! NOUN `trusted_issuers`: others whose signed statements buy tokens here (RFC 7523 §3), or are taken as tokens.

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::crypto::statement::StatementAlgorithm;
use crate::db::{Connection, changes};
use crate::schema::trusted_issuers as table;
use crate::types::Words;

/// What is announced when it changes who is trusted, and for what.
pub const CHANGED: &str = "issuers";

/// What an issuer is trusted to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum IssuerKind {
    /// Which person lets which client in: Identity Assertion JWT Authorization Grants.
    IdJag,
    /// Which workload it runs (SEP-1933).
    Workload,
    /// Nothing that buys a token: its own access tokens may be accepted.
    AccessTokens,
}

impl IssuerKind {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdJag => "id_jag",
            Self::Workload => "workload",
            Self::AccessTokens => "access_tokens",
        }
    }

    /// True when what it says may be about people: they can be linked, and its access tokens accepted.
    pub fn knows_people(self) -> bool {
        match self {
            Self::IdJag | Self::AccessTokens => true,
            Self::Workload => false,
        }
    }
}

impl ToSql<Text, Pg> for IssuerKind {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.name(), &mut out.reborrow())
    }
}

impl FromSql<Text, Pg> for IssuerKind {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let name = <String as FromSql<Text, Pg>>::from_sql(value)?;
        let known = [Self::IdJag, Self::Workload, Self::AccessTokens].into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| format!("trusted_issuers.kind holds {name:?}").into())
    }
}

/// A trusted issuer.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct TrustedIssuer {
    /// The `iss` of its statements, to the byte.
    pub issuer: String,
    /// What it is trusted to say.
    pub kind: IssuerKind,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Or those keys themselves.
    pub jwks: Option<Value>,
    /// By which algorithms it signs.
    pub algorithms: Words,
    /// To whom a workload's token must be addressed; to us when it is not said.
    pub audience: Option<String>,
    /// True when a person of its that nobody knows here is added.
    pub provision: bool,
    /// The claim from which such a person gets a name.
    pub username_claim: Option<String>,
    /// Since when it is trusted.
    pub created_at: DateTime<Utc>,
    /// Since when it is not any more.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl TrustedIssuer {
    /// The algorithms that it may use. All are asymmetric, whatever the table holds (RFC 8725 §3.2).
    pub fn algorithms(&self) -> Vec<StatementAlgorithm> {
        StatementAlgorithm::ALL.into_iter().filter(|algorithm| self.algorithms.has(algorithm.name())).collect()
    }
}

/// The issuer of that name, if it is trusted.
pub async fn trusted(conn: &mut Connection, issuer: &str) -> QueryResult<Option<TrustedIssuer>> {
    if issuer.contains('\0') {
        return Ok(None);
    }
    let named = table::table.find(issuer).filter(table::disabled_at.is_null());
    named.select(TrustedIssuer::as_select()).first(conn).await.optional()
}

/// The same, held until the transaction ends: those who would add a person of its take turns.
pub async fn hold(conn: &mut Connection, issuer: &str) -> QueryResult<Option<String>> {
    let named = table::table.find(issuer).filter(table::disabled_at.is_null());
    named.select(table::issuer).for_no_key_update().first(conn).await.optional()
}

/// Every issuer, by name.
pub async fn all(conn: &mut Connection) -> QueryResult<Vec<TrustedIssuer>> {
    table::table.order(table::issuer).select(TrustedIssuer::as_select()).load(conn).await
}

/// Trusts an issuer: `false` when it is in the table already.
pub async fn insert(conn: &mut Connection, issuer: &TrustedIssuer) -> QueryResult<bool> {
    let new = diesel::insert_into(table::table).values(issuer).on_conflict_do_nothing().execute(conn).await?;
    changes::announce(conn, CHANGED).await?;
    Ok(new == 1)
}

/// Trusts it no more, and forgets its rules: `false` when nobody did.
pub async fn remove(conn: &mut Connection, issuer: &str) -> QueryResult<bool> {
    let gone = diesel::delete(table::table.find(issuer)).execute(conn).await?;
    changes::announce(conn, CHANGED).await?;
    Ok(gone == 1)
}
