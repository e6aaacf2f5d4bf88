//! DPoP where tokens are asked for (RFC 9449 §5, §10.1): they are bound to the key whose possession is proved.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::error::Error;
use crate::app::App;
use crate::grants::client::{Client, ClientOrigin, Profile};
use crate::grants::used_assertion::{self, AssertionKind};
use crate::http::client_address::ClientAddress;
use crate::http::dpop::{self, Flaw, Proof};
use crate::http::limit::ProofLimit;

/// The key that a token request proves possession of. For some clients there are no tokens without (RFC 9449 §5.2, FAPI 2.0
/// Security Profile §5.3.2.1).
pub async fn proved_key(app: &App, request: &HttpRequest, client: &Client) -> Result<Option<String>, Error> {
    let is_needed = client.options.dpop_bound_access_tokens || client.options.profile == Profile::Fapi2;
    match presented_key(app, request, Some(client)).await? {
        None if is_needed => {
            Err(Error::InvalidRequest("This client gets tokens with DPoP alone; the DPoP header is missing"))
        }
        key => Ok(key),
    }
}

/// The thumbprint of the key that a request of this client, or of nobody, proves possession of, if it does. Its proof is used
/// up: of two requests with the same, on whatever nodes, one goes on.
pub async fn presented_key(app: &App, request: &HttpRequest, client: Option<&Client>) -> Result<Option<String>, Error> {
    let Some(proof) = proof(app, request)? else { return Ok(None) };
    if client.is_none_or(is_anybody) {
        let limit = request.app_data::<Data<ProofLimit>>();
        let limit = limit.ok_or_else(|| Error::Internal("a handler runs without its limits".to_owned()))?;
        limit.spend(ClientAddress::of(request).0).map_err(Error::TooMany)?;
    }
    let Proof { key, id, until } = proof;
    let use_up = async |conn: &mut _| used_assertion::use_up(conn, AssertionKind::Proof, &key, &id, until).await;
    match app.db.write(use_up).await? {
        true => Ok(Some(key)),
        false => Err(Error::InvalidDpopProof("The proof was used before")),
    }
}

/// True for a client that anybody can be: it has no secret, or whoever asked was given one.
fn is_anybody(client: &Client) -> bool {
    client.is_public() || client.origin != ClientOrigin::Administrator
}

/// The proof in a request, if it has one; not yet used up.
fn proof(app: &App, request: &HttpRequest) -> Result<Option<Proof>, Error> {
    Proof::of(app, request, None).map_err(|flaw| match flaw {
        Flaw::Invalid(why) => Error::InvalidDpopProof(why),
        Flaw::Nonce => Error::UseDpopNonce(dpop::nonce(&app.keys, app.clock.now())),
    })
}
