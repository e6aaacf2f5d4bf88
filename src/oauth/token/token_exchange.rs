//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693 §2).
//!
//! Access tokens for access tokens: ID tokens prove a sign-in to their client and nothing to us, and refresh tokens have a
//! grant of their own. A token that is no good is `invalid_request` (§2.2.2).

use super::{AccessToken, Recipient, Tokens};
use crate::access::authenticate::{Audiences, Door};
use crate::access::principal::{AccessTokenCredential, Credential};
use crate::access::{Authenticated, Principal};
use crate::app::App;
use crate::audit::Origin;
use crate::grants::exchange::{self, Attempt, Exchanged, Judged};
use crate::grants::sign::{Actor, Audience};
use crate::http::caller;
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;
use crate::oauth::resource;
use crate::types::{Scope, known_scopes};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(super) async fn exchange(app: &App, form: &ClientRequest, origin: &Origin) -> Result<Tokens, Error> {
    let ClientRequest { client, params, .. } = form;
    if !exchange::may_exchange(client) {
        return Err(Error::UnauthorizedClient("Only a confidential client that an administrator registered exchanges"));
    }
    let issued = issued_token_type(params.get("requested_token_type"))?;
    let (principal, subject) = presented(app, form, "subject_token", "subject_token_type").await?.ok_or(MISSING)?;
    let actor = presented(app, form, "actor_token", "actor_token_type").await?.map(|(_, actor)| actor);
    let audience = audience(app, form, &principal)?;
    let scope = params.get("scope").map(str::parse::<Scope>).transpose();
    let scope = scope.map_err(|_| Error::InvalidScope("The scope is malformed"))?;
    let (id, expires_at) = (subject.subject, subject.expires_at);
    let attempt = Attempt { subject, actor, scope, audience: audience.clone() };
    let terms = app.terms(origin);
    let verb = async |conn: &mut crate::db::Connection| exchange::exchange(conn, &terms, client, attempt).await;
    match app.db.write(verb).await? {
        Exchanged::Allowed { grant, scope, actor, first_client } => {
            let groups = scope.has(known_scopes::GROUPS).then(|| principal.subject.groups().to_vec());
            let audience = Audience::One(audience);
            let grant = grant.as_deref();
            let recipient = Recipient::of(form);
            let token = AccessToken { recipient, subject: id, audience, scope, groups, grant, actor, first_client };
            Ok(Tokens { issued_token_type: Some(issued), ..token.sign_until(app, Some(expires_at))? })
        }
        Exchanged::Refused(why) => Err(Error::InvalidRequest(why)),
        Exchanged::WrongScope(why) => Err(Error::InvalidScope(why)),
    }
}

const MISSING: Error = Error::InvalidRequest("The subject_token is missing");

/// RFC 8693 §2.1. Both names are true of what is issued.
fn issued_token_type(requested: Option<&str>) -> Result<&'static str, Error> {
    match requested {
        None | Some(ACCESS_TOKEN) => Ok(ACCESS_TOKEN),
        Some(JWT) => Ok(JWT),
        Some(_) => Err(Error::InvalidRequest("Only access tokens are issued")),
    }
}

/// A token of ours and what it stands for, by the judge that stands at every door.
async fn presented(
    app: &App,
    form: &ClientRequest,
    name: &str,
    type_name: &str,
) -> Result<Option<(std::sync::Arc<Principal>, Judged)>, Error> {
    let (token, kind) = match (form.params.get(name), form.params.get(type_name)) {
        (None, None) => return Ok(None),
        (Some(token), Some(kind)) => (token, kind),
        _ => return Err(Error::InvalidRequest("A token and its type come together")),
    };
    if ![ACCESS_TOKEN, JWT].contains(&kind) {
        return Err(Error::InvalidRequest("Only access tokens are exchanged"));
    }
    let hears_changes = app.access.is_current(&app.changes);
    let door = Door { issuer: app.issuer(), audiences: Audiences::Any, hears_changes };
    let principal = match caller::judge(app, token, door).await {
        Ok(Authenticated::Caller(principal)) => principal,
        Ok(Authenticated::Refused(why)) => return Err(Error::InvalidRequest(why)),
        Err(error) => {
            tracing::warn!(error, "a token could not be judged");
            return Err(Error::Unavailable);
        }
    };
    let claims = app.signing.verify_access_token(token).ok_or(Error::InvalidRequest("The token is not one of ours"))?;
    // Whoever holds it without its key has only found it (RFC 9449 §5).
    if claims.cnf.is_some_and(|bound| form.proof_key.as_ref() != Some(&bound.jkt)) {
        return Err(Error::InvalidRequest("The token is bound to a key; prove that you hold it"));
    }
    let Credential::AccessToken(credential) = &principal.credential else {
        return Err(Error::InvalidRequest("Only access tokens can be exchanged"));
    };
    let judged = judged(&principal, credential, (claims.act, claims.first_client_id));
    Ok(Some((principal, judged)))
}

/// What it stands for; who acts in it, and to whom the first was issued, are as the token says.
fn judged(
    principal: &Principal,
    credential: &AccessTokenCredential,
    (act, first_client_id): (Option<Actor>, Option<String>),
) -> Judged {
    Judged {
        subject: principal.subject.id(),
        client_id: credential.client_id.clone(),
        first_client_id,
        grant: credential.grant,
        scope: principal.scope.clone(),
        is_narrowed: !principal.narrowing.is_none(),
        expires_at: credential.expires_at,
        act,
    }
}

/// For which of our resources the new token is to be (RFC 8693 §2.1, RFC 8707 §2): the same as before when none is named.
///
/// The gateway audience opens every door, so only a token that has it already keeps it.
fn audience(app: &App, form: &ClientRequest, subject: &Principal) -> Result<String, Error> {
    let named = form.params.all("resource").iter().chain(form.params.all("audience"));
    let mut wanted: Option<String> = None;
    for name in named {
        let one = resource::canonical(app, &*form.client, name);
        let one = one.ok_or(Error::InvalidTarget("This is not a resource of ours"))?;
        if wanted.as_ref().is_some_and(|other| *other != one) {
            return Err(Error::InvalidTarget("Ask for one resource at a time"));
        }
        wanted = Some(one);
    }
    let wanted = wanted.unwrap_or_else(|| subject.audience.clone());
    if wanted == app.gateway_audience() && subject.audience != wanted {
        return Err(Error::InvalidTarget("The subject_token does not open every door, so the new one cannot either"));
    }
    Ok(wanted)
}
