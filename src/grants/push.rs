//! VERB: a client hands its authorization request to us itself (RFC 9126).
//!
//! It changes nothing for anybody, so the audit trail hears of it when somebody decides.

use chrono::TimeDelta;
use diesel::QueryResult;
use url::form_urlencoded::Serializer;

use super::Terms;
use super::pending_request::AuthorizationRequest;
use super::pushed_request::{self, NewPushedRequest};
use crate::crypto::{Label, PlainToken, RootKeys, TokenKind};
use crate::db::Connection;
use crate::types::PushedRequestId;

/// What every `request_uri` of ours begins with (RFC 9126 §2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// Within which a browser must bring it: from one redirect to the next. Sign-in may take longer.
pub const BEGIN_WITHIN: TimeDelta = TimeDelta::seconds(90);

/// Keeps a checked request: the token that names it.
pub async fn push(conn: &mut Connection, terms: &Terms<'_>, request: &AuthorizationRequest) -> QueryResult<PlainToken> {
    let id = PushedRequestId::fresh();
    let token = token_of(terms.keys, id);
    let begin_by = terms.now + BEGIN_WITHIN;
    let new = NewPushedRequest {
        id,
        token: (terms.keys.hash(&token), terms.keys.version()),
        request,
        created_at: terms.now,
        begin_by,
        // As long as sign-in may take, and then the consent page.
        expires_at: begin_by + terms.lifetimes.pending_request * 2,
    };
    pushed_request::insert(conn, &new).await?;
    Ok(token)
}

/// The token of a pushed request is derived, not drawn, so that a consent page can lead back to the request without
/// anything that names it being stored.
pub fn token_of(keys: &RootKeys, id: PushedRequestId) -> PlainToken {
    PlainToken::from_bytes(TokenKind::PushedRequest, &keys.mac(Label::PushedRequest, &[id.0.as_bytes()]))
}

/// The query with which a browser brings a pushed request again (RFC 9126 §4).
pub fn to_query(keys: &RootKeys, client_id: &str, id: PushedRequestId) -> String {
    let request_uri = request_uri(&token_of(keys, id));
    Serializer::new(String::new()).append_pair("client_id", client_id).append_pair("request_uri", &request_uri).finish()
}

/// The `request_uri` of a token.
pub fn request_uri(token: &PlainToken) -> String {
    format!("{REQUEST_URI_PREFIX}{}", token.reveal())
}
