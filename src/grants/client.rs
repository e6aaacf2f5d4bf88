//! NOUN `clients`: OAuth clients, however they became known to us.

mod list;
mod options;
mod row;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::client_metadata::{ApplicationType, AuthMethod, Registration};
use crate::crypto::{HashedToken, KeyVersion};
use crate::db::Connection;
use crate::db::changes::announce;
use crate::places::{Reach, StoredReach};
use crate::schema::{client_ownerships, clients as table, grants, pending_requests};
use crate::types::{Permissions, RedirectUri, Scope, ServiceAccountId, Words};
pub use list::{After, Listed, Sort, State, Wanted, Whose};
pub use options::{ClientOptions, Profile, Uris, is_reachable};
pub use row::NewClient;
use row::Row;

/// What is announced when a client is not what it was: nodes remember clients. That one was used is no change.
pub const CHANGED: &str = "clients";

/// How a client became known. One of one origin never takes over the id of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// It registered itself (RFC 7591).
    Registered,
    /// Its id is the URL of its metadata document (CIMD draft).
    MetadataDocument,
    /// An administrator registered it.
    Administrator,
    /// Somebody else registered it, for a workspace.
    Person,
    /// It is a part of this program: the client of the tokens that people make for themselves.
    BuiltIn,
}

impl ClientOrigin {
    /// Every one of them.
    pub const ALL: [Self; 5] =
        [Self::Registered, Self::MetadataDocument, Self::Administrator, Self::Person, Self::BuiltIn];
    /// Those of clients that made themselves known: nobody here answers for them, and they come and go.
    pub const SELF_MADE: [Self; 2] = [Self::Registered, Self::MetadataDocument];
    /// Those of clients that somebody registered.
    pub const REGISTERED_BY_SOMEBODY: [Self; 2] = [Self::Administrator, Self::Person];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::MetadataDocument => "metadata_document",
            Self::Administrator => "administrator",
            Self::Person => "person",
            Self::BuiltIn => "built_in",
        }
    }

    /// True when nobody here registered it.
    pub fn is_self_made(self) -> bool {
        Self::SELF_MADE.contains(&self)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.name() == name)
    }
}

/// A client as it stands.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// How we know it.
    pub origin: ClientOrigin,
    /// What it calls itself.
    pub name: String,
    /// The hash of its secret, unless it is public.
    pub secret_hash: Option<HashedToken>,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may do at the token endpoint.
    pub grant_types: Words,
    /// What it may ever be granted.
    pub scope: Scope,
    /// Where it runs (OpenID Connect Registration §2).
    pub application_type: ApplicationType,
    /// What it says of itself and nothing decides on.
    pub metadata: Value,
    /// SHA-256 of everything a person is shown or relies on.
    pub metadata_hash: Vec<u8>,
    /// When we came to know it.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Until when its metadata document need not be read again.
    pub fresh_until: Option<DateTime<Utc>>,
    /// When it was cut off.
    pub disabled_at: Option<DateTime<Utc>>,
    /// What it asks of us beyond a redirect.
    pub options: ClientOptions,
}

impl Client {
    /// True when it cannot keep a secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// True when its refresh tokens are bound to the key of its proofs: it has no other (RFC 9449 §5), or it is to prove both.
    pub fn binds_refresh_tokens(&self) -> bool {
        self.is_public() || self.options.profile == Profile::Fapi2
    }

    /// True when somebody other than the client itself vouches for its name.
    pub fn is_verified(&self) -> bool {
        self.origin == ClientOrigin::Administrator
    }

    /// True when it is already noted that it was used within the hour.
    pub fn was_used_lately(&self, now: DateTime<Utc>) -> bool {
        self.last_used_at.is_some_and(|at| now < at + TOUCHED_EVERY)
    }

    /// True when it may use refresh tokens.
    pub fn refreshes(&self) -> bool {
        self.grant_types.has("refresh_token")
    }

