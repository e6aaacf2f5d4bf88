//! VERBS: M2M accounts, each a confidential client and the service account that it acts as, under one name.

use chrono::TimeDelta;
use diesel::QueryResult;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::{self, ClientOptions, ClientOrigin, NewClient};
use super::client_metadata::{ApplicationType, AuthMethod, TOKEN_EXCHANGE};
use super::{Terms, client_secret, own_token};
use crate::audit::{self, Entry, Event};
use crate::crypto::statement::KeySet;
use crate::crypto::{PlainToken, TokenKind};
use crate::db::{Connection, changes};
use crate::identity::{AccountName, AccountNameRefusal, Group, service_account};
use crate::places::place;
use crate::types::{Scope, SubjectId, Words, known_scopes};

/// What an M2M account may do unless its administrator says otherwise: use tools but not destroy, and see which servers there
/// are, as in the systems that accounts come from.
pub const USUAL_SCOPE: [&str; 4] =
    [known_scopes::GROUPS, known_scopes::MCP_READ, known_scopes::MCP_WRITE, known_scopes::MGMT_READ];

/// What is said about an account that is to be added, as it was typed.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name and `client_id`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The name of the workspace to belong to.
    pub workspace: String,
    /// The names of the groups to be in.
    pub groups: Vec<String>,
    /// Its ceiling.
    pub scope: Scope,
    /// How it will prove who it is.
    pub proof: NewProof,
    /// Whether it may exchange tokens, its own and by delegation others' (RFC 8693).
    pub exchanges: bool,
    /// How long its access tokens are good, where that differs from everybody's.
    pub access_token_lifetime: Option<TimeDelta>,
}

/// How an account will prove who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewProof {
    /// By a fresh secret in the form.
    SecretPost,
    /// By a fresh secret by HTTP Basic.
    SecretBasic,
    /// By statements that it signs with one of these keys.
    Keys(Value),
    /// By statements that it signs with one of the keys that are published there.
    KeysAt(String),
}

/// An account that exists now.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub client_id: AccountName,
    /// Its secret, shown this once, if it has one.
    pub secret: Option<PlainToken>,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// Its ceiling.
    pub scope: Scope,
}

/// How adding an account ended.
#[derive(Debug)]
pub enum AddAccount {
    /// It exists now.
    Added(Account),
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why an account cannot be added, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be a name.
    #[error(transparent)]
    Name(#[from] AccountNameRefusal),
    /// It is that of a part of this program.
    #[error("the client id \"{0}\" is reserved")]
    Reserved(AccountName),
    /// Another client or account has it.
    #[error("there is already a client with the id \"{0}\"")]
    Taken(AccountName),
    /// There is no such group.
    #[error("there is no group with the name {0:?}; make it with `portcullis group-create`")]
    UnknownGroup(String),
    /// There is no such workspace.
    #[error("there is no workspace with the name {0:?}")]
    UnknownWorkspace(String),
    /// Unknown, or about a person.
    #[error(
        "a program cannot have the scope {0:?}; choose among groups, mcp:read, mcp:write, mcp:delete, mgmt.read, mgmt.write and mgmt.admin"
    )]
    Scope(String),
    /// None at all.
    #[error("an account without any scope could do nothing")]
    NoScope,
    /// Not a key set, or none that could be used.
    #[error("the keys cannot be used: {0}")]
    Keys(String),
    /// Too short or too long.
    #[error("the lifetime of its tokens must be 60 to 86400 seconds")]
    Lifetime,
}

/// Adds an M2M account: its service account, its groups and its client, all of it or nothing.
pub async fn add(conn: &mut Connection, terms: &Terms<'_>, wanted: NewAccount) -> QueryResult<AddAccount> {
    let (name, options) = match judge(&wanted) {
        Ok(judged) => judged,
        Err(refusal) => return Ok(AddAccount::Refused(refusal)),
    };
    let groups = Group::named(conn, &wanted.groups).await?;
    if let Some(unknown) = wanted.groups.iter().find(|name| groups.iter().all(|group| group.name != **name)) {
        return Ok(AddAccount::Refused(Refusal::UnknownGroup(unknown.clone())));
    }
    let Some(workspace) = place::workspace(conn, &wanted.workspace).await? else {
        return Ok(AddAccount::Refused(Refusal::UnknownWorkspace(wanted.workspace)));
    };
    if client::find(conn, name.as_str()).await?.is_some() {
        return Ok(AddAccount::Refused(Refusal::Taken(name)));
    }
    let (named, described) = (name.as_str(), &wanted.description);
    let account = service_account::insert(conn, named, described, workspace.id, &groups, terms.now).await?;
    let Some(account) = account else { return Ok(AddAccount::Refused(Refusal::Taken(name))) };
    let options = ClientOptions { service_account_id: Some(account), ..options };
    let (client, secret) = client_of(terms, &name, &wanted, options);
    // Who registers the same id at this very moment rolls all of it back.
    client::insert(conn, &client, terms.now).await?;
    let groups: Vec<String> = groups.into_iter().map(|group| group.name).collect();
    let grants = &client.grant_types;
    let detail =
        json!({ "groups": groups, "scope": wanted.scope, "method": client.auth_method.name(), "grants": grants });
    let entry = Entry::new(Event::AccountAdded).subject(SubjectId::Service(account)).client(&client.id);
    audit::record(conn, entry.detail(detail), terms.origin, terms.now).await?;
    Ok(AddAccount::Added(Account { client_id: name, secret, groups, scope: wanted.scope }))
}

