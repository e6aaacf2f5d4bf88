//! `POST /oauth/revoke` (RFC 7009).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::DateTime;

use super::client_request::ClientRequest;
use super::error::Error;
use super::own_token;
use crate::app::App;
use crate::crypto::{PlainToken, TokenKind};
use crate::db::Connection;
use crate::grants::revoke;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;

/// `POST /oauth/revoke`: a token that is unknown or another client's is answered like one that was revoked (§2.2).
pub async fn post(app: Data<App>, request: HttpRequest, form: ClientRequest) -> Result<HttpResponse, Error> {
    let token = form.params.get("token").ok_or(Error::InvalidRequest("The token is missing"))?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let client = &form.client;
    // The hint is only a hint (§2.1); a token tells its kind by itself.
    if let Some(refresh) = PlainToken::parse(TokenKind::Refresh, token) {
        let verb = async |conn: &mut Connection| revoke::refresh_token(conn, &terms, client, &refresh).await;
        app.cut(verb).await?;
        return Ok(HttpResponse::Ok().no_store().finish());
    }
    let claims = own_token::claims(&app, token).await?.filter(|claims| claims.client_id == client.id);
    let expires_at = claims.as_ref().and_then(|claims| DateTime::from_timestamp(claims.exp, 0));
    if let (Some(claims), Some(expires_at)) = (claims, expires_at.filter(|expires_at| *expires_at > terms.now)) {
        let verb = async |conn: &mut Connection| {
            revoke::access_token(conn, &terms, client, &claims.jti, claims.grant_id, expires_at).await
        };
        app.cut(verb).await?;
    }
    Ok(HttpResponse::Ok().no_store().finish())
}
