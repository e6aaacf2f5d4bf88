//! NOUN `totp_secrets`: authenticator apps, one for each person.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::crypto::{Label, RootKeys, TotpSecret, TotpStep};
use crate::db::Connection;
use crate::schema::totp_secrets;
use crate::types::UserId;

/// Somebody's authenticator app.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = totp_secrets, check_for_backend(diesel::pg::Pg))]
pub struct Totp {
    /// Whose it is.
    pub user_id: UserId,
    sealed_secret: String,
    /// Since when it counts.
    pub created_at: DateTime<Utc>,
}

impl Totp {
    /// The app of a person, if they have one.
    pub async fn of(conn: &mut Connection, user: UserId) -> QueryResult<Option<Self>> {
        totp_secrets::table.find(user).select(Self::as_select()).first(conn).await.optional()
    }

    /// The step to which a code belongs, if this app shows it now. With a secret that cannot be opened no code is right.
    pub fn step_of(&self, keys: &RootKeys, code: &str, now: DateTime<Utc>) -> Option<TotpStep> {
        self.open(keys)?.step_of(code, now)
    }

    fn open(&self, keys: &RootKeys) -> Option<TotpSecret> {
        keys.open(Label::Totp, &self.sealed_secret).ok()
    }

    /// Accepts the code of a step: `false` when it, or a later one, was accepted before.
    ///
    /// One statement decides, so that of two who present one code at once one is refused (RFC 6238 §5.2, ASVS 6.5.1). A
    /// secret under an older root key is sealed anew by the way.
    pub(super) async fn accept(&self, conn: &mut Connection, keys: &RootKeys, step: TotpStep) -> QueryResult<bool> {
        let unused = totp_secrets::table.find(self.user_id).filter(totp_secrets::last_step.lt(step));
        if diesel::update(unused).set(totp_secrets::last_step.eq(step)).execute(conn).await? == 0 {
            return Ok(false);
        }
        if !keys.is_sealed_by_newest(&self.sealed_secret)
            && let Some(sealed) = self.open(keys).and_then(|secret| keys.seal(Label::Totp, &secret).ok())
        {
            let own = totp_secrets::table.find(self.user_id);
            diesel::update(own).set(totp_secrets::sealed_secret.eq(sealed)).execute(conn).await?;
        }
        Ok(true)
    }

    /// Stores an app whose code of `step` was just presented; `false` when the person has one already.
    pub(super) async fn insert(
        conn: &mut Connection,
        user: UserId,
        sealed: &str,
        step: TotpStep,
        now: DateTime<Utc>,
    ) -> QueryResult<bool> {
        let row = (
            totp_secrets::user_id.eq(user),
            totp_secrets::sealed_secret.eq(sealed),
            totp_secrets::created_at.eq(now),
            totp_secrets::last_step.eq(step),
        );
        let new = diesel::insert_into(totp_secrets::table).values(row).on_conflict_do_nothing().execute(conn).await?;
        Ok(new == 1)
    }

    /// Forgets the app of a person; `false` when they have none.
    pub(super) async fn remove(conn: &mut Connection, user: UserId) -> QueryResult<bool> {
        Ok(diesel::delete(totp_secrets::table.find(user)).execute(conn).await? > 0)
    }
}