    /// Where an answer to this request goes: the presented URI if it is registered, or the only one there is when none
    /// was presented (RFC 6749 §3.1.2.3).
    pub fn redirect_to<'a>(&'a self, presented: Option<&'a str>) -> Option<&'a str> {
        match (presented, self.redirect_uris.as_slice()) {
            (Some(presented), all) => all.iter().any(|uri| uri.matches(presented)).then_some(presented),
            (None, [only]) => Some(only.as_str()),
            (None, _) => None,
        }
    }
}

/// The client of that id, disabled or not.
pub async fn find(conn: &mut Connection, id: &str) -> QueryResult<Option<Client>> {
    // PostgreSQL takes no NUL in a text, and no client has one in its id.
    if id.contains('\0') {
        return Ok(None);
    }
    let row = table::table.find(id).select(Row::as_select()).first(conn).await.optional()?;
    row.map(Row::read).transpose()
}

/// The most that a client may ever do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The scope that it may be granted.
    pub scope: Scope,
    /// The places that its tokens are narrowed to.
    pub reach: Reach,
    /// What its tokens may do to each kind of thing, if that is narrowed.
    pub permissions: Option<Permissions>,
}

impl Ceiling {
    /// The most that both allow: what passed through several hands is no wider than any of them.
    pub fn within(&self, other: &Self) -> Self {
        let permissions = match (&self.permissions, &other.permissions) {
            (Some(ours), Some(theirs)) => Some(ours.within(theirs)),
            (ours, theirs) => ours.clone().or_else(|| theirs.clone()),
        };
        Self { scope: self.scope.within(&other.scope), reach: self.reach.within(&other.reach), permissions }
    }
}

/// What access decides on at every call of a client: its ceiling, unless it is disabled or gone.
pub async fn ceiling(conn: &mut Connection, id: &str) -> QueryResult<Option<Ceiling>> {
    if id.contains('\0') {
        return Ok(None);
    }
    let columns = (table::scope, client_ownerships::reach.nullable(), client_ownerships::permissions.nullable());
    let row: Option<(Scope, StoredReach, Option<Permissions>)> = table::table
        .left_join(client_ownerships::table)
        .filter(table::id.eq(id).and(table::disabled_at.is_null()))
        .select(columns)
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(|(scope, reach, permissions)| Ceiling { scope, reach: reach.into(), permissions }))
}

/// The clients that became known in these ways, newest first.
pub async fn newest(conn: &mut Connection, origins: &[ClientOrigin], most: i64) -> QueryResult<Vec<Client>> {
    let origins: Vec<&str> = origins.iter().map(|origin| origin.name()).collect();
    let known = table::table.filter(table::origin.eq_any(origins)).order((table::created_at.desc(), table::id));
    let rows: Vec<Row> = known.limit(most).select(Row::as_select()).load(conn).await?;
    rows.into_iter().map(Row::read).collect()
}

/// The client through which a service account acts: the oldest that may.
pub async fn of_service_account(conn: &mut Connection, account: ServiceAccountId) -> QueryResult<Option<String>> {
    let own = table::table.filter(table::service_account_id.eq(account).and(table::disabled_at.is_null()));
    own.order((table::created_at, table::id)).select(table::id).first(conn).await.optional()
}

/// The clients of these ids.
pub async fn find_all(conn: &mut Connection, ids: &[&str]) -> QueryResult<Vec<Client>> {
    let ids: Vec<&&str> = ids.iter().filter(|id| !id.contains('\0')).collect();
    let rows: Vec<Row> = table::table.filter(table::id.eq_any(ids)).select(Row::as_select()).load(conn).await?;
    rows.into_iter().map(Row::read).collect()
}

/// Stores a client with a secret of its own.
pub async fn insert(conn: &mut Connection, client: &NewClient, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::insert_into(table::table).values(client.row(now)).execute(conn).await.map(drop)
}

/// Stores a client that somebody registered: `false` when there is one of its id, which stays as it is.
pub async fn insert_new(conn: &mut Connection, client: &NewClient, now: DateTime<Utc>) -> QueryResult<bool> {
    let made = diesel::insert_into(table::table).values(client.row(now)).on_conflict_do_nothing();
    made.execute(conn).await.map(|rows| rows == 1)
}

