//! NOUN `client_ownerships`: whose the clients are that somebody registered in settings, and what their tokens are narrowed to.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use crate::db::{Connection, changes};
use crate::identity::Person;
use crate::places::{Reach, StoredReach};
use crate::schema::client_ownerships;
use crate::types::{Permissions, PlaceId, UserId};

/// Whose a client is.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = client_ownerships, check_for_backend(diesel::pg::Pg), treat_none_as_null = true)]
pub struct ClientOwnership {
    /// The client.
    pub client_id: String,
    /// The workspace whose managers may change and remove it.
    pub workspace_id: PlaceId,
    /// Who registered it, while they are known.
    pub registered_by: Option<UserId>,
    /// The places that its tokens are narrowed to; none for all that its people reach.
    pub reach: StoredReach,
    /// What its tokens may do to each kind of thing; none for whatever their scope allows.
    pub permissions: Option<Permissions>,
    /// As what somebody disabled it, while it is disabled; an administrator when nobody noted it.
    pub disabled_as: Option<Rank>,
}

/// As what somebody disables a client. The order is that of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum Rank {
    /// Who registered it.
    Member,
    /// Who manages its workspace.
    Manager,
    /// Who administers the installation.
    Administrator,
}

impl Rank {
    const ALL: [Self; 3] = [Self::Member, Self::Manager, Self::Administrator];

    /// What this person is to a client whose this is.
    pub fn of(person: &Person, own: Option<&ClientOwnership>) -> Self {
        match own {
            _ if person.is_admin => Self::Administrator,
            Some(own) if person.workspaces.manages(own.workspace_id) => Self::Manager,
            _ => Self::Member,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Administrator => "administrator",
        }
    }
}

impl ToSql<Text, Pg> for Rank {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(self.name(), out)
    }
}

impl FromSql<Text, Pg> for Rank {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let name = <String as FromSql<Text, Pg>>::from_sql(value)?;
        Self::ALL
            .into_iter()
            .find(|rank| rank.name() == name)
            .ok_or_else(|| format!("no rank is called {name:?}").into())
    }
}

impl ClientOwnership {
    /// The least that somebody must be to enable it, as it is disabled.
    pub fn enabled_by(&self) -> Rank {
        self.disabled_as.unwrap_or(Rank::Administrator)
    }

    /// True for who may look at the client, change it and remove it: who registered it, while they are in its workspace, and
    /// who manages that.
    pub fn is_for(&self, person: &Person) -> bool {
        let is_own = self.registered_by == Some(person.id) && person.workspaces.role_in(self.workspace_id).is_some();
        person.is_admin || person.workspaces.manages(self.workspace_id) || is_own
    }

    /// The places that its tokens are narrowed to.
    pub fn narrowed_to(&self) -> Reach {
        Reach::from(self.reach.clone())
    }

    /// Whose this client is, if it is anybody's.
    pub async fn find(conn: &mut Connection, client_id: &str) -> QueryResult<Option<Self>> {
        client_ownerships::table.find(client_id).select(Self::as_select()).first(conn).await.optional()
    }

    /// Stores it, in place of what was said before.
    pub async fn store(&self, conn: &mut Connection) -> QueryResult<()> {
        diesel::insert_into(client_ownerships::table)
            .values(self)
            .on_conflict(client_ownerships::client_id)
            .do_update()
            .set(self)
            .execute(conn)
            .await?;
        changes::announce(conn, super::client::CHANGED).await
    }
}
