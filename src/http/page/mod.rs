//! Pages: a rendered template with the headers that every page carries.

mod error;
mod foreign;
mod form_post;
mod site;

use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, CROSS_ORIGIN_OPENER_POLICY, PERMISSIONS_POLICY,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use askama::Template;

pub use error::{ErrorPage, Link};
pub use foreign::Foreign;
pub use form_post::FormPostPage;
pub use site::Site;

/// What a page shows, and how it wants to be answered.
pub trait View: Template {
    /// The status that the page is sent with.
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// Where its forms may lead.
    fn csp(&self) -> Csp {
        Csp::Own
    }
}

/// How far the forms of a page may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Csp {
    /// To ourselves only.
    Own,
    /// To ourselves only, and the script may ask us for more while the page is open.
    Live,
    /// To wherever an authorization response may go.
    ///
    /// Chromium holds every redirect that follows a form's POST against `form-action`, and a client's redirect URI may be
    /// on another host, on loopback or of a private scheme. And an application that opened us in a popup waits for its
    /// own page to come back there and speak to `window.opener`, which any opener policy would have cut for good.
    MayLeave,
    /// To one redirect URI of a client, given as a source expression, and to nowhere else.
    To(String),
}

/// What every policy says.
macro_rules! policy {
    () => {
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; \
         frame-ancestors 'none'"
    };
}

impl Csp {
    /// The Content-Security-Policy.
    pub fn policy(&self) -> Cow<'static, str> {
        match self {
            Self::Own => concat!(policy!(), "; form-action 'self'").into(),
            Self::Live => concat!(policy!(), "; form-action 'self'; connect-src 'self'").into(),
            Self::MayLeave => policy!().into(),
            Self::To(target) => format!("{}; form-action {target}", policy!()).into(),
        }
    }

    /// The Cross-Origin-Opener-Policy.
    pub const fn opener(&self) -> &'static str {
        match self {
            Self::Own | Self::Live => "same-origin",
            Self::MayLeave | Self::To(_) => "unsafe-none",
        }
    }
}

/// Answers with a view, never stored and never framed.
#[derive(Debug)]
pub struct Page<T>(pub T);

impl<T: View> Page<T> {
    /// The answer, for a handler that adds a cookie or another header to it.
    pub fn into_response(self) -> HttpResponse {
        let Self(view) = self;
        match view.render() {
            Ok(html) => headed(view.status(), &view.csp()).body(html),
            Err(error) => {
                tracing::error!(%error, page = std::any::type_name::<T>(), "a page could not be rendered");
                headed(StatusCode::INTERNAL_SERVER_ERROR, &Csp::Own).body(PLAIN)
            }
        }
    }
}

impl<T: View> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.into_response()
    }
}

/// What is left to say when a page cannot be rendered.
const PLAIN: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Something went wrong · Portcullis</title>\
    <h1>Something went wrong</h1><p>This page could not be shown. The reason is in the log of this server. Try again in a moment.</p></html>";

fn headed(status: StatusCode, csp: &Csp) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, csp.policy().as_ref()))
        .insert_header((CROSS_ORIGIN_OPENER_POLICY, csp.opener()))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"));
    response
}
