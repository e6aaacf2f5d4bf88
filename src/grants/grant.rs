//! NOUN `grants`: what a person allowed a client, once; the root of every token it bought.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Connection;
use crate::schema::grants as table;
use crate::types::{GrantId, Scope, SessionId, UserId, Words};

/// A grant.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct Grant {
    /// Names it in every token it bought.
    pub id: GrantId,
    /// Who allowed it.
    pub user_id: UserId,
    /// To whom.
    pub client_id: String,
    /// For which resource (RFC 8707).
    pub resource: String,
    /// What.
    pub scope: Scope,
    /// In which browser session.
    pub session_id: Option<SessionId>,
    /// When the person had last proved who they are.
    pub authenticated_at: DateTime<Utc>,
    /// How.
    pub amr: Words,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it last bought tokens.
    pub last_used_at: DateTime<Utc>,
    /// Its absolute end; rotation never moves it.
    pub expires_at: DateTime<Utc>,
    /// When it was ended early.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why.
    pub end_reason: Option<String>,
    /// The thumbprint of the key that its refresh tokens are bound to (RFC 9449 §5).
    pub dpop_jkt: Option<String>,
}

/// What makes a grant; the rest follows from the time.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Who allowed it.
    pub user: UserId,
    /// To whom.
    pub client_id: String,
    /// For which resource (RFC 8707).
    pub resource: String,
    /// What.
    pub scope: Scope,
    /// In which browser session, if it was in one.
    pub session: Option<SessionId>,
    /// When the person had last proved who they are.
    pub authenticated_at: DateTime<Utc>,
    /// How.
    pub amr: Words,
    /// Its absolute end.
    pub expires_at: DateTime<Utc>,
}

impl NewGrant {
    /// The grant, as it is now: live, and bound to no key.
    pub fn begin(self, now: DateTime<Utc>) -> Grant {
        let Self { user, client_id, resource, scope, session, authenticated_at, amr, expires_at } = self;
        Grant {
            id: GrantId::fresh(),
            user_id: user,
            client_id,
            resource,
            scope,
            session_id: session,
            authenticated_at,
            amr,
            created_at: now,
            last_used_at: now,
            expires_at,
            ended_at: None,
            end_reason: None,
            dpop_jkt: None,
        }
    }
}

/// Why a grant ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The person ended it.
    Person,
    /// Its client handed it back: by revoking a refresh token (RFC 7009), or by the tool `disconnect_me`.
    Client,
    /// Its client became another than the person was shown, or removed itself (RFC 7592).
    ClientChanged,
    /// Its client was removed by who manages it.
    ClientRemoved,
    /// Its code was presented twice.
    CodeReplayed,
    /// One of its refresh tokens was presented after its grace.
    RefreshReplayed,
}

impl EndReason {
    /// Its name in the table and the audit trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Client => "client",
            Self::ClientChanged => "client_changed",
            Self::ClientRemoved => "client_removed",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReplayed => "refresh_replayed",
        }
    }
}

/// Stores a new grant.
pub async fn insert(conn: &mut Connection, grant: &Grant) -> QueryResult<()> {
    diesel::insert_into(table::table).values(grant).execute(conn).await.map(drop)
}

/// Stores a grant whose id somebody was shown before: `false` when it is there already. The primary key decides.
pub async fn insert_once(conn: &mut Connection, grant: &Grant) -> QueryResult<bool> {
    let made = diesel::insert_into(table::table).values(grant).on_conflict_do_nothing().execute(conn).await?;
    Ok(made == 1)
}

/// A live grant.
pub async fn live(conn: &mut Connection, id: GrantId, now: DateTime<Utc>) -> QueryResult<Option<Grant>> {
    table::table
        .find(id)
        .filter(table::ended_at.is_null().and(table::expires_at.gt(now)))
        .select(Grant::as_select())
        .first(conn)
        .await
        .optional()
}

/// A live grant, locked until the transaction is over: what is bought under it is bought before its end, and so dies with
/// it. Callers that lock a code or token as well lock that first, so they never wait for each other in a circle.
pub async fn live_locked(conn: &mut Connection, id: GrantId, now: DateTime<Utc>) -> QueryResult<Option<Grant>> {
    table::table
        .find(id)
        .filter(table::ended_at.is_null().and(table::expires_at.gt(now)))
        .select(Grant::as_select())
        .for_no_key_update()
        .first(conn)
        .await
        .optional()
}

