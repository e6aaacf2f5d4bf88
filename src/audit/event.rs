//! What can happen, and how it ended: the one list of events.

/// An event for each line: what it means, its variant, its name in the table.
macro_rules! events {
    ($($(#[$meaning:meta])* $event:ident = $name:literal,)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[$meaning])* $event,)+
        }

        impl Event {
            /// All of them, in the order of this list.
            pub const ALL: &[Self] = &[$(Self::$event,)+];

            /// Its name in the table: what it happened to, and what that was.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)+
                }
            }
        }
    };
}

events! {
    /// A person was added.
    PersonAdded = "person.added",
    /// A person may no longer do anything.
    PersonDisabled = "person.disabled",
    /// A person may do things again.
    PersonEnabled = "person.enabled",
    /// A group was made.
    GroupAdded = "group.added",
    /// A program can act for itself from now on.
    AccountAdded = "m2m_account.added",
    /// Its secret was replaced.
    AccountSecretRotated = "m2m_account.secret_rotated",
    /// It cannot act any more.
    AccountRemoved = "m2m_account.removed",
    /// A one-time set-up link was made.
    SetUpLinkMade = "person.set_up_link_made",
    /// A person chose a password.
    PasswordSet = "person.password_set",
    /// Somebody tried to change a password without knowing it.
    PasswordRefused = "person.password_refused",
    /// A person added an authenticator app: a password alone is not enough any more.
    TwoStepOn = "person.two_step_on",
    /// A person removed their authenticator app.
    TwoStepOff = "person.two_step_off",
    /// A person made new recovery codes.
    RecoveryCodesMade = "person.recovery_codes_made",
    /// A person added a passkey.
    PasskeyAdded = "person.passkey_added",
    /// A person removed a passkey.
    PasskeyRemoved = "person.passkey_removed",
    /// An administrator forgot every second factor of a person.
    FactorsReset = "person.factors_reset",
    /// A password was right, and the second step was asked for.
    SecondStepAsked = "session.second_step_asked",
    /// A person changed their name or email address.
    ProfileChanged = "person.profile_changed",
    /// A person signed in.
    SignedIn = "session.signed_in",
    /// Somebody tried to.
    SignInRefused = "session.sign_in_refused",
    /// A person who is signed in proved once more who they are.
    Confirmed = "session.confirmed",
    /// A person signed out.
    SignedOut = "session.signed_out",
    /// A person ended sessions from another one.
    SessionsEnded = "session.ended",
    /// An app was told that a session ended (OpenID Connect Back-Channel Logout).
    LogoutTold = "logout.told",
    /// It could not be told, and we gave up.
    LogoutNotTold = "logout.not_told",
    /// An administrator registered a client.
    ClientAdded = "client.added",
    /// A client registered itself (RFC 7591).
    ClientRegistered = "client.registered",
    /// A client metadata document was read for the first time, or had changed.
    ClientAdopted = "client.adopted",
    /// A client changed its registration (RFC 7592).
    ClientChanged = "client.changed",
    /// A client removed its registration (RFC 7592).
    ClientRemoved = "client.removed",
    /// The secret of a client was replaced.
    ClientSecretRotated = "client.secret_rotated",
    /// A replaced secret of a client was ended before its time.
    ClientSecretRevoked = "client.secret_revoked",
    /// Clients that nobody used were forgotten.
    ClientsReaped = "client.reaped",
    /// A registration was refused for want of a good initial access token or software statement, or a change for want of
    /// the client's own token.
    RegistrationRefused = "client.registration_refused",
    /// An initial access token was made.
    RegistrationTokenMade = "registration_token.made",
    /// An initial access token was withdrawn.
    RegistrationTokenRevoked = "registration_token.revoked",
    /// Somebody used a client's name without proving to be that client.
    ClientRefused = "client.refused",
    /// A client may no longer do anything.
    ClientDisabled = "client.disabled",
    /// A client may do things again.
    ClientEnabled = "client.enabled",
    /// A person allowed a client.
    ConsentGiven = "consent.given",
    /// A person refused a client.
    ConsentDenied = "consent.denied",
    /// An authorization code bought tokens.
    CodeRedeemed = "code.redeemed",
    /// A code was presented with a wrong verifier or redirect URI.
    CodeRefused = "code.refused",
    /// A spent code was presented again; its grant was ended (RFC 6749 §4.1.2).
    CodeReplayed = "code.replayed",
    /// A device asked for access (RFC 8628).
    DeviceAsked = "device.asked",
    /// A device code bought tokens.
    DeviceCodeRedeemed = "device.redeemed",
    /// A refresh token bought tokens.
    Refreshed = "refresh.used",
    /// A refresh token was presented without the key that it is bound to (RFC 9449 §5).
    RefreshRefused = "refresh.refused",
    /// A refresh token was presented after its grace; its grant was ended.
    RefreshReplayed = "refresh.replayed",
    /// A program got a token in its own name.
    ClientCredentialsUsed = "client_credentials.used",
    /// A program may not act in its own name, or not as it asked to.
    ClientCredentialsRefused = "client_credentials.refused",
    /// An access token bought another (RFC 8693).
    TokenExchanged = "token.exchanged",
    /// An access token bought nothing.
    TokenExchangeRefused = "token.exchange_refused",
    /// An identity provider let a client in for a person (ID-JAG).
    IdentityAsserted = "assertion.identity",
    /// A workload got a token (RFC 7523).
    WorkloadAdmitted = "assertion.workload",
    /// An assertion bought nothing.
    AssertionRefused = "assertion.refused",
    /// The operator trusts an issuer.
    IssuerTrusted = "issuer.trusted",
    /// The operator trusts it no more.
    IssuerRemoved = "issuer.removed",
    /// The operator said who somebody of an issuer is here.
    AccountLinked = "issuer.account_linked",
    /// The operator took that back.
    AccountUnlinked = "issuer.account_unlinked",
    /// The operator made a rule for an issuer's workloads.
    TrustRuleAdded = "issuer.rule_added",
    /// The operator said which access tokens of an issuer are accepted.
    TokensAccepted = "issuer.tokens_accepted",
    /// A person made an access token for their own use.
    OwnTokenMade = "own_token.made",
    /// A token was revoked by its client (RFC 7009).
    TokenRevoked = "token.revoked",
    /// A grant was ended.
    GrantEnded = "grant.ended",
    /// A new signing key took over.
    SigningKeyRotated = "signing_key.rotated",
    /// A caller left a note.
    NoteLeft = "note.left",
    /// Somebody made an API key.
    ApiKeyMade = "api_key.made",
    /// An API key was revoked.
    ApiKeyRevoked = "api_key.revoked",
    /// Another API key took the place of one.
    ApiKeyReplaced = "api_key.replaced",
    /// Somebody made a personal access token.
    PersonalTokenMade = "personal_token.made",
    /// A personal access token was revoked.
    PersonalTokenRevoked = "personal_token.revoked",
    /// Another personal access token took the place of one.
    PersonalTokenReplaced = "personal_token.replaced",
    /// An API key or personal access token was used from a new network, or unusually often.
    UnusualUse = "credential.unusual_use",
    /// A workspace, project or folder was made.
    PlaceMade = "place.made",
    /// It has another name or title.
    PlaceRenamed = "place.renamed",
    /// It was removed.
    PlaceRemoved = "place.removed",
    /// A person was put into a workspace.
    MemberAdded = "workspace.member_added",
    /// A person is something else there.
    MemberChanged = "workspace.member_changed",
    /// A person is not in it any more.
    MemberRemoved = "workspace.member_removed",
    /// A server went to another place.
    ServerMoved = "server.moved",
    /// A request went on to a server behind us.
    GatewayAllowed = "gateway.allowed",
    /// A request for a server behind us was refused.
    GatewayDenied = "gateway.denied",
    /// A server was registered.
    ServerAdded = "server.added",
    /// Something else is said of a server.
    ServerChanged = "server.changed",
    /// A server was removed.
    ServerRemoved = "server.removed",
    /// A server has other tools than before, or says otherwise what they do.
    ServerToolsChanged = "server.tools_changed",
    /// Somebody said what a tool of a server does.
    ToolClassed = "server.tool_classed",
    /// A group was removed.
    GroupRemoved = "group.removed",
    /// A person or program was put into a group.
    GroupJoined = "group.joined",
    /// A person or program was taken out of a group.
    GroupLeft = "group.left",
    /// A policy was made or changed.
    PolicySaved = "policy.saved",
    /// A policy was removed.
    PolicyRemoved = "policy.removed",
    /// Somebody searched the trail.
    TrailSearched = "audit.searched",
    /// Somebody took a copy of it, or of a part.
    TrailExported = "audit.exported",
    /// A month of it was past its time.
    TrailForgotten = "audit.forgotten",
}

