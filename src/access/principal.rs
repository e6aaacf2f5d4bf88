//! Who calls, by which credential, with which scope and for which audience.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::db::{Connection, QueryResult};
use crate::identity::{Person, Rights, ServiceAccount, service_account, user};
use crate::places::{Actor, Place, Reach, place};
use crate::types::{ApiKeyId, GrantId, Permissions, PersonalTokenId, PlaceId, Scope, ServerId, SubjectId, Thing};

/// A caller whose credential was good a moment ago.
#[derive(Clone, Debug)]
pub struct Principal {
    /// In whose name the call is made: current facts, not what a token once said.
    pub subject: Subject,
    /// By what the call is made.
    pub credential: Credential,
    /// What was granted, before policy narrows it.
    pub scope: Scope,
    /// The audience that opened this door.
    pub audience: String,
    /// What the credential, or its client, is narrowed to beside its scope.
    pub narrowing: Narrowing,
}

/// What a credential is narrowed to beside its scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// The places that it reaches, of those that its owner does.
    pub reach: Reach,
    /// What it may do to each kind of thing; whatever its scope allows when there is none.
    pub permissions: Option<Permissions>,
    /// The one server that it is for, if it is for one.
    pub server: Option<ServerId>,
}

impl Narrowing {
    /// True when it leaves everything as it is.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// In whose name a call is made.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A person's.
    Person(Arc<Person>),
    /// A program's own.
    Service(Arc<ServiceAccount>),
    /// A workspace's, by a key that belongs to no one person.
    Workspace(Arc<Place>),
}

impl Subject {
    /// Its current facts.
    pub async fn find(conn: &mut Connection, id: SubjectId) -> QueryResult<Option<Self>> {
        Ok(match id {
            SubjectId::Person(id) => user::person(conn, id).await?.map(|person| Self::Person(Arc::new(person))),
            SubjectId::Service(id) => {
                service_account::find(conn, id).await?.map(|account| Self::Service(Arc::new(account)))
            }
            SubjectId::Workspace(id) => place::find(conn, id).await?.map(|place| Self::Workspace(Arc::new(place))),
        })
    }

    /// The `sub` of its tokens.
    pub fn id(&self) -> SubjectId {
        match self {
            Self::Person(person) => SubjectId::Person(person.id),
            Self::Service(account) => SubjectId::Service(account.id),
            Self::Workspace(place) => SubjectId::Workspace(place.id),
        }
    }

    /// `person`, `service_account` or `workspace`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Service(_) => "service_account",
            Self::Workspace(_) => "workspace",
        }
    }

    /// The name that it signs in or authenticates with.
    pub fn name(&self) -> &str {
        match self {
            Self::Person(person) => &person.username,
            Self::Service(account) => &account.name,
            Self::Workspace(place) => place.name.as_str(),
        }
    }

    /// The name that it is shown by.
    pub fn display_name(&self) -> &str {
        match self {
            Self::Person(person) => &person.display_name,
            Self::Service(account) => &account.name,
            Self::Workspace(place) => &place.title,
        }
    }

    /// The groups that it is in, sorted.
    pub fn groups(&self) -> &[String] {
        match self {
            Self::Person(person) => &person.groups,
            Self::Service(account) => &account.groups,
            Self::Workspace(_) => &[],
        }
    }

    /// True for system administrators, who are people.
    pub fn is_admin(&self) -> bool {
        matches!(self, Self::Person(person) if person.is_admin)
    }

    /// True when it may no longer do anything.
    pub fn is_disabled(&self) -> bool {
        match self {
            Self::Person(person) => person.is_disabled,
            Self::Service(account) => account.is_disabled,
            Self::Workspace(_) => false,
        }
    }

    /// Itself as one who arranges places and members.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Person(person) => Actor::Person { id: person.id, is_admin: person.is_admin },
            Self::Service(account) => Actor::Program { id: account.id, workspace: account.workspace },
            Self::Workspace(place) => Actor::Workspace(place.id),
        }
    }

    /// What of `scope` it may use: a person as far as they manage, a program what its client may, a workspace what its
    /// managers may.
    pub fn within_rights(&self, scope: &Scope) -> Scope {
        match self {
            Self::Person(person) => person.rights().within(scope),
            Self::Service(_) => scope.clone(),
            Self::Workspace(_) => Rights::Manage.within(scope),
        }
    }

    /// True when it is in this workspace, or above all of them.
    pub fn is_in(&self, workspace: PlaceId) -> bool {
        match self {
            Self::Person(person) => person.is_admin || person.workspaces.role_in(workspace).is_some(),
            Self::Service(account) => account.workspace == workspace,
            Self::Workspace(place) => place.id == workspace,
        }
    }

    /// True when it may manage things of this kind there, or somewhere when `workspace` is none: people, policies and the
    /// trail belong to the installation and its administrators; a program may what its client may, in its workspace.
    pub fn manages(&self, thing: Thing, workspace: Option<PlaceId>) -> bool {
        let is_of_a_workspace = match thing {
            Thing::Tools | Thing::Servers | Thing::Places | Thing::Keys | Thing::Clients => true,
            Thing::People | Thing::Policies | Thing::Audit => false,
        };
        match (self, workspace) {
            (Self::Person(person), _) if person.is_admin => true,
            (Self::Person(person), Some(workspace)) => is_of_a_workspace && person.workspaces.manages(workspace),
            (Self::Person(person), None) => is_of_a_workspace && person.workspaces.manages_any(),
            (Self::Service(account), Some(workspace)) => account.workspace == workspace,
            (Self::Service(_), None) => true,
            (Self::Workspace(place), Some(workspace)) => is_of_a_workspace && place.id == workspace,
            (Self::Workspace(_), None) => is_of_a_workspace,
        }
    }

    /// True when it sees a credential of that owner in that workspace, and may end it: the owner and those who manage there.
    pub fn oversees(&self, thing: Thing, owner: SubjectId, workspace: PlaceId) -> bool {
        self.id() == owner || self.manages(thing, Some(workspace))
    }

    /// True when it may have a credential made in that owner's name: nobody but a person has one of that person's, however
    /// much they manage, since with it they would be that person.
    pub fn may_hold(&self, thing: Thing, owner: SubjectId, workspace: PlaceId) -> bool {
        let is_of_a_person = matches!(owner, SubjectId::Person(_));
        self.is_in(workspace) && (self.id() == owner || (!is_of_a_person && self.manages(thing, Some(workspace))))
    }
}

