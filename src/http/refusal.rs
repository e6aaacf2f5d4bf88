//! What a person reads when a page cannot be shown or a form cannot be taken.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use tracing_actix_web::RequestId;

use super::limit::Wait;
use super::page::{ErrorPage, Page, Site};
use crate::app::App;
use crate::crypto::Busy;
use crate::db;

/// Why a page is not shown or a form is not taken. It holds no secret and nothing that was typed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A page for people who are signed in: off to the sign-in page, and back afterwards.
    #[error("not signed in")]
    SignIn {
        /// The sign-in page.
        location: String,
    },
    /// For people who proved who they are a short while ago: off to prove it, and back afterwards.
    #[error("too long since the person proved who they are")]
    Confirm {
        /// The page to do it on.
        location: String,
    },
    /// A form of somebody who is not, or no longer, signed in.
    #[error("no longer signed in")]
    SignedOut,
    /// A page for system administrators, and somebody else.
    #[error("not an administrator")]
    NotAdministrator,
    /// A form about something that is not there, or not theirs: nobody learns which.
    #[error("nothing of theirs has that id")]
    NotFound,
    /// A form for one more of what there can only be so many of.
    #[error("one more than there can be")]
    Full,
    /// More than anybody makes in so short a time.
    #[error("too often")]
    TooOften(Wait),
    /// A form that is not from a page of ours in this browser, or from too long ago.
    #[error("the form did not come from our own page in this browser session")]
    StaleForm,
    /// A form that no page of ours sends.
    #[error("malformed form: {0}")]
    BadForm(&'static str),
    /// A form of more than [`FORM_LIMIT`](super::form::FORM_LIMIT) bytes.
    #[error("the form is too large")]
    LargeForm,
    /// More work than we can do just now.
    #[error("busy")]
    Busy,
    /// We cannot tell right now.
    #[error("the database does not answer")]
    Unavailable,
    /// A surprise of ours.
    #[error("something failed")]
    Internal,
}

impl From<db::Error> for Refusal {
    fn from(error: db::Error) -> Self {
        // The page says little, so the log says it all.
        tracing::error!(%error, "a page could not ask the database");
        if error.is_passing() { Self::Unavailable } else { Self::Internal }
    }
}

impl From<Wait> for Refusal {
    fn from(wait: Wait) -> Self {
        Self::TooOften(wait)
    }
}

impl From<Busy> for Refusal {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

impl Refusal {
    /// The refusal as the page that answers `request`.
    pub fn to(self, request: &HttpRequest) -> PageError {
        let app = request.app_data::<Data<App>>();
        PageError {
            why: self,
            site: app.map(|app| Site::of(&app.config.server.public_url)),
            request_id: request.extensions().get::<RequestId>().map(ToString::to_string),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::Confirm { .. } => StatusCode::SEE_OTHER,
            // Not 401: there is no WWW-Authenticate by which a browser could answer (RFC 9110 §15.5.2).
            Self::SignedOut | Self::NotAdministrator | Self::StaleForm => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Full => StatusCode::CONFLICT,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::BadForm(_) => StatusCode::BAD_REQUEST,
            Self::LargeForm => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn page(&self, site: Site) -> ErrorPage {
        let titled = |site, title, happened| ErrorPage::new(site, self.status(), title, happened);
        let reload = "Go back, reload the page, and send it again.";
        match self {
            Self::SignIn { location } => {
                let page = titled(site, "Sign in first", "This page is for people who are signed in.");
                page.link(location.clone(), "Sign in")
            }
            Self::Confirm { location } => {
                let page = titled(site, "Confirm it is you first", "Nothing was done yet.");
                page.link(location.clone(), "Confirm it is you")
            }
            Self::SignedOut => {
                let login = site.login();
                titled(site, "You are signed out", "So nothing was done.").link(login, "Sign in")
            }
            Self::NotAdministrator => {
                let home = site.home();
                titled(site, "For administrators", "This page is for those who administer this gate.")
                    .link(home, "Front page")
            }
            Self::NotFound => titled(site, "It is not there", "Perhaps it is gone already. Nothing was done.")
                .step("Go back and reload the page."),
            Self::Full => titled(site, "There are too many already", "So none was made, and the others go on.")
                .step("Revoke those that are not used any more, and try again."),
            Self::TooOften(wait) => titled(site, "That is a lot in a short time", "So nothing was made this time.")
                .step(format!("Wait {} seconds, then go back and send it again.", wait.seconds())),
            Self::StaleForm => ErrorPage::stale_form(site),
            Self::BadForm(_) => titled(site, "This form could not be read", "So nothing was done.").step(reload),
            Self::LargeForm => titled(site, "This form is too large", "So nothing was done.")
                .step("Go back and shorten what you typed."),
            Self::Busy => {
                titled(site, "A little too busy", "Many people are signing in at this moment, and nothing was done.")
                    .step("Try again in a moment.")
            }
            Self::Unavailable => ErrorPage::unavailable(site),
            Self::Internal => ErrorPage::internal(site),
        }
    }
}

/// A [`Refusal`] as the answer to one request. Handlers of pages and the extractors they use fail with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError {
    why: Refusal,
    site: Option<Site>,
    request_id: Option<String>,
}

impl PageError {
    /// The refusal.
    pub fn why(&self) -> &Refusal {
        &self.why
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.why.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = match &self.site {
            Some(site) => {
                let page = self.why.page(site.clone());
                Page(match &self.request_id {
                    Some(id) => page.request_id(id.as_str()),
                    None => page,
                })
                .into_response()
            }
            None => HttpResponse::new(self.status_code()),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match &self.why {
            Refusal::SignIn { location } | Refusal::Confirm { location } => {
                if let Ok(location) = HeaderValue::from_str(location) {
                    headers.insert(LOCATION, location);
                }
            }
            Refusal::Busy | Refusal::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Refusal::TooOften(wait) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(wait.seconds()));
            }
            _ => {}
        }
        response
    }
}
