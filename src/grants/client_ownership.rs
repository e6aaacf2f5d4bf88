//! NOUN `client_ownerships`: whose the clients are that somebody registered in settings, and what their tokens are narrowed to.

use diesel::prelude::*;
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
}

impl ClientOwnership {
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