/// By what a call is made.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A JWT access token (RFC 9068).
    AccessToken(AccessTokenCredential),
    /// An opaque API key.
    ApiKey(StandingCredential<ApiKeyId>),
    /// A personal access token: a JWT that is good while its row is alive.
    PersonalToken(StandingCredential<PersonalTokenId>),
    /// An access token that another issuer signed, which the operator trusts for that.
    ForeignToken(ForeignCredential),
}

/// The facts of another issuer's access token that outlive its verification.
#[derive(Clone, Debug)]
pub struct ForeignCredential {
    /// Who signed it.
    pub issuer: String,
    /// `jti`: what it is called there.
    pub id: Option<String>,
    /// The client there that it was issued to; empty where it does not say.
    pub client_id: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it stops by itself.
    pub expires_at: DateTime<Utc>,
}

/// The facts of a key or token that somebody made in settings.
#[derive(Clone, Debug)]
pub struct StandingCredential<Id> {
    /// Names it.
    pub id: Id,
    /// What it stands for where a client is named: `pat_…`, or the visible part of a key.
    pub client_id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// When it stops by itself, if it does.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Credential {
    /// Its kind, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AccessToken(_) => "access_token",
            Self::ApiKey(_) => "api_key",
            Self::PersonalToken(_) => "personal_access_token",
            Self::ForeignToken(_) => "foreign_access_token",
        }
    }

    /// The client that it was issued to, or what stands for one.
    pub fn client_id(&self) -> &str {
        match self {
            Self::AccessToken(token) => &token.client_id,
            Self::ApiKey(key) => &key.client_id,
            Self::PersonalToken(token) => &token.client_id,
            Self::ForeignToken(token) => &token.client_id,
        }
    }

    /// The grant that it rests on, if it rests on one.
    pub fn grant(&self) -> Option<GrantId> {
        match self {
            Self::AccessToken(token) => token.grant,
            Self::ApiKey(_) | Self::PersonalToken(_) | Self::ForeignToken(_) => None,
        }
    }

    /// When it was issued.
    pub fn issued_at(&self) -> DateTime<Utc> {
        match self {
            Self::AccessToken(token) => token.issued_at,
            Self::ApiKey(key) => key.issued_at,
            Self::PersonalToken(token) => token.issued_at,
            Self::ForeignToken(token) => token.issued_at,
        }
    }

    /// When it stops by itself, if it does.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::AccessToken(token) => Some(token.expires_at),
            Self::ApiKey(key) => key.expires_at,
            Self::PersonalToken(token) => token.expires_at,
            Self::ForeignToken(token) => Some(token.expires_at),
        }
    }

    /// The thumbprint of the key without which it opens nothing (RFC 9449 §6.1).
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::AccessToken(token) => token.key.as_deref(),
            Self::ApiKey(_) | Self::PersonalToken(_) | Self::ForeignToken(_) => None,
        }
    }
}

/// The facts of an access token that outlive its verification.
#[derive(Clone, Debug)]
pub struct AccessTokenCredential {
    /// `jti`: names this one token.
    pub id: String,
    /// The grant that it was issued under; a program that acts for itself has none.
    pub grant: Option<GrantId>,
    /// The client that it was issued to.
    pub client_id: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it stops by itself.
    pub expires_at: DateTime<Utc>,
    /// The thumbprint of the key without which it opens nothing (RFC 9449 §6.1).
    pub key: Option<String>,
}
