//! When an authorization request came here first: carried by the browser through sign-in, sealed.
//!
//! Nothing is written before somebody has signed in (`decisions` 18), so that the request itself has to know, when it comes
//! again, that it came in time and whether the person has proved who they are since.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::form_urlencoded::{self, Serializer};

use crate::app::App;
use crate::crypto::Label;

/// The parameter in which it travels. No specification has it.
const PARAMETER: &str = "begun";

#[derive(Serialize, Deserialize)]
struct Sealed {
    at: DateTime<Utc>,
    /// A digest of the request it belongs to, so that it says nothing of any other.
    of: String,
    expires: DateTime<Utc>,
}

/// When the request of this query came here first; `None` when that is now.
pub fn begun(app: &App, query: &str) -> Option<DateTime<Utc>> {
    let (_, sealed) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == PARAMETER)?;
    let opened: Sealed = app.keys.open(Label::Begun, &sealed).ok()?;
    (opened.expires > app.clock.now() && opened.of == digest(&without(query))).then_some(opened.at)
}

/// The same query, which remembers that its request came here first at that time.
pub fn beginning(app: &App, query: &str, at: DateTime<Utc>) -> String {
    let bare = without(query);
    let expires = app.clock.now() + app.config.lifetimes.pending_request;
    match app.keys.seal(Label::Begun, &Sealed { at, of: digest(&bare), expires }) {
        Ok(sealed) => format!("{bare}&{PARAMETER}={sealed}"),
        // Then it comes for the first time again.
        Err(_) => bare,
    }
}

fn without(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != PARAMETER);
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn digest(query: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(query))
}
