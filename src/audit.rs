//! Everything worth remembering: who did what, when, from where.
//!
//! A change is recorded in its own transaction, so that one never exists without the other. What hot paths decide is written
//! in batches ([`Batch`]).

mod batch;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::db::Connection;
use crate::schema::audit_events;
use crate::types::{GrantId, ServiceAccountId, SubjectId, UserId};
pub use batch::Batch;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A person was added.
    PersonAdded,
    /// A person may no longer do anything.
    PersonDisabled,
    /// A person may do things again.
    PersonEnabled,
    /// A group was made.
    GroupAdded,
    /// A program can act for itself from now on.
    AccountAdded,
    /// Its secret was replaced.
    AccountSecretRotated,
    /// It cannot act any more.
    AccountRemoved,
    /// A one-time set-up link was made.
    SetUpLinkMade,
    /// A person chose a password.
    PasswordSet,
    /// Somebody tried to change a password without knowing it.
    PasswordRefused,
    /// A person added an authenticator app: a password alone is not enough any more.
    TwoStepOn,
    /// A person removed their authenticator app.
    TwoStepOff,
    /// A person made new recovery codes.
    RecoveryCodesMade,
    /// A person added a passkey.
    PasskeyAdded,
    /// A person removed a passkey.
    PasskeyRemoved,
    /// An administrator forgot every second factor of a person.
    FactorsReset,
    /// A password was right, and the second step was asked for.
    SecondStepAsked,
    /// A person changed their name or email address.
    ProfileChanged,
    /// A person signed in.
    SignedIn,
    /// Somebody tried to.
    SignInRefused,
    /// A person who is signed in proved once more who they are.
    Confirmed,
    /// A person signed out.
    SignedOut,
    /// A person ended sessions from another one.
    SessionsEnded,
    /// An app was told that a session ended (OpenID Connect Back-Channel Logout).
    LogoutTold,
    /// It could not be told, and we gave up.
    LogoutNotTold,
    /// An administrator registered a client.
    ClientAdded,
    /// A client registered itself (RFC 7591).
    ClientRegistered,
    /// A client metadata document was read for the first time, or had changed.
    ClientAdopted,
    /// A client changed its registration (RFC 7592).
    ClientChanged,
    /// A client removed its registration (RFC 7592).
    ClientRemoved,
    /// The secret of a client was replaced.
    ClientSecretRotated,
    /// A replaced secret of a client was ended before its time.
    ClientSecretRevoked,
    /// Clients that nobody used were forgotten.
    ClientsReaped,
    /// A registration was refused for want of a good initial access token or software statement, or a change for want of
    /// the client's own token.
    RegistrationRefused,
    /// An initial access token was made.
    RegistrationTokenMade,
    /// An initial access token was withdrawn.
    RegistrationTokenRevoked,
    /// Somebody used a client's name without proving to be that client.
    ClientRefused,
    /// A client may no longer do anything.
    ClientDisabled,
    /// A client may do things again.
    ClientEnabled,
    /// A person allowed a client.
    ConsentGiven,
    /// A person refused a client.
    ConsentDenied,
    /// An authorization code bought tokens.
    CodeRedeemed,
    /// A code was presented with a wrong verifier or redirect URI.
    CodeRefused,
    /// A spent code was presented again; its grant was ended (RFC 6749 §4.1.2).
    CodeReplayed,
    /// A device asked for access (RFC 8628).
    DeviceAsked,
    /// A device code bought tokens.
    DeviceCodeRedeemed,
    /// A refresh token bought tokens.
    Refreshed,
    /// A refresh token was presented without the key that it is bound to (RFC 9449 §5).
    RefreshRefused,
    /// A refresh token was presented after its grace; its grant was ended.
    RefreshReplayed,
    /// A program got a token in its own name.
    ClientCredentialsUsed,
    /// A program may not act in its own name, or not as it asked to.
    ClientCredentialsRefused,
    /// An access token bought another (RFC 8693).
    TokenExchanged,
    /// An access token bought nothing.
    TokenExchangeRefused,
    /// An identity provider let a client in for a person (ID-JAG).
    IdentityAsserted,
    /// A workload got a token (RFC 7523).
    WorkloadAdmitted,
    /// An assertion bought nothing.
    AssertionRefused,
    /// The operator trusts an issuer.
    IssuerTrusted,
    /// The operator trusts it no more.
    IssuerRemoved,
    /// The operator said who somebody of an issuer is here.
    AccountLinked,
    /// The operator took that back.
    AccountUnlinked,
    /// The operator made a rule for an issuer's workloads.
    TrustRuleAdded,
    /// The operator said which access tokens of an issuer are accepted.
    TokensAccepted,
    /// A person made an access token for their own use.
    OwnTokenMade,
    /// A token was revoked by its client (RFC 7009).
    TokenRevoked,
    /// A grant was ended.
    GrantEnded,
    /// A new signing key took over.
    SigningKeyRotated,
    /// A caller left a note.
    NoteLeft,
    /// Somebody made an API key.
    ApiKeyMade,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// Another API key took the place of one.
    ApiKeyReplaced,
    /// Somebody made a personal access token.
    PersonalTokenMade,
    /// A personal access token was revoked.
    PersonalTokenRevoked,
    /// Another personal access token took the place of one.
    PersonalTokenReplaced,
    /// An API key or personal access token was used from a new network, or unusually often.
    UnusualUse,
    /// A workspace, project or folder was made.
    PlaceMade,
    /// It has another name or title.
    PlaceRenamed,
    /// It was removed.
    PlaceRemoved,
    /// A person was put into a workspace.
    MemberAdded,
    /// A person is something else there.
    MemberChanged,
    /// A person is not in it any more.
    MemberRemoved,
    /// A server went to another place.
    ServerMoved,
    /// A request went on to a server behind us.
    GatewayAllowed,
    /// A request for a server behind us was refused.
    GatewayDenied,
    /// A server was registered.
    ServerAdded,
    /// Something else is said of a server.
    ServerChanged,
    /// A server was removed.
    ServerRemoved,
    /// A server has other tools than before, or says otherwise what they do.
    ServerToolsChanged,
    /// Somebody said what a tool of a server does.
    ToolClassed,
    /// A group was removed.
    GroupRemoved,
    /// A person or program was put into a group.
    GroupJoined,
    /// A person or program was taken out of a group.
    GroupLeft,
    /// A policy was made or changed.
    PolicySaved,
    /// A policy was removed.
    PolicyRemoved,
}

