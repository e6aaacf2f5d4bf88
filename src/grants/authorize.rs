//! VERB: a person answers an authorization request (RFC 6749 §4.1).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::Terms;
use super::authorization_code::{self, AuthorizationCode};
use super::client::{self, Client, Profile};
use super::consent::{self, Consent};
use super::grant::{self, Grant, NewGrant};
use super::known_clients;
use super::machine;
use super::pending_request::{self, AuthorizationRequest};
use super::pushed_request;
use crate::audit::{self, Entry, Event};
use crate::crypto::{Label, PlainToken, TokenKind};
use crate::db::Connection;
use crate::identity::Rights;
use crate::types::{PendingRequestId, Scope, SessionId, UserId, Words, known_scopes};

/// Who answers, in which browser session.
#[derive(Clone, Debug)]
pub struct Respondent {
    /// The person.
    pub user: UserId,
    /// What they hand on at most.
    pub rights: Rights,
    /// The session.
    pub session: SessionId,
    /// When they had last proved who they are.
    pub authenticated_at: DateTime<Utc>,
    /// How.
    pub amr: Words,
}

/// What a person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Allow, with these optional scopes.
    Allow(Scope),
    /// Deny.
    Deny,
}

/// How an answer ended.
#[derive(Debug)]
pub enum Answered {
    /// The code goes to the client's redirect URI.
    Allowed {
        /// What was asked.
        request: Box<AuthorizationRequest>,
        /// The code.
        code: PlainToken,
    },
    /// The client is told that the person refused.
    Denied(Box<AuthorizationRequest>),
    /// Nothing is waiting under this id in this session: answered before, too late, or never ours.
    Gone,
    /// The client is no longer what the person was shown.
    Changed,
}

/// The part of `scope` that a person cannot untick: without it the client could do nothing it asked for, or, for
/// `offline_access`, leaving it out would change nothing: what refreshes is the client's grant type.
pub fn required(scope: &Scope) -> Scope {
    let lowest = [known_scopes::MCP_READ, known_scopes::MCP_WRITE, known_scopes::MCP_DELETE]
        .into_iter()
        .find(|token| scope.has(token));
    let fixed = [known_scopes::OPENID, known_scopes::OFFLINE_ACCESS];
    scope.filtered(|token| fixed.contains(&token) || Some(token) == lowest)
}

/// Answers a waiting request. Whoever answers first decides; what is posted is only an id and the boxes.
pub async fn answer(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: PendingRequestId,
    who: &Respondent,
    answer: &Answer,
) -> QueryResult<Answered> {
    let Some(pending) = pending_request::decide(conn, id, who.session, terms.now).await? else {
        return answer_again(conn, terms, id, who, answer).await;
    };
    let request = pending.request;
    // Two pages may have come of one pushed request (RFC 9126 §4): the first answer has it.
    if !is_still_asked(conn, &request, terms.now).await? {
        return Ok(Answered::Gone);
    }
    let client = client::find(conn, &request.client_id).await?;
    let Some(client) = client.filter(|client| is_as_shown(client, &request)) else { return Ok(Answered::Changed) };
    let Answer::Allow(ticked) = answer else {
        let entry = Entry::new(Event::ConsentDenied).user(who.user).client(&client.id);
        audit::record(conn, entry, terms.origin, terms.now).await?;
        return Ok(Answered::Denied(Box::new(request)));
    };
    let scope = request.scope.filtered(|token| required(&request.scope).has(token) || ticked.has(token));
    let scope = who.rights.within(&scope);
    let code = code_of(terms, id, who.session);
    match issue_code(conn, terms, &client, &request, &scope, who, &code).await? {
        true => Ok(Answered::Allowed { request: Box::new(request), code }),
        false => Ok(Answered::Changed),
    }
}

/// The code of an answered page is derived, not drawn: when *Allow* is sent twice, as by a double click, the browser follows
/// only the second answer, and that must hold the same code.
fn code_of(terms: &Terms<'_>, id: PendingRequestId, session: SessionId) -> PlainToken {
    let bytes = terms.keys.mac(Label::Code, &[id.0.as_bytes(), session.0.as_bytes()]);
    PlainToken::from_bytes(TokenKind::Code, &bytes)
}

/// *Allow* a second time, from the same browser, while the code is still good: the same answer. Anything else is too late.
async fn answer_again(
    conn: &mut Connection,
    terms: &Terms<'_>,
    id: PendingRequestId,
    who: &Respondent,
    answer: &Answer,
) -> QueryResult<Answered> {
    let answered = pending_request::answered(conn, id, who.session, terms.now - terms.lifetimes.code).await?;
    let (Some(pending), Answer::Allow(_)) = (answered, answer) else { return Ok(Answered::Gone) };
    let code = code_of(terms, id, who.session);
    let stored = authorization_code::find_for_update(conn, &terms.keys.hashes(&code)).await?;
    Ok(match stored.filter(|stored| stored.is_good(terms.now)) {
        Some(_) => Answered::Allowed { request: Box::new(pending.request), code },
        None => Answered::Gone,
    })
}

