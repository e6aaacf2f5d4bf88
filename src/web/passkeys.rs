//! What the pages on which passkeys are made or used have in common: a ceremony, carried by the browser.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::crypto::Label;
use crate::crypto::passkeys::Begun;
use crate::http::Visitor;
use crate::http::entrusted::{entrust, take_back};
use crate::identity::keyring::Ceremony;

/// As long as a page may be open before its passkey button is pressed.
const LIFETIME: TimeDelta = TimeDelta::hours(1);

/// A form that a script fills in with what the browser's passkey says.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What the browser is asked, as JSON.
    pub options: String,
    /// The ceremony, sealed, on its way back.
    pub ceremony: String,
}

#[derive(Serialize, Deserialize)]
struct Carried<S> {
    id: String,
    until: DateTime<Utc>,
    state: S,
}

impl Prompt {
    /// A ceremony that has just begun, for this visitor.
    pub(super) fn of<S: Serialize>(app: &App, visitor: &Visitor, begun: Begun<S>) -> Option<Self> {
        let id = URL_SAFE_NO_PAD.encode(app.random.bytes::<32>());
        let carried = Carried { id, until: app.clock.now() + LIFETIME, state: begun.state };
        let ceremony = entrust(app, (Label::Ceremony, visitor), &carried, LIFETIME).ok()?;
        Some(Self { options: begun.options, ceremony })
    }

    /// A passkey may be used on this page; nothing where there are none.
    pub(super) fn to_use(app: &App, visitor: &Visitor) -> Option<Self> {
        Self::of(app, visitor, app.passkeys.as_ref()?.begin_using()?)
    }

    /// For samples.
    pub(super) fn sample() -> Self {
        let options = r#"{"publicKey":{"challenge":"c2FtcGxl"}}"#.to_owned();
        Self { options, ceremony: "sealed-ceremony".to_owned() }
    }
}

/// The ceremony that this visitor was given.
pub(super) fn resume<S: DeserializeOwned>(app: &App, visitor: &Visitor, sealed: &str) -> Option<(S, Ceremony)> {
    let carried: Carried<S> = take_back(app, (Label::Ceremony, visitor), sealed)?;
    Some((carried.state, Ceremony { id: carried.id.into_bytes(), until: carried.until }))
}