/// Gives a client that somebody registered another secret: `false` when it has none, or is not such a client.
pub async fn set_secret(
    conn: &mut Connection,
    id: &str,
    (hash, version): &(HashedToken, KeyVersion),
) -> QueryResult<bool> {
    let origins = ClientOrigin::REGISTERED_BY_SOMEBODY.map(ClientOrigin::name);
    let own = table::origin.eq_any(origins).and(table::secret_hash.is_not_null());
    let changed = diesel::update(table::table.find(id).filter(own))
        .set((table::secret_hash.eq(hash), table::key_version.eq(version)))
        .execute(conn)
        .await?;
    announce(conn, CHANGED).await?;
    Ok(changed == 1)
}

/// What whoever manages a client may change of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What people are shown.
    pub name: String,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where it runs, which follows from that.
    pub application_type: ApplicationType,
    /// What it may ever be granted.
    pub scope: Scope,
    /// Its public keys by value.
    pub jwks: Option<Value>,
    /// SHA-256 of everything a person is shown or relies on.
    pub metadata_hash: [u8; 32],
}

/// Stores what a client is from now on.
pub async fn describe(conn: &mut Connection, id: &str, now_is: &Described) -> QueryResult<()> {
    let redirect_uris: Value = now_is.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect();
    diesel::update(table::table.find(id))
        .set((
            table::name.eq(&now_is.name),
            table::redirect_uris.eq(redirect_uris),
            table::application_type.eq(now_is.application_type.name()),
            table::scope.eq(&now_is.scope),
            table::jwks.eq(&now_is.jwks),
            table::metadata_hash.eq(now_is.metadata_hash.as_slice()),
        ))
        .execute(conn)
        .await?;
    announce(conn, CHANGED).await
}

/// Replaces the secret of a client that an administrator added to act for itself: as whom, if there is such a client and it has
/// a secret.
pub async fn replace_secret(
    conn: &mut Connection,
    id: &str,
    (hash, version): &(HashedToken, KeyVersion),
) -> QueryResult<Option<ServiceAccountId>> {
    let own = table::origin.eq(ClientOrigin::Administrator.name()).and(table::service_account_id.is_not_null());
    let account: Option<Option<ServiceAccountId>> =
        diesel::update(table::table.find(id).filter(own).filter(table::secret_hash.is_not_null()))
            .set((table::secret_hash.eq(hash), table::key_version.eq(version)))
            .returning(table::service_account_id)
            .get_result(conn)
            .await
            .optional()?;
    announce(conn, CHANGED).await?;
    Ok(account.flatten())
}

/// Stores a public client that registered itself, or finds the identical one that is there already: its id and when it
/// was made.
///
/// The unique index decides, so a client that registers at every start adds one row in its life.
pub async fn insert_or_find_identical(
    conn: &mut Connection,
    client: &NewClient,
    now: DateTime<Utc>,
) -> QueryResult<(String, DateTime<Utc>)> {
    let made = diesel::insert_into(table::table)
        .values(client.row(now))
        .on_conflict_do_nothing()
        .returning((table::id, table::created_at))
        .get_result(conn)
        .await
        .optional()?;
    if let Some(made) = made {
        return Ok(made);
    }
    table::table
        .filter(table::metadata_hash.eq(client.metadata_hash.as_slice()))
        .filter(
            table::origin
                .eq(client.origin.name())
                .and(table::token_endpoint_auth_method.eq(AuthMethod::None.name()))
                .and(table::disabled_at.is_null()),
        )
        .select((table::id, table::created_at))
        .first(conn)
        .await
}

