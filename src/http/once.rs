//! Forms that make something: each names what it makes before it is sent, so that one that is sent twice, by a reload or a
//! double click, makes it once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::SignedIn;
use crate::app::App;
use crate::crypto::Label;

/// A word for a form that is about to be shown.
pub fn fresh(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random.bytes::<16>())
}

/// The id of what a form makes that was shown with this word to this session, for this purpose. Nobody can choose an id by
/// choosing a word.
pub fn id_of(app: &App, signed_in: &SignedIn, purpose: &str, word: &str) -> Uuid {
    let parts = [signed_in.session.id.0.as_bytes().as_slice(), purpose.as_bytes(), word.as_bytes()];
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = app.keys.mac(Label::Once, &parts);
    Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}
