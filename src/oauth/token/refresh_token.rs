//! `grant_type=refresh_token` (RFC 6749 §6).

use super::{Bought, Recipient, Tokens, resource, sign};
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::rotate::{self, Attempt, Rotated};
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;
use crate::types::Scope;

pub(super) async fn refresh(app: &App, form: &ClientRequest, origin: &Origin) -> Result<Tokens, Error> {
    let params = &form.params;
    let token = params.get("refresh_token").ok_or(Error::InvalidRequest("The refresh_token is missing"))?;
    let scope = params.get("scope").map(str::parse::<Scope>).transpose();
    let scope = scope.map_err(|_| Error::InvalidScope("The scope is malformed"))?;
    let resource = resource(app, Some(&form.client), params)?;
    let token = PlainToken::parse(TokenKind::Refresh, token);
    let token = token.ok_or(Error::InvalidGrant("The refresh token is unknown, expired or revoked"))?;
    let attempt = Attempt {
        token: &token,
        scope: scope.as_ref(),
        resource: resource.as_deref(),
        proof_key: form.proof_key.as_deref(),
    };
    let terms = app.terms(origin);
    let rotated = app.db.write(async |conn| rotate::rotate(conn, &terms, &form.client, &attempt).await).await?;
    match rotated {
        Rotated::Refreshed { grant, person, scope, successor } => {
            if !form.client.was_used_lately(terms.now) {
                app.access.forget_client(&form.client.id);
            }
            let refresh = Some(successor);
            sign(
                app,
                Bought { recipient: Recipient::of(form), grant: &grant, person: &person, scope, refresh, nonce: None },
            )
        }
        Rotated::Refused(why) => Err(Error::InvalidGrant(why)),
        Rotated::WrongScope => Err(Error::InvalidScope("The scope is wider than what was granted")),
        Rotated::WrongResource => Err(Error::InvalidTarget("The token was granted for another resource")),
        Rotated::Replayed => {
            app.access.reload_revocations(&app.db, terms.now).await?;
            Err(Error::InvalidGrant("The refresh token was used before; this connection has been ended for safety"))
        }
    }
}
