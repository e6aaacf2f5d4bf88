//! Errors as pages: what happened, what to do, and what to quote.

use actix_web::http::StatusCode;
use askama::Template;

use super::{Foreign, Site, View};

/// An error that a person reads.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Where we are.
    pub site: Site,
    /// The status it is sent with.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: String,
    /// What happened, in a sentence or two.
    pub happened: String,
    /// What the person can do now; nothing when there is nothing.
    pub steps: Vec<String>,
    /// The one place to go from here, if there is one.
    pub link: Option<Link>,
    /// What finds this in the log.
    pub request_id: Option<String>,
}

/// A place to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub label: &'static str,
}

impl ErrorPage {
    /// An error with nothing to be done about it.
    pub fn new(site: Site, status: StatusCode, title: &str, happened: &str) -> Self {
        Self {
            site,
            status,
            title: title.to_owned(),
            happened: happened.to_owned(),
            steps: Vec::new(),
            link: None,
            request_id: None,
        }
    }

    /// Adds a thing that the person can do.
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// Adds the place to go.
    pub fn link(mut self, href: String, label: &'static str) -> Self {
        self.link = Some(Link { href, label });
        self
    }

    /// Adds what finds this in the log.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// A status for which nobody wrote a page of its own.
    pub fn of_status(site: Site, status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(site),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(site),
            StatusCode::TOO_MANY_REQUESTS => {
                Self::new(site, status, "Too many requests", "This address asked for more than its share just now.")
                    .step("Wait a minute, then try again.")
            }
            _ if status.is_server_error() => Self { status, ..Self::internal(site) },
            _ => Self { status, ..Self::bad_request(site, "It is not one that a page here sends.") },
        }
    }

    /// There is no such page.
    pub fn not_found(site: Site) -> Self {
        let home = site.home();
        Self::new(site, StatusCode::NOT_FOUND, "This page does not exist", "The address leads nowhere here.")
            .link(home, "To the front page")
    }

    /// Something of ours failed: the log knows what, the person need not.
    pub fn internal(site: Site) -> Self {
        let happened = "It is not your doing, and nothing was changed.";
        Self::new(site, StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here", happened)
            .step("Try again in a moment.")
            .step("If it stays like this, tell whoever runs this server and quote the request below.")
    }

    /// Something that we need does not answer just now.
    pub fn unavailable(site: Site) -> Self {
        let happened = "The database does not answer at the moment. Nothing was changed.";
        Self::new(site, StatusCode::SERVICE_UNAVAILABLE, "Back in a moment", happened).step("Try again in a moment.")
    }

    /// A form that did not come from a page of ours in this browser, or too late.
    pub fn stale_form(site: Site) -> Self {
        let happened = "It was open for too long, or came from another browser session, so nothing was done.";
        Self::new(site, StatusCode::FORBIDDEN, "This form is no longer good", happened)
            .step("Go back, reload the page, and send it again.")
            .step("Cookies must be allowed for this site.")
    }

    /// An authorization request of a client that we do not know. Never redirected (RFC 6749 §4.1.2.1).
    pub fn unknown_client(site: Site, client_id: &str) -> Self {
        let happened = format!(
            "The app that sent you here calls itself “{}”, and no app of that id is registered here. It may remember \
             an older registration.",
            Foreign::new(client_id)
        );
        Self::new(site, StatusCode::BAD_REQUEST, "This app is not known here", &happened)
            .step("In the app, disconnect or remove this server and add it again: it then registers anew.")
            .step("If that does not help, clear what the app has stored for this server (for mcp-remote: delete the folder ~/.mcp-auth).")
            .step("Then start from the app again, not from this page.")
    }

    /// An authorization request whose answer would go somewhere that the client never named (RFC 9700 §2.1).
    pub fn bad_redirect(site: Site, client: &Foreign) -> Self {
        let happened = format!(
            "The answer to “{client}” was asked to go to an address that this app did not register, so it was not sent."
        );
        Self::new(site, StatusCode::BAD_REQUEST, "This request cannot be answered", &happened)
            .step("In the app, disconnect or remove this server and add it again.")
            .step("If you did not start this in an app just now, close this page: somebody may be trying to trick you.")
    }

    /// An authorization request that is broken before it can be answered by a redirect.
    pub fn bad_request(site: Site, why: &str) -> Self {
        Self::new(site, StatusCode::BAD_REQUEST, "This request cannot be answered", why)
            .step("Go back to the app and start again from there.")
    }

    /// A pushed authorization request that is unknown, too old, decided, or another client's (RFC 9126 §4): to whom the answer
    /// would go is not known either.
    pub fn request_gone(site: Site) -> Self {
        let happened = "It was answered already, waited too long, or was made by another app.";
        Self::new(site, StatusCode::BAD_REQUEST, "This request is over", happened)
            .step("Go back to the app and start again from there.")
    }

    /// A consent page that was decided already, is too old, or is somebody else's.
    pub fn decided(site: Site) -> Self {
        let happened = "It was answered already, or waited too long.";
        Self::new(site, StatusCode::GONE, "This request is over", happened)
            .step("If your app is not connected, start again from there.")
    }

    /// A one-time link that is unknown, used or too old.
    pub fn set_up_link_gone(site: Site) -> Self {
        let login = site.login();
        let happened = "It was used already, or is too old. Each link works once.";
        Self::new(site, StatusCode::GONE, "This link no longer works", happened)
            .step("If you have chosen your password, sign in with it.")
            .step("If not, ask whoever runs this server for a new link.")
            .link(login, "Sign in")
    }

    /// One of each.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample;
        vec![
            Self::not_found(site()),
            Self::of_status(site(), StatusCode::TOO_MANY_REQUESTS),
            Self::of_status(site(), StatusCode::METHOD_NOT_ALLOWED),
            Self::internal(site()).request_id("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55"),
            Self::unavailable(site()),
            Self::stale_form(site()),
            Self::unknown_client(site(), "pcl_client_<script>\u{202e}"),
            Self::bad_redirect(site(), &Foreign::hostile_sample()),
            Self::bad_request(site(), "It names no client."),
            Self::request_gone(site()),
            Self::decided(site()),
            Self::set_up_link_gone(site()),
        ]
    }
}

impl View for ErrorPage {
    fn status(&self) -> StatusCode {
        self.status
    }
}
