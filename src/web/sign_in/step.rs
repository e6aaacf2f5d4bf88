//! What a browser carries from a right password to the second step.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::crypto::Label;
use crate::http::entrusted::{entrust, take_back};
use crate::http::{Visitor, urls};
use crate::identity::second_step::FirstStep;

/// Long enough to find the telephone.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// A first step that was taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// By whom, with which password.
    pub(super) first: FirstStep,
    /// True when the session that the browser has is to go on, false when another one begins.
    pub(super) continues: bool,
}

impl Step {
    /// The page of the second step. `return_to` is where the person was going, sealed already.
    pub(super) fn url(&self, app: &App, visitor: &Visitor, return_to: Option<&str>) -> String {
        match entrust(app, (Label::FirstStep, visitor), self, LIFETIME) {
            Ok(sealed) => address(&app.at(urls::LOGIN_CODE), &sealed, return_to),
            Err(_) => app.at(urls::LOGIN),
        }
    }

    /// What was sealed for this browser a short while ago.
    pub(super) fn open(app: &App, visitor: &Visitor, sealed: &str) -> Option<Self> {
        take_back(app, (Label::FirstStep, visitor), sealed)
    }
}

/// Compact JWEs are made of letters that a query takes as they are.
pub(super) fn address(page: &str, step: &str, return_to: Option<&str>) -> String {
    match return_to {
        Some(return_to) => format!("{page}?step={step}&return_to={return_to}"),
        None => format!("{page}?step={step}"),
    }
}
