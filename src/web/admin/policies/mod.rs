//! Administration → Policies: what groups may do at which servers.

pub mod list;
pub mod one;
pub mod simulate;

use crate::app::App;
use crate::audit::Origin;
use crate::http::SignedIn;
use crate::policies::Pattern;
use crate::policies::save::By;

/// Who does it, for the trail.
fn by<'a>(app: &App, signed_in: &SignedIn, origin: &'a Origin) -> By<'a> {
    By { user: Some(signed_in.person.id), origin, now: app.clock.now() }
}

/// Names as a table shows them.
fn words(patterns: &[Pattern]) -> String {
    patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ")
}
