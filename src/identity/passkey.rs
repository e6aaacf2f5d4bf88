//! NOUN `passkeys`: keys by which people prove who they are (Web Authentication).

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::db::Connection;
use crate::schema::passkeys;
use crate::types::{PasskeyId, UserId};

/// Somebody's passkey.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(diesel::pg::Pg))]
pub struct Passkey {
    /// Names it to its person.
    pub id: PasskeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// As they call it.
    pub name: String,
    /// As authenticators call it.
    pub credential_id: Vec<u8>,
    /// Its public key and what its authenticator said of itself.
    pub credential: Value,
    /// Since when it counts.
    pub created_at: DateTime<Utc>,
    /// When it was last used, if ever.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Passkey {
    /// The passkeys of a person, the oldest first.
    pub async fn of_user(conn: &mut Connection, user: UserId) -> QueryResult<Vec<Self>> {
        let theirs = passkeys::table.filter(passkeys::user_id.eq(user));
        theirs.order((passkeys::created_at, passkeys::id)).select(Self::as_select()).load(conn).await
    }

    /// True when a person has one.
    pub async fn any(conn: &mut Connection, user: UserId) -> QueryResult<bool> {
        let theirs = passkeys::table.filter(passkeys::user_id.eq(user)).select(passkeys::id);
        Ok(theirs.first::<PasskeyId>(conn).await.optional()?.is_some())
    }

    /// The passkey of that person by that name among authenticators.
    pub async fn presented(conn: &mut Connection, user: UserId, credential_id: &[u8]) -> QueryResult<Option<Self>> {
        passkeys::table
            .filter(passkeys::user_id.eq(user).and(passkeys::credential_id.eq(credential_id)))
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Stores it; `false` when somebody has that very key.
    pub(super) async fn insert(&self, conn: &mut Connection) -> QueryResult<bool> {
        let row = (
            passkeys::id.eq(self.id),
            passkeys::user_id.eq(self.user_id),
            passkeys::name.eq(&self.name),
            passkeys::credential_id.eq(&self.credential_id),
            passkeys::credential.eq(&self.credential),
            passkeys::created_at.eq(self.created_at),
        );
        let new = diesel::insert_into(passkeys::table).values(row).on_conflict_do_nothing().execute(conn).await?;
        Ok(new == 1)
    }

    /// Notes that it was used, and what its authenticator says of itself now; `false` when it was removed meanwhile.
    pub(super) async fn note_use(
        conn: &mut Connection,
        id: PasskeyId,
        credential: &Value,
        now: DateTime<Utc>,
    ) -> QueryResult<bool> {
        let values = (passkeys::credential.eq(credential), passkeys::last_used_at.eq(now));
        Ok(diesel::update(passkeys::table.find(id)).set(values).execute(conn).await? > 0)
    }

    /// Removes one.
    pub(super) async fn remove(conn: &mut Connection, id: PasskeyId) -> QueryResult<()> {
        diesel::delete(passkeys::table.find(id)).execute(conn).await.map(drop)
    }

    /// Removes all of a person, and says how many.
    pub(super) async fn remove_all(conn: &mut Connection, user: UserId) -> QueryResult<usize> {
        diesel::delete(passkeys::table.filter(passkeys::user_id.eq(user))).execute(conn).await
    }
}