/// Stores what a metadata document says now. A client of another origin with that id is left alone: `false`.
pub async fn adopt(conn: &mut Connection, client: &NewClient, now: DateTime<Utc>) -> QueryResult<bool> {
    let upsert = diesel::insert_into(table::table).values(client.row(now)).on_conflict(table::id).do_update().set((
        table::name.eq(excluded(table::name)),
        table::token_endpoint_auth_method.eq(excluded(table::token_endpoint_auth_method)),
        table::application_type.eq(excluded(table::application_type)),
        table::redirect_uris.eq(excluded(table::redirect_uris)),
        table::grant_types.eq(excluded(table::grant_types)),
        table::scope.eq(excluded(table::scope)),
        table::requested_scope.eq(excluded(table::requested_scope)),
        table::metadata.eq(excluded(table::metadata)),
        table::metadata_hash.eq(excluded(table::metadata_hash)),
        table::fetched_at.eq(excluded(table::fetched_at)),
        table::fresh_until.eq(excluded(table::fresh_until)),
        // What it says itself; the rest of its options is an administrator's.
        table::jwks.eq(excluded(table::jwks)),
        table::jwks_uri.eq(excluded(table::jwks_uri)),
        table::post_logout_redirect_uris.eq(excluded(table::post_logout_redirect_uris)),
        table::backchannel_logout_uri.eq(excluded(table::backchannel_logout_uri)),
        table::dpop_bound_access_tokens.eq(excluded(table::dpop_bound_access_tokens)),
        table::require_pushed_authorization_requests.eq(excluded(table::require_pushed_authorization_requests)),
        table::default_max_age.eq(excluded(table::default_max_age)),
    ));
    let same_origin = table::origin.eq(ClientOrigin::MetadataDocument.name());
    let kept = diesel::query_dsl::methods::FilterDsl::filter(upsert, same_origin).execute(conn).await? == 1;
    announce(conn, CHANGED).await?;
    Ok(kept)
}

/// Stores what a client that registered itself says from now on: `false` when it is disabled or gone.
pub async fn replace(
    conn: &mut Connection,
    id: &str,
    now_is: &Registration,
    secret: Option<&(HashedToken, KeyVersion)>,
) -> QueryResult<bool> {
    let redirect_uris: Value = now_is.redirect_uris.iter().map(|uri| Value::from(uri.as_str())).collect();
    let (hash, options) = (now_is.fingerprint(), &now_is.options);
    let what_it_is = (
        table::name.eq(&now_is.name),
        table::token_endpoint_auth_method.eq(now_is.auth_method.name()),
        table::secret_hash.eq(secret.map(|(hash, _)| hash)),
        table::key_version.eq(secret.map(|(_, version)| *version)),
        table::application_type.eq(now_is.application_type.name()),
        table::redirect_uris.eq(redirect_uris),
        table::grant_types.eq(&now_is.grant_types),
        table::scope.eq(&now_is.ceiling),
        table::requested_scope.eq(&now_is.scope),
        table::metadata.eq(&now_is.metadata),
        table::metadata_hash.eq(hash.as_slice()),
    );
    // What it says itself; the rest of its options is an administrator's.
    let what_it_asks = (
        table::jwks.eq(&options.jwks),
        table::jwks_uri.eq(&options.jwks_uri),
        table::post_logout_redirect_uris.eq(&options.post_logout_redirect_uris),
        table::backchannel_logout_uri.eq(&options.backchannel_logout_uri),
        table::dpop_bound_access_tokens.eq(options.dpop_bound_access_tokens),
        table::require_pushed_authorization_requests.eq(options.require_pushed_authorization_requests),
        table::default_max_age.eq(options.default_max_age),
    );
    let own = table::origin.eq(ClientOrigin::Registered.name()).and(table::disabled_at.is_null());
    let changed =
        diesel::update(table::table.find(id).filter(own)).set((what_it_is, what_it_asks)).execute(conn).await?;
    announce(conn, CHANGED).await?;
    Ok(changed == 1)
}

/// The client of that id and the key version of its secret, locked until the transaction is over.
pub async fn find_for_update(
    conn: &mut Connection,
    id: &str,
) -> QueryResult<Option<(Client, Option<(HashedToken, KeyVersion)>)>> {
    if id.contains('\0') {
        return Ok(None);
    }
    let query = table::table.find(id).select((Row::as_select(), table::key_version)).for_update();
    let found: Option<(Row, Option<KeyVersion>)> = query.first(conn).await.optional()?;
    let Some((row, version)) = found else { return Ok(None) };
    let client = row.read()?;
    let secret = client.secret_hash.clone().zip(version);
    Ok(Some((client, secret)))
}

