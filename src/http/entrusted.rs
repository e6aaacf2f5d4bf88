//! What a browser carries for us from one page to the next, sealed: for that browser alone, and for a while.

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::signed_in::Visitor;
use crate::app::App;
use crate::crypto::{Label, Unsealable};

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    value: T,
    shown_to: String,
    expires: DateTime<Utc>,
}

/// Seals a value for a visitor to carry.
pub fn entrust<T: Serialize>(
    app: &App,
    (label, visitor): (Label, &Visitor),
    value: &T,
    lifetime: TimeDelta,
) -> Result<String, Unsealable> {
    let expires = app.clock.now() + lifetime;
    app.keys.seal(label, &Sealed { value, shown_to: visitor.csrf_token(&app.keys), expires })
}

/// The value, if it is ours, unaltered, not expired, and was given to this visitor.
pub fn take_back<T: DeserializeOwned>(app: &App, (label, visitor): (Label, &Visitor), sealed: &str) -> Option<T> {
    let opened: Sealed<T> = app.keys.open(label, sealed).ok()?;
    let is_good = opened.expires > app.clock.now() && visitor.was_shown(&app.keys, &opened.shown_to);
    is_good.then_some(opened.value)
}
