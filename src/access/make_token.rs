//! VERB: what a personal access token may be when it is made, and its signature.
//!
//! It never gets more than its maker has; and since people lose rights, [`admit_token`](super::admit_token) looks again at every use.

use chrono::{DateTime, TimeDelta, Utc};

use super::scoping::{self, Maker};
use crate::credentials::personal_tokens::{NewToken, drawn};
use crate::credentials::{CredentialName, CredentialNameError, PersonalToken};
use crate::crypto::{PlainToken, Random};
use crate::grants::sign::{Signing, SigningError};
use crate::places::{PlacePath, Reach, Tree};
use crate::types::{PersonalTokenId, PlaceId, Scope, ServerId, UserId, known_scopes};

/// What somebody wants of a token, as it was typed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Names what is made; drawn when the form was shown.
    pub id: PersonalTokenId,
    /// For whom it acts.
    pub owner: UserId,
    /// What to call it.
    pub name: String,
    /// Scope tokens with spaces between.
    pub scope: String,
    /// Places, each by its path in words or its id.
    pub places: Vec<String>,
    /// The one server that it is for.
    pub server: Option<WantedServer>,
    /// How long it is good; for ever when there is none.
    pub lifetime: Option<TimeDelta>,
}

/// A server, as somebody named it.
#[derive(Clone, Debug)]
pub struct WantedServer {
    /// What they wrote.
    pub written: String,
    /// Which that is, if there is one, and where.
    pub found: Option<(ServerId, PlacePath)>,
}

/// What there is to know of the installation while a token is judged.
#[derive(Clone, Copy)]
pub struct Installation<'a> {
    /// Its places.
    pub tree: &'a Tree,
    /// The longest that a token is good, if the operator says so.
    pub most: Option<TimeDelta>,
    /// What such tokens open.
    pub audience: &'a str,
    /// Randomness.
    pub random: &'a Random,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why no token can be like this, in a sentence that names the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No good name.
    #[error(transparent)]
    Name(#[from] CredentialNameError),
    /// It could do nothing.
    #[error("choose at least one thing that it may do")]
    NoScope,
    /// The maker may not do that themselves, or no such token can.
    #[error("the scope {0:?} is not yours to give")]
    Scope(String),
    /// No place, or not theirs.
    #[error(transparent)]
    Places(#[from] scoping::Refusal),
    /// No server, or not one that the maker and this token reach.
    #[error("there is no server {0:?} in the places that you chose")]
    Server(String),
    /// The operator wants tokens to expire.
    #[error("a token must expire here, within {} days", .0.num_days())]
    MustExpire(TimeDelta),
    /// Longer than the operator wants, or no time at all.
    #[error("a token is good for {} days here at most", .0.num_days())]
    TooLong(TimeDelta),
    /// A time that no calendar knows.
    #[error("a token is good for a minute at least, and for ten years at most unless it never expires")]
    NoTime,
}

/// What such a token can be given at all: the use of tools and the management of what they are behind.
const GIVEN: [&str; 6] = [
    known_scopes::MCP_READ,
    known_scopes::MCP_WRITE,
    known_scopes::MCP_DELETE,
    known_scopes::MGMT_READ,
    known_scopes::MGMT_WRITE,
    known_scopes::MGMT_ADMIN,
];

/// What this maker can give to a token.
pub fn offered(maker: &Maker<'_>) -> Scope {
    maker.hands_on(&Scope::of(&GIVEN))
}

/// Judges what is wanted: the token that may be made.
pub fn judge(maker: &Maker<'_>, wanted: Wanted, here: &Installation<'_>) -> Result<NewToken, Refusal> {
    let name: CredentialName = wanted.name.parse()?;
    let scope = judge_scope(maker, &wanted.scope)?;
    let reach = scoping::judge_places(maker, &wanted.places, here.tree)?;
    let server = wanted.server.map(|server| judge_server(maker, server, &reach)).transpose()?;
    let expires_at = judge_lifetime(wanted.lifetime, here.most)?.map(|lifetime| here.now + lifetime);
    Ok(NewToken {
        id: wanted.id,
        name,
        owner: wanted.owner,
        jti: drawn(here.random),
        client_id: drawn(here.random),
        audience: here.audience.to_owned(),
        scope,
        reach,
        server,
        created_at: here.now,
        expires_at,
    })
}

fn judge_scope(maker: &Maker<'_>, wanted: &str) -> Result<Scope, Refusal> {
    let scope: Scope = wanted.parse().map_err(|_| Refusal::Scope(wanted.to_owned()))?;
    let offered = offered(maker);
    if let Some(beyond) = scope.tokens().find(|token| !offered.grants(token)) {
        return Err(Refusal::Scope(beyond.to_owned()));
    }
    if scope.is_empty() { Err(Refusal::NoScope) } else { Ok(scope) }
}

/// One that is not there and one that is out of reach are the same.
fn judge_server(maker: &Maker<'_>, wanted: WantedServer, reach: &Reach) -> Result<ServerId, Refusal> {
    let reached = wanted.found.filter(|(_, place)| maker.reaches(place) && reach.covers(place));
    reached.map(|(id, _)| id).ok_or(Refusal::Server(wanted.written))
}

fn judge_lifetime(wanted: Option<TimeDelta>, most: Option<TimeDelta>) -> Result<Option<TimeDelta>, Refusal> {
    match (wanted, most) {
        (None, None) => Ok(None),
        (None, Some(most)) => Err(Refusal::MustExpire(most)),
        (Some(wanted), Some(most)) if wanted > most => Err(Refusal::TooLong(most)),
        (Some(wanted), _) if !(TimeDelta::minutes(1)..=TimeDelta::days(3650)).contains(&wanted) => Err(Refusal::NoTime),
        (Some(wanted), _) => Ok(Some(wanted)),
    }
}

/// Judges whether a maker may have a successor of a token: all that it was given. Places that are gone are nothing to ask about.
pub fn judge_again(maker: &Maker<'_>, token: &PersonalToken, tree: &Tree) -> Result<(), Refusal> {
    judge_scope(maker, &token.scope.to_string())?;
    let still = |id: &&PlaceId| tree.get(**id).is_some();
    let places = match &token.reach {
        Reach::Everywhere => Vec::new(),
        Reach::Places(places) => places.iter().filter(still).map(ToString::to_string).collect(),
    };
    scoping::judge_places(maker, &places, tree)?;
    Ok(())
}

/// Signs a token that is about to be stored.
pub fn sign(signing: &Signing, issuer: &str, new: &NewToken) -> Result<PlainToken, SigningError> {
    signing.personal_token(&new.claims(issuer)).map(PlainToken::signed)
}
