//! What a client asks of us beyond a redirect, or an administrator asks of it.

use chrono::TimeDelta;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde_json::Value;
use url::Url;

use crate::schema::clients as table;
use crate::types::{RedirectTarget, RedirectUri, Scope, ServiceAccountId};

/// What a client asks of us beyond a redirect, or an administrator asks of it. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = table, check_for_backend(Pg), treat_none_as_null = true)]
pub struct ClientOptions {
    /// Its public keys by value, as a JSON Web Key Set (RFC 7591 §2); never together with `jwks_uri`.
    pub jwks: Option<Value>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// A JSON list: where a browser may go after logout (OpenID Connect RP-Initiated Logout §3.1).
    pub post_logout_redirect_uris: Uris,
    /// Where it is told that a session ended (OpenID Connect Back-Channel Logout §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// True when it gets no token without DPoP (RFC 9449 §5.2).
    pub dpop_bound_access_tokens: bool,
    /// True when its authorization requests must be pushed (RFC 9126 §6).
    pub require_pushed_authorization_requests: bool,
    /// Seconds after which its people sign in again, unless it asks otherwise (OpenID Connect Registration §2).
    pub default_max_age: Option<i32>,
    /// What it asked for when it registered, if it did: its answers repeat that, and its ceiling is another.
    pub requested_scope: Option<Scope>,
    /// How strictly it is held.
    pub profile: Profile,
    /// Seconds for which its access tokens are good, where that differs from everybody's.
    pub access_token_lifetime: Option<i32>,
    /// As whom it acts by client credentials.
    pub service_account_id: Option<ServiceAccountId>,
    /// The resource that it is: it may ask about tokens with this audience (RFC 7662 §2.2).
    pub resource_identifier: Option<String>,
}

impl ClientOptions {
    /// How long its access tokens are good, where that differs from everybody's.
    pub fn access_token_lifetime(&self) -> Option<TimeDelta> {
        self.access_token_lifetime.map(|seconds| TimeDelta::seconds(seconds.into()))
    }
}

/// True for a URL to which we go by ourselves when an administrator says so; where it leads is judged again when we do.
pub fn is_reachable(text: &str) -> bool {
    let is_plain = |url: Url| url.scheme() == "https" && url.fragment().is_none() && url.username().is_empty();
    let is_loopback = |uri: RedirectUri| uri.target() == RedirectTarget::Loopback;
    Url::parse(text).is_ok_and(is_plain) || text.parse::<RedirectUri>().is_ok_and(is_loopback)
}

/// How strictly a client is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum Profile {
    /// OAuth 2.1 with the rules of MCP.
    #[default]
    Standard,
    /// The FAPI 2.0 Security Profile (`decisions` 29).
    Fapi2,
}

impl Profile {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fapi2 => "fapi2",
        }
    }

    /// The profile of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Standard, Self::Fapi2].into_iter().find(|profile| profile.name() == name)
    }
}

impl ToSql<Text, Pg> for Profile {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.name(), &mut out.reborrow())
    }
}

impl FromSql<Text, Pg> for Profile {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let name = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Self::named(&name).ok_or_else(|| format!("clients.profile holds {name:?}").into())
    }
}

/// A list of URIs, kept as a JSON array.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Jsonb)]
pub struct Uris(pub Vec<String>);

impl ToSql<diesel::sql_types::Jsonb, Pg> for Uris {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Value as ToSql<diesel::sql_types::Jsonb, Pg>>::to_sql(&Value::from(self.0.clone()), &mut out.reborrow())
    }
}

impl FromSql<diesel::sql_types::Jsonb, Pg> for Uris {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let json = <Value as FromSql<diesel::sql_types::Jsonb, Pg>>::from_sql(value)?;
        Ok(Self(serde_json::from_value(json)?))
    }
}
