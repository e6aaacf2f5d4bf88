//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5).

use super::{Bought, Recipient, Tokens, resource, sign};
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::redeem::{self, Attempt, Redeemed};
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;

pub(super) async fn redeem(app: &App, form: &ClientRequest, origin: &Origin) -> Result<Tokens, Error> {
    let params = &form.params;
    let code = params.get("code").ok_or(Error::InvalidRequest("The code is missing"))?;
    let verifier = params.get("code_verifier").ok_or(Error::InvalidGrant("The code_verifier is missing"))?;
    let resource = resource(app, Some(&form.client), params)?;
    // A code-shaped string of another kind, or one with a typo, ends here, before any query.
    let code = PlainToken::parse(TokenKind::Code, code);
    let code = code.ok_or(Error::InvalidGrant("The code is unknown or has expired"))?;
    let attempt = Attempt {
        code: &code,
        verifier,
        redirect_uri: params.get("redirect_uri"),
        resource: resource.as_deref(),
        proof_key: form.proof_key.as_deref(),
    };
    let terms = app.terms(origin);
    let redeemed = app.db.write(async |conn| redeem::redeem(conn, &terms, &form.client, &attempt).await).await?;
    match redeemed {
        Redeemed::Bought { grant, person, refresh, nonce } => {
            let scope = grant.scope.clone();
            let nonce = nonce.as_deref();
            sign(app, Bought { recipient: Recipient::of(form), grant: &grant, person: &person, scope, refresh, nonce })
        }
        Redeemed::Refused(why) => Err(Error::InvalidGrant(why)),
        Redeemed::WrongResource => Err(Error::InvalidTarget("The code was granted for another resource")),
        Redeemed::Replayed => {
            app.access.reload_revocations(&app.db, terms.now).await?;
            Err(Error::InvalidGrant("The code was used before; everything it bought has been revoked"))
        }
    }
}
