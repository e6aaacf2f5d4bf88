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
    before: Before,
}

/// What becomes of the session that the browser has now.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// It has none.
    Nothing,
    /// It ends, whoever's it is.
    Ends(SessionId),
    /// It goes on under the fresh token, if it is of the person who proved who they are.
    GoesOn(SessionId),
}

impl Opening {
    /// A session of a fresh token, which is never one that the browser brought along (session fixation).
    pub fn new(keys: &RootKeys, random: &Random, browser: Browser, lifetime: TimeDelta) -> (Self, PlainToken) {
        let token = PlainToken::fresh(TokenKind::Session, random);
        let hash = keys.hash(&token);
        (Self { hash, key_version: keys.version(), browser, lifetime, before: Before::Nothing }, token)
    }

    /// The same, ending the session that the browser has now, whoever's it is.
    pub fn replacing(self, session: Option<SessionId>) -> Self {
        Self { before: session.map_or(Before::Nothing, Before::Ends), ..self }
    }

    /// The same, going on with the session that the browser has now: its person proves once more who they are.
    ///
    /// Its token is replaced, so that whoever had a copy of it is out (ASVS 7.2.4).
    pub fn continuing(self, session: SessionId) -> Self {
        Self { before: Before::GoesOn(session), ..self }
    }

    /// True when this goes on with a session.
    pub(super) fn continues(&self) -> bool {
        matches!(self.before, Before::GoesOn(_))
    }

    /// Begins the session for `user`, who just proved who they are by `amr`.
    pub(super) async fn begin(
        &self,
        conn: &mut Connection,
        user: UserId,
        amr: &Words,
        now: DateTime<Utc>,
    ) -> QueryResult<Session> {
        match self.before {
            Before::Nothing => {}
            Before::Ends(old) => drop(Session::end(conn, old, now).await?),
            Before::GoesOn(old) => {
                if let Some(session) = self.go_on(conn, (old, user), amr, now).await? {
                    return Ok(session);
                }
            }
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

    /// `None` when the session has ended meanwhile, or is somebody else's.
    async fn go_on(
        &self,
        conn: &mut Connection,
        (session, user): (SessionId, UserId),
        amr: &Words,
        now: DateTime<Utc>,
    ) -> QueryResult<Option<Session>> {
        diesel::update(sessions::table.find(session))
            .filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()))
            .set((
                sessions::token_hash.eq(&self.hash),
                sessions::key_version.eq(self.key_version),
                (sessions::authenticated_at.eq(now), sessions::last_seen_at.eq(now)),
                sessions::amr.eq(amr),
            ))
            .returning(Session::as_returning())
            .get_result(conn)
            .await
            .optional()
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

    /// Ends every session of a person, but the one that is kept, and says which.
    pub(super) async fn end_all_but(
        conn: &mut Connection,
        user: UserId,
        kept: Option<SessionId>,
        now: DateTime<Utc>,
    ) -> QueryResult<Vec<SessionId>> {
        let going = sessions::table.filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()));
        let going = going.filter(sessions::id.ne_all(kept.as_slice()));
        let update = diesel::update(going).set(sessions::ended_at.eq(now)).returning(sessions::id);
        let ended: Vec<SessionId> = update.get_results(conn).await?;
        announce(conn, ended.len()).await.map(|()| ended)
    }

    /// Notes that its person proved something more, in the middle of it. The proof that began it is as old as before.
    pub(super) async fn strengthen(&self, conn: &mut Connection, by: &[&str]) -> QueryResult<()> {
        let more = by.iter().copied().filter(|word| !self.amr.has(word)).map(str::to_owned);
        let amr = Words(self.amr.0.iter().cloned().chain(more).collect());
        diesel::update(sessions::table.find(self.id)).set(sessions::amr.eq(amr)).execute(conn).await.map(drop)
    }

    /// Ends one session if it is this person's; false when it is not, or was over.
    pub(super) async fn end_own(
        conn: &mut Connection,
        (id, user): (SessionId, UserId),
        now: DateTime<Utc>,
    ) -> QueryResult<bool> {
        let going = sessions::table.find(id).filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()));
        let ended = diesel::update(going).set(sessions::ended_at.eq(now)).execute(conn).await?;
        announce(conn, ended).await.map(|()| ended > 0)
    }

    /// The live sessions of a person, the last used first.
    pub async fn of_user(
        conn: &mut Connection,
        user: UserId,
        idle: TimeDelta,
        now: DateTime<Utc>,
    ) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()))
            .filter(sessions::expires_at.gt(now).and(sessions::last_seen_at.gt(now - idle)))
            .order((sessions::last_seen_at.desc(), sessions::id))
            .select(Self::as_select())
            .load(conn)
            .await
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
