//! How the answer to an authorization request travels.

use serde::{Deserialize, Serialize};

/// OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode. Never `fragment`: no answer of ours is read by
/// a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    #[default]
    Query,
    /// In the body of a POST that the browser sends.
    FormPost,
}

impl ResponseMode {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    /// True when an answer can travel to that redirect URI like this: no browser posts a form to a private scheme.
    pub fn reaches(self, redirect_uri: &str) -> bool {
        match self {
            Self::Query => true,
            Self::FormPost => redirect_uri.starts_with("https://") || redirect_uri.starts_with("http://"),
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