/// Answers at once for a person who has agreed to exactly this before: `None` when they must be asked.
///
/// Only for clients that somebody vouches for, and those of hosts we know to which the answer goes back: anyone can claim to
/// be another (RFC 6749 §10.2).
pub async fn answer_from_memory(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    request: &AuthorizationRequest,
    who: &Respondent,
) -> QueryResult<Option<PlainToken>> {
    if !client.is_verified() && !known_clients::is_certain(client, &request.redirect_uri, terms.trusted_hosts) {
        return Ok(None);
    }
    let remembered = consent::find(conn, who.user, &client.id, &request.resource).await?;
    if !remembered.is_some_and(|consent| consent.covers(&request.scope, &client.metadata_hash)) {
        return Ok(None);
    }
    if !is_still_asked(conn, request, terms.now).await? {
        return Ok(None);
    }
    let scope = who.rights.within(&request.scope);
    let code = PlainToken::fresh(TokenKind::Code, terms.random);
    let issued = issue_code(conn, terms, client, request, &scope, who, &code).await?;
    Ok(issued.then_some(code))
}

/// Uses up the pushed request that it came of, if any: `false` when that was decided before.
async fn is_still_asked(
    conn: &mut Connection,
    request: &AuthorizationRequest,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    match request.pushed {
        Some(pushed) => pushed_request::use_up(conn, pushed.id, now).await,
        None => Ok(true),
    }
}

fn is_as_shown(client: &Client, request: &AuthorizationRequest) -> bool {
    client.disabled_at.is_none() && client.metadata_hash == request.metadata_hash
}

/// Makes the grant and stores the code that stands for it; `false` when oxide-auth's machine finds the client changed.
async fn issue_code(
    conn: &mut Connection,
    terms: &Terms<'_>,
    client: &Client,
    request: &AuthorizationRequest,
    scope: &Scope,
    who: &Respondent,
    code: &PlainToken,
) -> QueryResult<bool> {
    if !client::is_still(conn, &client.id, &client.metadata_hash).await? {
        return Ok(false);
    }
    let Ok(negotiated) = machine::negotiate(client, request, scope) else { return Ok(false) };
    let grant = new_grant(terms, negotiated.client_id, request, scope, who);
    grant::insert(conn, &grant).await?;
    let row = AuthorizationCode {
        code_hash: terms.keys.hash(code),
        key_version: terms.keys.version(),
        grant_id: grant.id,
        client_id: client.id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        created_at: terms.now,
        expires_at: terms.now + code_lifetime(terms, client),
        failed_tries: 0,
        spent_at: None,
        dpop_jkt: request.dpop_jkt.clone(),
    };
    authorization_code::insert(conn, &row).await?;
    client::touch(conn, &client.id, terms.now).await?;
    let memory = Consent {
        user_id: who.user,
        client_id: client.id.clone(),
        resource: request.resource.clone(),
        scope: scope.clone(),
        metadata_hash: client.metadata_hash.clone(),
        given_at: terms.now,
    };
    consent::remember(conn, &memory).await?;
    let entry = Entry::new(Event::ConsentGiven).user(who.user).client(&client.id).grant(grant.id);
    audit::record(conn, entry.detail(json!({ "scope": scope, "resource": request.resource })), terms.origin, terms.now)
        .await?;
    Ok(true)
}

/// FAPI 2.0 Security Profile §5.3.2.1: a minute at most.
fn code_lifetime(terms: &Terms<'_>, client: &Client) -> TimeDelta {
    match client.options.profile {
        Profile::Standard => terms.lifetimes.code,
        Profile::Fapi2 => terms.lifetimes.code.min(TimeDelta::seconds(60)),
    }
}

fn new_grant(
    terms: &Terms<'_>,
    client_id: String,
    request: &AuthorizationRequest,
    scope: &Scope,
    who: &Respondent,
) -> Grant {
    let new = NewGrant {
        user: who.user,
        client_id,
        resource: request.resource.clone(),
        scope: scope.clone(),
        session: Some(who.session),
        authenticated_at: who.authenticated_at,
        amr: who.amr.clone(),
        expires_at: terms.now + terms.lifetimes.grant,
    };
    new.begin(terms.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_mcp_scope_asked_for_cannot_be_unticked() {
        for (asked, fixed) in [
            ("mcp:read mcp:write openid email", "mcp:read openid"),
            ("mcp:write mcp:delete", "mcp:write"),
            ("email profile", ""),
        ] {
            assert_eq!(required(&asked.parse().unwrap()).to_string(), fixed, "{asked}");
        }
    }

    /// A box that does nothing when it is cleared would be a lie.
    #[test]
    fn staying_connected_is_no_choice_since_refresh_tokens_do_not_depend_on_it() {
        let asked: Scope = "mcp:read email offline_access".parse().unwrap();
        assert_eq!(required(&asked).to_string(), "mcp:read offline_access");
    }
}
