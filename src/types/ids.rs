//! Identifiers that never mix.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, AsExpression, FromSqlRow,
        )]
        #[diesel(sql_type = sql_types::Uuid)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh identifier, ordered by the time of its making.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl ToSql<sql_types::Uuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <Uuid as ToSql<sql_types::Uuid, Pg>>::to_sql(&self.0, out)
            }
        }

        impl FromSql<sql_types::Uuid, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(value).map(Self)
            }
        }
    )+};
}

ids! {
    /// A policy: what a group may do at which servers.
    PolicyId;
    /// A registered MCP server.
    ServerId;
    /// An attempt to connect.
    FlowId;
    /// A person.
    UserId;
    /// A group of people.
    GroupId;
    /// What a person allowed a client, once.
    GrantId;
    /// A browser session.
    SessionId;
    /// An authorization request on somebody's consent page.
    PendingRequestId;
    /// An authorization request that a client pushed.
    PushedRequestId;
    /// A program that acts for itself.
    ServiceAccountId;
    /// A passkey.
    PasskeyId;
    /// A workspace, project or folder.
    PlaceId;
    /// An API key.
    ApiKeyId;
    /// A personal access token.
    PersonalTokenId;
    /// What lets somebody register clients.
    InitialAccessTokenId;
    /// A client's secret that was replaced.
    ClientSecretId;
}
