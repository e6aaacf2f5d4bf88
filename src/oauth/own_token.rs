//! Access tokens that come back to us as parameters: to be revoked, or asked about.

use std::sync::Arc;

use super::error::Error;
use crate::app::App;
use crate::grants::sign::AccessTokenClaims;

/// The claims of an access token, if we signed it; nothing but its signature and its type has been looked at.
pub async fn claims(app: &App, token: &str) -> Result<Option<Arc<AccessTokenClaims>>, Error> {
    if let Some(claims) = app.access.verified_claims(&app.signing, token) {
        return Ok(Some(claims));
    }
    // Another node may have made a key a moment ago.
    match app.signing.look_for_key_of(token, &app.db, &app.keys, app.clock.now()).await? {
        true => Ok(app.access.verified_claims(&app.signing, token)),
        false => Ok(None),
    }
}
