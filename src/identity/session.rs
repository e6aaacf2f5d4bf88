//! Browser sessions: an opaque token in the cookie, its keyed hash here.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Username;
use crate::crypto::{HashedToken, KeyVersion, PlainToken, Random, RootKeys, TokenKind};
use crate::db::{self, Connection};
use crate::schema::{sessions, users};
use crate::types::{SessionId, UserId, Words};

/// How long a place where somebody signed in is familiar; sessions are kept at least as long.
pub const FAMILIAR_FOR: TimeDelta = TimeDelta::days(90);

/// What is announced when sessions end, so that apps are told at once.
pub const ENDED: &str = "sessions_ended";

/// A browser session.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
pub struct Session {
    /// Names the session to people and to what is bound to it; the token stays secret.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When the person last proved who they are (OpenID Connect Core §2, `auth_time`).
    pub authenticated_at: DateTime<Utc>,
    /// How they proved it (RFC 8176).
    pub amr: Words,
    /// When it was last used, give or take a minute.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends, whatever happens.
    pub expires_at: DateTime<Utc>,
    /// Where it began.
    pub address: Option<String>,
    /// By which browser, as that says itself.
    pub user_agent: Option<String>,
}

/// Where a browser is and what it calls itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// Its address.
    pub address: IpAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
}

/// A session about to begin, for whoever the verb finds it to be.
#[derive(Clone, Debug)]
pub struct Opening {
    hash: HashedToken,
    key_version: KeyVersion,
    browser: Browser,
    lifetime: TimeDelta,
    replaces: Option<SessionId>,
}

impl Opening {
    /// A session of a fresh token, which is never one that the browser brought along (session fixation).
    pub fn new(keys: &RootKeys, random: &Random, browser: Browser, lifetime: TimeDelta) -> (Self, PlainToken) {
        let token = PlainToken::fresh(TokenKind::Session, random);
        let hash = keys.hash(&token);
        (Self { hash, key_version: keys.version(), browser, lifetime, replaces: None }, token)
    }

    /// The same, ending the session that the browser has now, whoever's it is.
    pub fn replacing(self, session: Option<SessionId>) -> Self {
        Self { replaces: session, ..self }
    }

    /// Begins the session for `user`, who just proved who they are by `amr`.
    pub(super) async fn begin(
        &self,
        conn: &mut Connection,
        user: UserId,
        amr: &Words,
        now: DateTime<Utc>,
    ) -> QueryResult<Session> {
        if let Some(old) = self.replaces {
            Session::end(conn, old, now).await?;
        }
        diesel::insert_into(sessions::table)
            .values((
                sessions::id.eq(SessionId::fresh()),
                sessions::token_hash.eq(&self.hash),
                sessions::key_version.eq(self.key_version),
                sessions::user_id.eq(user),
                (sessions::created_at.eq(now), sessions::authenticated_at.eq(now), sessions::last_seen_at.eq(now)),
                sessions::amr.eq(amr),
                sessions::expires_at.eq(now + self.lifetime),
                sessions::address.eq(self.browser.address.to_string()),
                sessions::user_agent.eq(self.browser.user_agent.as_deref().map(shortened)),
            ))
            .returning(Session::as_returning())
            .get_result(conn)
            .await
    }
}

/// Enough of a `User-Agent` to recognise one's own browser by.
pub fn shortened(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(256).collect()
}

/// How exactly [`Session::last_seen_at`] is kept: one write a minute, not one a request.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

impl Session {
    /// The session under one of these hashes, if it has neither ended nor expired nor idled away.
    pub async fn live(
        conn: &mut Connection,
        hashes: &[HashedToken],
        idle: TimeDelta,
        now: DateTime<Utc>,
    ) -> QueryResult<Option<Self>> {
        sessions::table
            .filter(sessions::token_hash.eq_any(hashes))
            .filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(now)))
            .filter(sessions::last_seen_at.gt(now - idle))
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Where the person of that name signed in since then, each place once; nowhere when nobody has it.
    pub async fn places(conn: &mut Connection, name: &Username, since: DateTime<Utc>) -> QueryResult<Vec<IpAddr>> {
        let texts: Vec<Option<String>> = sessions::table
            .inner_join(users::table)
            .filter(users::username.eq(name).and(sessions::created_at.gt(since)))
            .select(sessions::address)
            .distinct()
            .limit(256)
            .load(conn)
            .await?;
        Ok(texts.into_iter().flatten().filter_map(|text| text.parse().ok()).collect())
    }

    /// Notes that the session is in use, unless that was noted within the last minute.
    pub(super) async fn touch(&self, conn: &mut Connection, now: DateTime<Utc>) -> QueryResult<()> {
        if now - self.last_seen_at < SEEN_EVERY {
            return Ok(());
        }
        let stale = sessions::table.find(self.id).filter(sessions::last_seen_at.le(now - SEEN_EVERY));
        diesel::update(stale).set(sessions::last_seen_at.eq(now)).execute(conn).await.map(drop)
    }

    /// Ends one session; false when it had ended already.
    pub(super) async fn end(conn: &mut Connection, id: SessionId, now: DateTime<Utc>) -> QueryResult<bool> {
        let going = sessions::table.find(id).filter(sessions::ended_at.is_null());
        let ended = diesel::update(going).set(sessions::ended_at.eq(now)).execute(conn).await?;
        announce(conn, ended).await.map(|()| ended > 0)
    }

    /// Ends every session of a person, and says how many.
    pub(super) async fn end_all(conn: &mut Connection, user: UserId, now: DateTime<Utc>) -> QueryResult<usize> {
        let going = sessions::table.filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()));
        let ended = diesel::update(going).set(sessions::ended_at.eq(now)).execute(conn).await?;
        announce(conn, ended).await.map(|()| ended)
    }

    /// Takes up to `batch` sessions that somebody ended and of which nobody was told yet. Each is taken once, whoever asks.
    pub async fn take_ended(conn: &mut Connection, batch: i64, now: DateTime<Utc>) -> QueryResult<Vec<SessionId>> {
        let taken: Vec<SessionId> = sessions::table
            .filter(sessions::ended_at.is_not_null().and(sessions::noted_at.is_null()))
            .order(sessions::ended_at)
            .limit(batch)
            .select(sessions::id)
            .for_update()
            .skip_locked()
            .load(conn)
            .await?;
        if !taken.is_empty() {
            let taken = sessions::table.filter(sessions::id.eq_any(&taken));
            diesel::update(taken).set(sessions::noted_at.eq(now)).execute(conn).await?;
        }
        Ok(taken)
    }

    /// Deletes up to `batch` sessions that ended or expired before then, and says how many.
    pub async fn expire(conn: &mut Connection, before: DateTime<Utc>, batch: i64) -> QueryResult<usize> {
        let over = sessions::table
            .filter(sessions::expires_at.lt(before).or(sessions::ended_at.lt(before).assume_not_null()))
            .select(sessions::id)
            .limit(batch);
        let over: Vec<SessionId> = over.load(conn).await?;
        diesel::delete(sessions::table.filter(sessions::id.eq_any(over))).execute(conn).await
    }
}

async fn announce(conn: &mut Connection, ended: usize) -> QueryResult<()> {
    match ended {
        0 => Ok(()),
        _ => db::changes::announce(conn, ENDED).await,
    }
}
