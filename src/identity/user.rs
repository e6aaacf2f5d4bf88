//! People as rows, and the facts about them that decisions read.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Email, Person, Username};
use crate::crypto::PasswordHash;
use crate::db::{Connection, changes};
use crate::places::{Memberships, member};
use crate::schema::{group_members, groups, users};
use crate::types::UserId;

/// A person as stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct User {
    /// Stable, never reused.
    pub id: UserId,
    /// The name they sign in with.
    pub username: Username,
    /// The name they are shown by.
    pub display_name: String,
    /// Their email address, if we know it.
    pub email: Option<String>,
    /// True when they wrote it themselves.
    pub email_is_own: bool,
    /// None until they have chosen a password.
    pub password_hash: Option<PasswordHash>,
    /// True for system administrators.
    pub is_admin: bool,
    /// Since when they are known.
    pub created_at: DateTime<Utc>,
    /// When they last chose a password.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// Since when they may no longer do anything.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A person to be stored.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
pub struct NewUser {
    /// A fresh identifier.
    pub id: UserId,
    /// The name they will sign in with.
    pub username: Username,
    /// The name they will be shown by.
    pub display_name: String,
    /// Their email address, if we know it.
    pub email: Option<String>,
    /// None: they choose one by a set-up link.
    pub password_hash: Option<PasswordHash>,
    /// True for system administrators.
    pub is_admin: bool,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// Now, with a password.
    pub password_changed_at: Option<DateTime<Utc>>,
}

impl NewUser {
    /// Stores the person, unless somebody has that name.
    pub async fn insert(&self, conn: &mut Connection) -> QueryResult<Option<User>> {
        diesel::insert_into(users::table)
            .values(self)
            .on_conflict(users::username)
            .do_nothing()
            .returning(User::as_returning())
            .get_result(conn)
            .await
            .optional()
    }
}

impl User {
    /// True when they may do nothing.
    pub fn is_disabled(&self) -> bool {
        self.disabled_at.is_some()
    }

    /// The person of that id.
    pub async fn find(conn: &mut Connection, id: UserId) -> QueryResult<Option<Self>> {
        users::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// The names by which these people sign in.
    pub async fn names(conn: &mut Connection, ids: &[UserId]) -> QueryResult<Vec<(UserId, String)>> {
        let named = users::table.filter(users::id.eq_any(ids)).select((users::id, users::username));
        let found: Vec<(UserId, Username)> = named.load(conn).await?;
        Ok(found.into_iter().map(|(id, name)| (id, name.to_string())).collect())
    }

    /// The person of that name.
    pub async fn named(conn: &mut Connection, name: &Username) -> QueryResult<Option<Self>> {
        users::table.filter(users::username.eq(name)).select(Self::as_select()).first(conn).await.optional()
    }

    /// The person of that id, held until the transaction ends: nobody disables them or changes their password meanwhile.
    pub async fn hold(conn: &mut Connection, id: UserId) -> QueryResult<Option<Self>> {
        users::table.find(id).select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// Every administrator who is not disabled, held until the transaction ends.
    pub async fn hold_administrators(conn: &mut Connection) -> QueryResult<Vec<UserId>> {
        let active = users::is_admin.and(users::disabled_at.is_null());
        let query = users::table.filter(active).order(users::id).select(users::id);
        query.for_no_key_update().load(conn).await
    }

    /// Everybody, by name.
    pub async fn all(conn: &mut Connection) -> QueryResult<Vec<Self>> {
        users::table.order(users::username).select(Self::as_select()).load(conn).await
    }

    /// True when nobody is known yet.
    pub async fn is_none(conn: &mut Connection) -> QueryResult<bool> {
        let anyone: Option<UserId> = users::table.select(users::id).first(conn).await.optional()?;
        Ok(anyone.is_none())
    }

    /// Stores the hash of a password that the person chose.
    pub(super) async fn set_password(
        conn: &mut Connection,
        id: UserId,
        hash: &PasswordHash,
        now: DateTime<Utc>,
    ) -> QueryResult<usize> {
        let values = (users::password_hash.eq(hash), users::password_changed_at.eq(now));
        diesel::update(users::table.find(id)).set(values).execute(conn).await
    }

    /// Stores what a person says about themselves; `email_is_own` when the address is theirs and not as it was.
    pub(super) async fn set_profile(
        conn: &mut Connection,
        id: UserId,
        display_name: &str,
        (email, email_is_own): (Option<&str>, bool),
    ) -> QueryResult<()> {
        let values =
            (users::display_name.eq(display_name), users::email.eq(email), users::email_is_own.eq(email_is_own));
        diesel::update(users::table.find(id)).set(values).execute(conn).await?;
        changes::announce(conn, super::CHANGED).await
    }

    /// Stores the same password at another cost, unless it was changed meanwhile.
    pub(super) async fn renew_hash(
        conn: &mut Connection,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> QueryResult<usize> {
        let unchanged = users::table.find(id).filter(users::password_hash.eq(from));
        diesel::update(unchanged).set(users::password_hash.eq(to)).execute(conn).await
    }

    /// Disables or enables; false when they already were, or nobody has that id.
    pub(super) async fn set_disabled(
        conn: &mut Connection,
        id: UserId,
        disabled_at: Option<DateTime<Utc>>,
    ) -> QueryResult<bool> {
        let other = users::table.filter(users::id.eq(id).and(users::disabled_at.is_null().eq(disabled_at.is_some())));
        let changed = diesel::update(other).set(users::disabled_at.eq(disabled_at)).execute(conn).await? > 0;
        if changed {
            changes::announce(conn, super::CHANGED).await?;
        }
        Ok(changed)
    }
}

/// The current facts of one person.
pub async fn person(conn: &mut Connection, id: UserId) -> QueryResult<Option<Person>> {
    let rows = with_groups().filter(users::id.eq(id)).load(conn).await?;
    let Some(person) = gather(rows).pop() else { return Ok(None) };
    Ok(Some(Person { workspaces: member::of_user(conn, id).await?, ..person }))
}

/// The current facts of everybody.
pub async fn people(conn: &mut Connection) -> QueryResult<Vec<Person>> {
    let people = gather(with_groups().load(conn).await?);
    let mut workspaces = member::of_everybody(conn).await?;
    let with_workspaces = |person: Person| {
        let workspaces = workspaces.remove(&person.id).unwrap_or_default();
        Person { workspaces, ..person }
    };
    Ok(people.into_iter().map(with_workspaces).collect())
}

type Row = (User, Option<String>);

#[diesel::dsl::auto_type]
fn with_groups() -> _ {
    let row: (diesel::dsl::AsSelect<User, diesel::pg::Pg>, diesel::dsl::Nullable<groups::name>) =
        (User::as_select(), groups::name.nullable());
    users::table.left_join(group_members::table.inner_join(groups::table)).select(row)
}

fn gather(rows: Vec<Row>) -> Vec<Person> {
    let mut people = BTreeMap::<UserId, Person>::new();
    for (user, group) in rows {
        people.entry(user.id).or_insert_with(|| Person::from(user)).groups.extend(group);
    }
    people
        .into_values()
        .map(|mut person| {
            person.groups.sort_unstable();
            person
        })
        .collect()
}

impl From<User> for Person {
    /// The person without groups and workspaces.
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            display_name: user.display_name,
            email: user.email.map(|address| Email { address, is_own: user.email_is_own }),
            groups: Vec::new(),
            workspaces: Memberships::default(),
            is_admin: user.is_admin,
            is_disabled: user.disabled_at.is_some(),
        }
    }
}
