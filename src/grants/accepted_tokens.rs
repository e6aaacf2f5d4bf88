//! NOUN `accepted_tokens`: of which trusted issuers the access tokens open our MCP servers as they are, and which of them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::trust_rule::{self, TrustRule};
use super::trusted_issuer::{self, TrustedIssuer};
use crate::db::{Connection, changes};
use crate::schema::accepted_tokens as table;
use crate::types::{Scope, Words, known_scopes};

/// Which access tokens of an issuer are accepted.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = table, primary_key(issuer), treat_none_as_null = true)]
pub struct AcceptedTokens {
    /// Whose.
    pub issuer: String,
    /// Another each time that it is said: what was verified under an earlier one is verified again.
    pub id: Uuid,
    /// To whom they may be addressed; to the server at whose door they are, when it is not said.
    pub audiences: Words,
    /// To which clients they may have been issued; to any, when it is not said.
    pub client_ids: Words,
    /// The most that they get.
    pub scope: Scope,
    /// The claim whose groups their people have beside their own, for that call.
    pub groups_claim: Option<String>,
    /// Since when.
    pub accepted_at: DateTime<Utc>,
}

impl AcceptedTokens {
    /// The most that they get: using servers. Managing is not another's to give, whatever the table holds.
    pub fn scope(&self) -> Scope {
        self.scope.within(&Scope::of(&[known_scopes::MCP_DELETE]))
    }
}

/// Says which are accepted, instead of what was said before.
pub async fn put(conn: &mut Connection, accepted: &AcceptedTokens) -> QueryResult<()> {
    let row = diesel::insert_into(table::table).values(accepted);
    row.on_conflict(table::issuer).do_update().set(accepted).execute(conn).await?;
    changes::announce(conn, trusted_issuer::CHANGED).await
}

/// Which of this issuer's are accepted, if any.
pub async fn of_issuer(conn: &mut Connection, issuer: &str) -> QueryResult<Option<AcceptedTokens>> {
    table::table.find(issuer).select(AcceptedTokens::as_select()).first(conn).await.optional()
}

/// An issuer whose access tokens are accepted.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    /// Who it is, and by what its signatures are known.
    pub issuer: TrustedIssuer,
    /// Which of its tokens.
    pub accepted: AcceptedTokens,
    /// Which of its programs act as which service account, oldest first.
    pub rules: Vec<TrustRule>,
}

/// Every such issuer, by its name.
#[derive(Clone, Debug, Default)]
pub struct TokenIssuers(HashMap<String, Arc<TokenIssuer>>);

impl TokenIssuers {
    /// Reads them all.
    pub async fn load(conn: &mut Connection) -> QueryResult<Self> {
        let mut all = HashMap::new();
        let accepted: Vec<AcceptedTokens> = table::table.select(AcceptedTokens::as_select()).load(conn).await?;
        for accepted in accepted {
            let Some(issuer) = trusted_issuer::trusted(conn, &accepted.issuer).await? else { continue };
            let rules = trust_rule::of_issuer(conn, &accepted.issuer).await?;
            all.insert(issuer.issuer.clone(), Arc::new(TokenIssuer { issuer, accepted, rules }));
        }
        Ok(Self(all))
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of that name, to the byte.
    pub fn named(&self, issuer: &str) -> Option<&Arc<TokenIssuer>> {
        self.0.get(issuer)
    }
}
