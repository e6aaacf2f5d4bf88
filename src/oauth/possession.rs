//! DPoP where tokens are asked for (RFC 9449 §5, §10.1): they are bound to the key whose possession is proved.

use actix_web::HttpRequest;

use super::error::Error;
use crate::app::App;
use crate::grants::client::{Client, Profile};
use crate::grants::used_assertion::{self, AssertionKind};
use crate::http::dpop::{self, Flaw, Proof};

/// The key that a token request proves possession of. For some clients there are no tokens without (RFC 9449 §5.2, FAPI 2.0
/// Security Profile §5.3.2.1).
pub async fn proved_key(app: &App, request: &HttpRequest, client: &Client) -> Result<Option<String>, Error> {
    let is_needed = client.options.dpop_bound_access_tokens || client.options.profile == Profile::Fapi2;
    match presented_key(app, request).await? {
        None if is_needed => {
            Err(Error::InvalidRequest("This client gets tokens with DPoP alone; the DPoP header is missing"))
        }
        key => Ok(key),
    }
}

/// The thumbprint of the key that a request proves possession of, if it does. Its proof is used up: of two requests with the
/// same, on whatever nodes, one goes on.
pub async fn presented_key(app: &App, request: &HttpRequest) -> Result<Option<String>, Error> {
    let Some(proof) = proof(app, request)? else { return Ok(None) };
    let Proof { key, id, until } = proof;
    let use_up = async |conn: &mut _| used_assertion::use_up(conn, AssertionKind::Proof, &key, &id, until).await;
    match app.db.write(use_up).await? {
        true => Ok(Some(key)),
        false => Err(Error::InvalidDpopProof("The proof was used before")),
    }
}

/// The proof in a request, if it has one; not yet used up.
fn proof(app: &App, request: &HttpRequest) -> Result<Option<Proof>, Error> {
    Proof::of(app, request, None).map_err(|flaw| match flaw {
        Flaw::Invalid(why) => Error::InvalidDpopProof(why),
        Flaw::Nonce => Error::UseDpopNonce(dpop::nonce(&app.keys, app.clock.now())),
    })
}