/// Binds its refresh tokens to a key, once (RFC 9449 §5).
pub async fn bind(mut conn: &Connection, id: GrantId, key: &str) -> QueryResult<()> {
    let unbound = table::table.find(id).filter(table::dpop_jkt.is_null());
    diesel::update(unbound).set(table::dpop_jkt.eq(key)).execute(&mut conn).await.map(drop)
}

/// True when what is bound to a key comes with proof of it, or is bound to none (RFC 9449 §5, §10).
pub fn fits_key(bound_to: Option<&str>, proved: Option<&str>) -> bool {
    bound_to.is_none_or(|key| proved == Some(key))
}

/// Notes that it bought tokens.
pub async fn touch(mut conn: &Connection, id: GrantId, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(table::table.find(id)).set(table::last_used_at.eq(now)).execute(&mut conn).await.map(drop)
}

/// Ends a grant; `None` when it had ended already.
pub async fn end(
    conn: &mut Connection,
    id: GrantId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> QueryResult<Option<Grant>> {
    diesel::update(table::table.find(id))
        .filter(table::ended_at.is_null())
        .set((table::ended_at.eq(now), table::end_reason.eq(reason.name())))
        .returning(Grant::as_returning())
        .get_result(conn)
        .await
        .optional()
}

/// A person's live grants, newest use first.
pub async fn of_user(conn: &mut Connection, user: UserId, now: DateTime<Utc>) -> QueryResult<Vec<Grant>> {
    table::table
        .filter(table::user_id.eq(user))
        .filter(table::ended_at.is_null().and(table::expires_at.gt(now)))
        .order((table::last_used_at.desc(), table::id.desc()))
        .select(Grant::as_select())
        .load(conn)
        .await
}

/// The live grants of a person to one client, the newest first, and no more than that.
pub async fn live_to_client(
    conn: &mut Connection,
    user: UserId,
    client: &str,
    now: DateTime<Utc>,
    most: i64,
) -> QueryResult<Vec<Grant>> {
    table::table
        .filter(table::user_id.eq(user).and(table::client_id.eq(client)))
        .filter(table::ended_at.is_null().and(table::expires_at.gt(now)))
        .order((table::last_used_at.desc(), table::id.desc()))
        .limit(most)
        .select(Grant::as_select())
        .load(conn)
        .await
}

/// The grants of a person to one client that have not ended; some may have expired.
pub async fn of_user_to_client(conn: &mut Connection, user: UserId, client: &str) -> QueryResult<Vec<GrantId>> {
    table::table
        .filter(table::user_id.eq(user).and(table::client_id.eq(client)).and(table::ended_at.is_null()))
        .select(table::id)
        .load(conn)
        .await
}

/// The grants to one client that have not ended; some may have expired.
pub async fn of_client(conn: &mut Connection, client: &str) -> QueryResult<Vec<GrantId>> {
    table::table
        .filter(table::client_id.eq(client).and(table::ended_at.is_null()))
        .order(table::id)
        .select(table::id)
        .load(conn)
        .await
}

/// How many people have granted something to each of these clients that has neither ended nor expired.
pub async fn people_of(conn: &mut Connection, clients: &[&str], now: DateTime<Utc>) -> QueryResult<Vec<(String, i64)>> {
    table::table
        .filter(table::client_id.eq_any(clients))
        .filter(table::ended_at.is_null().and(table::expires_at.gt(now)))
        .group_by(table::client_id)
        .select((table::client_id, diesel::dsl::count(table::user_id).aggregate_distinct()))
        .load(conn)
        .await
}

/// The grants that were made in these sessions, ended ones too.
pub(super) async fn of_sessions(conn: &mut Connection, sessions: &[SessionId]) -> QueryResult<Vec<Grant>> {
    table::table.filter(table::session_id.eq_any(sessions)).select(Grant::as_select()).load(conn).await
}

/// Forgets grants that ended or expired before `before`, or whose code had bought nothing by then and never will.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    let over = table::expires_at.le(before).or(table::ended_at.le(before).assume_not_null());
    let never_used = table::last_used_at.eq(table::created_at).and(table::created_at.le(before));
    diesel::delete(table::table.filter(over.or(never_used))).execute(conn).await
}
