//! Recovery codes, for the one look that there is at them.

use askama::Template;

use crate::app::App;
use crate::crypto::RecoveryCode;
use crate::http::page::{Site, View};
use crate::http::urls;
use crate::web::sign_in::{destination, opened};

/// The codes that were just made.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/recovery_codes.html")]
pub struct RecoveryCodesPage {
    /// Where we are.
    pub site: Site,
    /// What was just done.
    pub title: &'static str,
    /// The codes, shown on this one page and never again.
    pub codes: Vec<String>,
    /// Where it goes on.
    pub next: String,
}

impl RecoveryCodesPage {
    /// Codes that come with the first second factor; afterwards it goes on to where the person was going.
    pub(super) fn first(app: &App, codes: &[RecoveryCode], title: &'static str, return_to: Option<&str>) -> Self {
        let return_to = return_to.filter(|sealed| opened(app, sealed).is_some());
        let next = match return_to {
            Some(_) => destination(app, return_to),
            None => app.at(urls::SECURITY),
        };
        Self { next, ..Self::fresh(app, codes, title) }
    }

    /// Codes that replace those before.
    pub(super) fn fresh(app: &App, codes: &[RecoveryCode], title: &'static str) -> Self {
        Self {
            site: Site::of(&app.config.server.public_url),
            title,
            codes: codes.iter().map(RecoveryCode::reveal).collect(),
            next: app.at(urls::SECURITY),
        }
    }

    /// The page.
    pub fn samples() -> Vec<Self> {
        let codes = (0..10).map(|n| format!("samp-lecd-{n:04}")).collect();
        let next = "/gate/settings/security".to_owned();
        vec![Self { site: Site::sample(), title: "Your new recovery codes", codes, next }]
    }
}

impl View for RecoveryCodesPage {}