/// How what happened ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, or did not succeed.
    Refused,
}

impl Outcome {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Done, Self::Refused];

    /// That of an event of this name: the name says it, also of one that an earlier release knew.
    pub fn of(event: &str) -> Self {
        let refusals = ["refused", "denied", "replayed", "not_told"];
        match refusals.iter().any(|word| event.ends_with(word)) {
            true => Self::Refused,
            false => Self::Done,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_has_a_name_of_its_own_that_says_what_it_happened_to() {
        let names: BTreeSet<_> = Event::ALL.iter().map(|event| event.name()).collect();
        assert_eq!(names.len(), Event::ALL.len());
        for name in names {
            let (thing, what) = name.split_once('.').unwrap();
            let is_word = |word: &str| {
                !word.is_empty() && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte == b'2')
            };
            assert!(is_word(thing) && is_word(what), "{name}");
        }
    }

    #[test]
    fn what_was_refused_says_so_in_its_name() {
        let refused = Event::ALL.iter().filter(|event| Outcome::of(event.name()) == Outcome::Refused);
        let told: Vec<String> = refused.map(|event| format!("{event:?}")).collect();
        for event in Event::ALL {
            let says =
                ["Refused", "Denied", "Replayed", "NotTold"].iter().any(|word| format!("{event:?}").contains(word));
            assert_eq!(says, told.contains(&format!("{event:?}")), "{event:?}");
        }
        assert!(told.len() > 10, "{told:?}");
    }
}
