//! Access tokens that come back to us as parameters: to be revoked, or asked about.

use std::sync::Arc;

use super::error::Error;
use crate::access::authenticate::is_key_published;
use crate::app::App;
use crate::grants::sign::AccessTokenClaims;

/// The claims of an access token of ours; nothing but its signature, type and issuer has been looked at.
pub async fn claims(app: &App, token: &str) -> Result<Option<Arc<AccessTokenClaims>>, Error> {
    let signed = || app.access.verified_claims(&app.signing, token).filter(|claims| claims.iss == app.issuer());
    if let Some(claims) = signed() {
        let counts = app.access.is_current(&app.changes) || is_key_published(&app.db, token, app.clock.now()).await?;
        return Ok(counts.then_some(claims));
    }
    // Another node may have made a key a moment ago.
    match app.signing.look_for_key_of(token, &app.db, &app.keys, app.clock.now()).await? {
        true => Ok(signed()),
        false => Ok(None),
    }
}