fn client_of(
    terms: &Terms<'_>,
    name: &AccountName,
    wanted: &NewAccount,
    options: ClientOptions,
) -> (NewClient, Option<PlainToken>) {
    let auth_method = match &wanted.proof {
        NewProof::SecretPost => AuthMethod::SecretPost,
        NewProof::SecretBasic => AuthMethod::SecretBasic,
        NewProof::Keys(_) | NewProof::KeysAt(_) => AuthMethod::PrivateKeyJwt,
    };
    let has_secret = auth_method != AuthMethod::PrivateKeyJwt;
    let secret = has_secret.then(|| PlainToken::fresh(TokenKind::ClientSecret, terms.random));
    let client = NewClient {
        id: name.to_string(),
        origin: ClientOrigin::Administrator,
        name: name.to_string(),
        secret: secret.as_ref().map(|secret| (terms.keys.hash(secret), terms.keys.version())),
        auth_method,
        application_type: ApplicationType::Web,
        redirect_uris: Vec::new(),
        grant_types: Words::from_iter(
            ["client_credentials"].into_iter().chain(wanted.exchanges.then_some(TOKEN_EXCHANGE)),
        ),
        scope: wanted.scope.clone(),
        metadata: json!({}),
        metadata_hash: Sha256::digest(name.as_str()).into(),
        created_from: terms.origin.address.clone(),
        fresh_until: None,
        options,
    };
    (client, secret)
}

/// The name and what the client asks of us, or what is wrong with them.
fn judge(wanted: &NewAccount) -> Result<(AccountName, ClientOptions), Refusal> {
    let name: AccountName = wanted.name.parse()?;
    if name.as_str() == own_token::CLIENT {
        return Err(Refusal::Reserved(name));
    }
    if let Some(token) = wanted.scope.tokens().find(|token| !known_scopes::FOR_PROGRAMS.contains(token)) {
        return Err(Refusal::Scope(token.to_owned()));
    }
    if wanted.scope.is_empty() {
        return Err(Refusal::NoScope);
    }
    let mut options = ClientOptions::default();
    match &wanted.proof {
        NewProof::SecretPost | NewProof::SecretBasic => {}
        NewProof::Keys(jwks) => {
            let keys = KeySet::parse(jwks).map_err(|error| Refusal::Keys(error.to_string()))?;
            if keys.is_empty() {
                return Err(Refusal::Keys("there is none that verifies signatures".to_owned()));
            }
            options.jwks = Some(jwks.clone());
        }
        NewProof::KeysAt(url) => {
            if !client::is_reachable(url) {
                return Err(Refusal::Keys(format!("{url:?} is not an https URL without a fragment")));
            }
            options.jwks_uri = Some(url.clone());
        }
    }
    options.access_token_lifetime = wanted.access_token_lifetime.map(seconds).transpose()?;
    Ok((name, options))
}

fn seconds(lifetime: TimeDelta) -> Result<i32, Refusal> {
    let seconds = i32::try_from(lifetime.num_seconds()).ok();
    seconds.filter(|seconds| (60..=86_400).contains(seconds)).ok_or(Refusal::Lifetime)
}

/// Gives an account another secret; the one before is worthless on every node within two seconds (`decisions` 3). `None` when
/// there is no such account, or it has none.
pub async fn rotate_secret(conn: &mut Connection, terms: &Terms<'_>, name: &str) -> QueryResult<Option<PlainToken>> {
    let secret = PlainToken::fresh(TokenKind::ClientSecret, terms.random);
    let hashed = (terms.keys.hash(&secret), terms.keys.version());
    let Some(account) = client::replace_secret(conn, name, &hashed).await? else { return Ok(None) };
    client_secret::end_all(conn, name, terms.now).await?;
    let entry = Entry::new(Event::AccountSecretRotated).subject(SubjectId::Service(account)).client(name);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(Some(secret))
}

/// Removes an account and its client, which can do nothing any more. `false` when there is no such account.
pub async fn remove(conn: &mut Connection, terms: &Terms<'_>, name: &str) -> QueryResult<bool> {
    let Some(account) = service_account::remove(conn, name).await? else { return Ok(false) };
    changes::announce(conn, client::CHANGED).await?;
    let entry = Entry::new(Event::AccountRemoved).subject(SubjectId::Service(account)).client(name);
    audit::record(conn, entry, terms.origin, terms.now).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_value_that_is_wrong() {
        let account = NewAccount {
            name: "my-ai-agent".to_owned(),
            description: String::new(),
            workspace: crate::types::DEFAULT_WORKSPACE.to_owned(),
            groups: Vec::new(),
            scope: Scope::of(&USUAL_SCOPE),
            proof: NewProof::SecretPost,
            exchanges: false,
            access_token_lifetime: None,
        };
        let keys_at = |url: &str| NewProof::KeysAt(url.to_owned());
        assert!(judge(&account).is_ok());
        assert!(judge(&NewAccount { proof: keys_at("https://a.example/k"), ..account.clone() }).is_ok());
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        for (wanted, words) in [
            (NewAccount { name: "https://a.example/c".to_owned(), ..account.clone() }, "\"https://a.example/c\""),
            (NewAccount { scope: scope("mcp:read openid"), ..account.clone() }, "\"openid\""),
            (NewAccount { scope: scope("mcp:everything"), ..account.clone() }, "\"mcp:everything\""),
            (NewAccount { scope: scope(""), ..account.clone() }, "without any scope"),
            (NewAccount { proof: NewProof::Keys(json!({ "keys": [] })), ..account.clone() }, "none that verifies"),
            (NewAccount { proof: keys_at("http://a.example/k"), ..account.clone() }, "\"http://a.example/k\""),
            (NewAccount { proof: keys_at("https://a.example/#k"), ..account.clone() }, "\"https://a.example/#k\""),
            (NewAccount { access_token_lifetime: Some(TimeDelta::seconds(59)), ..account }, "60 to 86400"),
        ] {
            let refusal = judge(&wanted).expect_err("refused").to_string();
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