impl Event {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::PersonAdded => "person.added",
            Self::PersonDisabled => "person.disabled",
            Self::PersonEnabled => "person.enabled",
            Self::GroupAdded => "group.added",
            Self::AccountAdded => "m2m_account.added",
            Self::AccountSecretRotated => "m2m_account.secret_rotated",
            Self::AccountRemoved => "m2m_account.removed",
            Self::SetUpLinkMade => "person.set_up_link_made",
            Self::PasswordSet => "person.password_set",
            Self::PasswordRefused => "person.password_refused",
            Self::TwoStepOn => "person.two_step_on",
            Self::TwoStepOff => "person.two_step_off",
            Self::RecoveryCodesMade => "person.recovery_codes_made",
            Self::PasskeyAdded => "person.passkey_added",
            Self::PasskeyRemoved => "person.passkey_removed",
            Self::FactorsReset => "person.factors_reset",
            Self::SecondStepAsked => "session.second_step_asked",
            Self::ProfileChanged => "person.profile_changed",
            Self::SignedIn => "session.signed_in",
            Self::SignInRefused => "session.sign_in_refused",
            Self::Confirmed => "session.confirmed",
            Self::SignedOut => "session.signed_out",
            Self::SessionsEnded => "session.ended",
            Self::LogoutTold => "logout.told",
            Self::LogoutNotTold => "logout.not_told",
            Self::ClientAdded => "client.added",
            Self::ClientRegistered => "client.registered",
            Self::ClientAdopted => "client.adopted",
            Self::ClientChanged => "client.changed",
            Self::ClientRemoved => "client.removed",
            Self::ClientSecretRotated => "client.secret_rotated",
            Self::ClientSecretRevoked => "client.secret_revoked",
            Self::ClientsReaped => "client.reaped",
            Self::RegistrationRefused => "client.registration_refused",
            Self::RegistrationTokenMade => "registration_token.made",
            Self::RegistrationTokenRevoked => "registration_token.revoked",
            Self::ClientRefused => "client.refused",
            Self::ClientDisabled => "client.disabled",
            Self::ClientEnabled => "client.enabled",
            Self::ConsentGiven => "consent.given",
            Self::ConsentDenied => "consent.denied",
            Self::CodeRedeemed => "code.redeemed",
            Self::CodeRefused => "code.refused",
            Self::CodeReplayed => "code.replayed",
            Self::DeviceAsked => "device.asked",
            Self::DeviceCodeRedeemed => "device.redeemed",
            Self::Refreshed => "refresh.used",
            Self::RefreshRefused => "refresh.refused",
            Self::RefreshReplayed => "refresh.replayed",
            Self::ClientCredentialsUsed => "client_credentials.used",
            Self::ClientCredentialsRefused => "client_credentials.refused",
            Self::TokenExchanged => "token.exchanged",
            Self::TokenExchangeRefused => "token.exchange_refused",
            Self::IdentityAsserted => "assertion.identity",
            Self::WorkloadAdmitted => "assertion.workload",
            Self::AssertionRefused => "assertion.refused",
            Self::IssuerTrusted => "issuer.trusted",
            Self::IssuerRemoved => "issuer.removed",
            Self::AccountLinked => "issuer.account_linked",
            Self::AccountUnlinked => "issuer.account_unlinked",
            Self::TrustRuleAdded => "issuer.rule_added",
            Self::TokensAccepted => "issuer.tokens_accepted",
            Self::OwnTokenMade => "own_token.made",
            Self::TokenRevoked => "token.revoked",
            Self::GrantEnded => "grant.ended",
            Self::SigningKeyRotated => "signing_key.rotated",
            Self::NoteLeft => "note.left",
            Self::ApiKeyMade => "api_key.made",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::ApiKeyReplaced => "api_key.replaced",
            Self::PersonalTokenMade => "personal_token.made",
            Self::PersonalTokenRevoked => "personal_token.revoked",
            Self::PersonalTokenReplaced => "personal_token.replaced",
            Self::UnusualUse => "credential.unusual_use",
            Self::PlaceMade => "place.made",
            Self::PlaceRenamed => "place.renamed",
            Self::PlaceRemoved => "place.removed",
            Self::MemberAdded => "workspace.member_added",
            Self::MemberChanged => "workspace.member_changed",
            Self::MemberRemoved => "workspace.member_removed",
            Self::ServerMoved => "server.moved",
            Self::GatewayAllowed => "gateway.allowed",
            Self::GatewayDenied => "gateway.denied",
            Self::ServerAdded => "server.added",
            Self::ServerChanged => "server.changed",
            Self::ServerRemoved => "server.removed",
            Self::ServerToolsChanged => "server.tools_changed",
            Self::ToolClassed => "server.tool_classed",
            Self::GroupRemoved => "group.removed",
            Self::GroupJoined => "group.joined",
            Self::GroupLeft => "group.left",
            Self::PolicySaved => "policy.saved",
            Self::PolicyRemoved => "policy.removed",
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's network address.
    pub address: Option<String>,
    /// The id by which the log knows the request.
    pub request_id: Option<String>,
}

