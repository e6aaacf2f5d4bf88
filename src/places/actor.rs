//! Who arranges places and members.

use diesel::QueryResult;
use serde_json::{Value, json};

use super::member::{self, Role};
use crate::db::Connection;
use crate::types::{PlaceId, ServiceAccountId, UserId};

/// Who arranges places and members. What they are in a workspace is asked in the transaction that changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The operator, on the machine itself.
    Operator,
    /// A person.
    Person {
        /// Who.
        id: UserId,
        /// True for a system administrator, who is above all workspaces.
        is_admin: bool,
    },
    /// A program, which may manage the workspace that it belongs to.
    Program {
        /// Which.
        id: ServiceAccountId,
        /// Where it belongs.
        workspace: PlaceId,
    },
    /// A workspace, by a key of its own.
    Workspace(PlaceId),
}

impl Actor {
    /// True for whoever is above all workspaces.
    pub fn is_above(&self) -> bool {
        matches!(self, Self::Operator | Self::Person { is_admin: true, .. })
    }

    /// What they are in this workspace, as things are now; above it is as good as its owner.
    pub async fn role_in(&self, conn: &mut Connection, workspace: PlaceId) -> QueryResult<Option<Role>> {
        match *self {
            _ if self.is_above() => Ok(Some(Role::Owner)),
            Self::Person { id, .. } => member::role(conn, workspace, id).await,
            Self::Program { workspace: own, .. } if own == workspace => Ok(Some(Role::Admin)),
            Self::Workspace(own) if own == workspace => Ok(Some(Role::Admin)),
            Self::Program { .. } | Self::Workspace(_) | Self::Operator => Ok(None),
        }
    }

    /// Themselves, if they are a person.
    pub fn person(&self) -> Option<UserId> {
        match self {
            Self::Person { id, .. } => Some(*id),
            Self::Operator | Self::Program { .. } | Self::Workspace(_) => None,
        }
    }

    /// How the trail names them.
    pub fn in_trail(&self) -> Value {
        match self {
            Self::Operator => json!("operator"),
            Self::Person { id, .. } => json!({ "person": id }),
            Self::Program { id, .. } => json!({ "service_account": id }),
            Self::Workspace(id) => json!({ "workspace": id }),
        }
    }
}