/// Removes a client, with everything that hangs on it.
pub async fn remove(conn: &mut Connection, id: &str) -> QueryResult<()> {
    diesel::delete(table::table.find(id)).execute(conn).await?;
    announce(conn, CHANGED).await
}

/// Removes at most `most` of the clients that made themselves known and were never used since before `unused`, or were last
/// used before `idle`. One with a live grant stays, and so does one that somebody is being asked about, and one that was
/// disabled: it would come back as new.
///
/// A client that is just being used is locked, and passed over; those that are found are locked until they are gone.
pub async fn reap(
    conn: &mut Connection,
    unused: DateTime<Utc>,
    idle: DateTime<Utc>,
    now: DateTime<Utc>,
    most: i64,
) -> QueryResult<usize> {
    let granted = grants::table
        .filter(grants::client_id.eq(table::id).and(grants::ended_at.is_null()).and(grants::expires_at.gt(now)));
    let asked = pending_requests::table
        .filter(pending_requests::client_id.eq(table::id).and(pending_requests::expires_at.gt(now)));
    let never_used = table::last_used_at.is_null().and(table::created_at.lt(unused));
    let stale = never_used.or(table::last_used_at.lt(idle).assume_not_null());
    let stale: Vec<String> = table::table
        .filter(table::origin.eq_any(ClientOrigin::SELF_MADE.map(ClientOrigin::name)))
        .filter(table::disabled_at.is_null().and(stale))
        .filter(diesel::dsl::not(diesel::dsl::exists(granted)).and(diesel::dsl::not(diesel::dsl::exists(asked))))
        .order(table::created_at)
        .limit(most)
        .select(table::id)
        .for_update()
        .skip_locked()
        .load(conn)
        .await?;
    let removed = diesel::delete(table::table.filter(table::id.eq_any(stale))).execute(conn).await?;
    if removed > 0 {
        announce(conn, CHANGED).await?;
    }
    Ok(removed)
}

/// True when it is still what it was, locked until the transaction is over: what it is given now is given to that client.
pub async fn is_still(conn: &mut Connection, id: &str, metadata_hash: &[u8]) -> QueryResult<bool> {
    let same = table::metadata_hash.eq(metadata_hash).and(table::disabled_at.is_null());
    let found: Option<String> =
        table::table.find(id).filter(same).select(table::id).for_no_key_update().first(conn).await.optional()?;
    Ok(found.is_some())
}

/// Cuts a client off (`Some`), or lets it act again (`None`): `false` when nothing changed. Every node hears of it.
pub async fn set_disabled(conn: &mut Connection, id: &str, at: Option<DateTime<Utc>>) -> QueryResult<bool> {
    if id.contains('\0') {
        return Ok(false);
    }
    let changes = table::disabled_at.is_null().eq(at.is_some());
    let changed = diesel::update(table::table.find(id).filter(changes)).set(table::disabled_at.eq(at));
    if changed.execute(conn).await? == 0 {
        return Ok(false);
    }
    announce(conn, CHANGED).await?;
    Ok(true)
}
/// How exactly it is known when a client was last used.
const TOUCHED_EVERY: TimeDelta = TimeDelta::hours(1);

/// Notes that it was used, at most once an hour. Never waits, as callers hold locks: whoever has the client locked is using
/// or changing it.
pub async fn touch(conn: &mut Connection, id: &str, now: DateTime<Utc>) -> QueryResult<()> {
    let stale = table::last_used_at.is_null().or(table::last_used_at.lt(now - TOUCHED_EVERY));
    let free: Option<String> = table::table
        .find(id)
        .filter(stale.assume_not_null())
        .select(table::id)
        .for_no_key_update()
        .skip_locked()
        .first(conn)
        .await
        .optional()?;
    let Some(free) = free else { return Ok(()) };
    diesel::update(table::table.find(free)).set(table::last_used_at.eq(now)).execute(conn).await.map(drop)
}
