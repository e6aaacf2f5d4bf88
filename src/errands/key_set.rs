//! ERRAND: somebody's public keys, from the URL where they are published (RFC 7517 §5).

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::crypto::statement::{Header, KeySet};
use crate::grants::trusted_issuer::TrustedIssuer;
use crate::net::Purpose;

/// The largest key set: 32 RSA keys with room for their certificates.
const LARGEST: usize = 64 * 1024;

/// The keys at `url` that could verify a statement with this header: from memory while they are fresh and have one, else
/// fetched. The error is in words for whoever published them.
pub async fn fetch(app: &App, purpose: Purpose, url: &str, header: &Header) -> Result<Arc<KeySet>, String> {
    let now = app.clock.now();
    if let Some(known) = known(app, url, header) {
        return known;
    }
    let turn = app.key_sets.turn(url);
    let _turn = turn.lock().await;
    if let Some(known) = known(app, url, header) {
        return known;
    }
    match ask(app, purpose, url).await {
        Ok((keys, fresh_for)) => Ok(app.key_sets.keep(url, keys, now, fresh_for)),
        Err(why) => {
            app.key_sets.note_missing(url, &why, now);
            Err(why)
        }
    }
}

/// What needs no asking: keys that are fresh, or that they could not be had a moment ago.
fn known(app: &App, url: &str, header: &Header) -> Option<Result<Arc<KeySet>, String>> {
    let now = app.clock.now();
    let kept = app.key_sets.get(url, header, now).map(Ok);
    kept.or_else(|| app.key_sets.why_missing(url, now).map(|why| Err(why.to_string())))
}

async fn ask(app: &App, purpose: Purpose, url: &str) -> Result<(KeySet, Duration), String> {
    let fetched = app.net.get(purpose, url, LARGEST).await.map_err(|error| error.to_string())?;
    let json = serde_json::from_slice(&fetched.body).map_err(|_| "the answer is not JSON".to_owned())?;
    let keys = KeySet::parse(&json).map_err(|error| error.to_string())?;
    Ok((keys, fetched.fresh_for()))
}

/// The keys of an issuer that the operator trusts: those that were given, or those that it publishes.
pub async fn of_issuer(app: &App, issuer: &TrustedIssuer, header: &Header) -> Result<Arc<KeySet>, String> {
    match (&issuer.jwks, &issuer.jwks_uri) {
        (Some(jwks), _) => KeySet::parse(jwks).map(Arc::new).map_err(|error| error.to_string()),
        (None, Some(uri)) => fetch(app, Purpose::AdministratorKeys, uri, header).await,
        (None, None) => Err("it has none".to_owned()),
    }
}
