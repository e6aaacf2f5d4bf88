//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4–3.5).

use super::{Bought, Recipient, Tokens, sign};
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::device::{self, Polled};
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;

pub(super) async fn poll(app: &App, form: &ClientRequest, origin: &Origin) -> Result<Tokens, Error> {
    let code = form.params.get("device_code").ok_or(Error::InvalidRequest("The device_code is missing"))?;
    let code = PlainToken::parse(TokenKind::DeviceCode, code);
    let code = code.ok_or(Error::InvalidGrant("The device code is unknown, or another client's"))?;
    let (terms, key) = (app.terms(origin), form.proof_key.as_deref());
    let polled = app.db.write(async |conn| device::poll(conn, &terms, &form.client, &code, key).await).await?;
    match polled {
        Polled::Bought { grant, person, refresh } => {
            let scope = grant.scope.clone();
            let recipient = Recipient::of(form);
            sign(app, Bought { recipient, grant: &grant, person: &person, scope, refresh, nonce: None })
        }
        Polled::Pending => Err(Error::AuthorizationPending),
        Polled::TooSoon => Err(Error::SlowDown),
        Polled::Denied => Err(Error::AccessDenied),
        Polled::Expired => Err(Error::ExpiredToken),
        Polled::Refused(why) => Err(Error::InvalidGrant(why)),
    }
}