impl Origin {
    /// The operator on the machine itself.
    pub fn operator() -> Self {
        Self { address: None, request_id: Some("command line".to_owned()) }
    }
}

/// An event and what it concerns; never a secret.
#[derive(Clone, Debug)]
pub struct Entry {
    event: Event,
    user: Option<UserId>,
    service_account: Option<ServiceAccountId>,
    client: Option<String>,
    grant: Option<GrantId>,
    detail: Value,
}

impl Entry {
    /// An event that concerns nothing yet.
    pub fn new(event: Event) -> Self {
        Self { event, user: None, service_account: None, client: None, grant: None, detail: json!({}) }
    }

    /// Concerns this person.
    pub fn user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Done by this person; by nobody in particular where the operator or a program did it.
    pub fn by(mut self, user: Option<UserId>) -> Self {
        self.user = user;
        self
    }

    /// Concerns this person or service account; a workspace has no column of its own.
    pub fn subject(mut self, subject: SubjectId) -> Self {
        match subject {
            SubjectId::Person(user) => self.user = Some(user),
            SubjectId::Service(account) => self.service_account = Some(account),
            SubjectId::Workspace(_) => {}
        }
        self
    }

    /// Concerns this client.
    pub fn client(mut self, client: &str) -> Self {
        self.client = Some(client.to_owned());
        self
    }

    /// Concerns this grant, if any.
    pub fn grant(mut self, grant: impl Into<Option<GrantId>>) -> Self {
        self.grant = grant.into();
        self
    }

    /// Says more.
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

/// What the trail says of one object.
#[derive(Clone, Debug, Queryable)]
pub struct Told {
    /// When.
    pub at: DateTime<Utc>,
    /// What: an [`Event::name`].
    pub event: String,
    /// About or by whom.
    pub user: Option<UserId>,
    /// The rest.
    pub detail: Value,
}

/// The latest of these events about a client.
pub async fn of_client(conn: &mut Connection, client: &str, events: &[Event], most: i64) -> QueryResult<Vec<Told>> {
    let names: Vec<&str> = events.iter().map(|event| event.name()).collect();
    audit_events::table
        .filter(audit_events::client_id.eq(client).and(audit_events::event.eq_any(names)))
        .order((audit_events::at.desc(), audit_events::id.desc()))
        .limit(most)
        .select((audit_events::at, audit_events::event, audit_events::user_id, audit_events::detail))
        .load(conn)
        .await
}

/// An event as it is written.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_events)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    event: &'static str,
    user_id: Option<UserId>,
    service_account_id: Option<ServiceAccountId>,
    client_id: Option<String>,
    grant_id: Option<GrantId>,
    address: Option<String>,
    request_id: Option<String>,
    detail: Value,
}

impl Row {
    fn new(entry: Entry, origin: &Origin, now: DateTime<Utc>) -> Self {
        Self {
            id: Uuid::now_v7(),
            at: now,
            event: entry.event.name(),
            user_id: entry.user,
            service_account_id: entry.service_account,
            client_id: entry.client,
            grant_id: entry.grant,
            address: origin.address.clone(),
            request_id: origin.request_id.clone(),
            detail: entry.detail,
        }
    }
}

/// Writes an event, in the transaction of what it tells of.
pub async fn record(mut conn: &Connection, entry: Entry, origin: &Origin, now: DateTime<Utc>) -> QueryResult<()> {
    let row = Row::new(entry, origin, now);
    diesel::insert_into(audit_events::table).values(&row).execute(&mut conn).await.map(drop)
}

/// Writes many; what is there already stays as it is.
async fn insert_all(conn: &mut Connection, rows: &[&Row]) -> QueryResult<()> {
    let query = diesel::insert_into(audit_events::table).values(rows.to_vec()).on_conflict_do_nothing();
    query.execute(conn).await.map(drop)
}
