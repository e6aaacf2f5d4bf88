//! How the server itself says no: one JSON shape, or a page for people.

use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::http::page::{self, Page, Site};

/// Makes the page that a browser gets in place of a bare status; put one into the application's data.
#[derive(Clone)]
pub struct ErrorPages(pub Site);

impl ErrorPages {
    /// The page of a status.
    pub fn of(&self, status: StatusCode) -> HttpResponse {
        Page(page::ErrorPage::of_status(self.0.clone(), status)).into_response()
    }
}

/// A refusal in the shape that all our JSON errors have.
pub fn refuse(status: StatusCode, description: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": code(status), "error_description": description }))
}

/// Nothing lives at this URL: the application's default service.
pub async fn not_found(request: HttpRequest) -> HttpResponse {
    match (wants_page(request.method(), request.headers()), request.app_data::<ErrorPages>()) {
        (true, Some(pages)) => pages.of(StatusCode::NOT_FOUND),
        _ => refuse(StatusCode::NOT_FOUND, describe(StatusCode::NOT_FOUND)),
    }
}

/// True for a person's browser that opens a page, as opposed to a program or a script.
pub fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).filter_map(|accept| accept.to_str().ok());
    matches!(*method, Method::GET | Method::HEAD) && accepts.into_iter().any(|accept| accept.contains("text/html"))
}

/// The error code of a status for which nobody chose one.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::REQUEST_TIMEOUT => "request_timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
        StatusCode::URI_TOO_LONG => "uri_too_long",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::MISDIRECTED_REQUEST => "misdirected_request",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    }
}

/// The sentence for a status to which nobody added one. Of our own failures it tells nothing.
pub fn describe(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this URL.",
        StatusCode::METHOD_NOT_ALLOWED => "This URL does not answer to this method; see the Allow header.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than this URL takes.",
        StatusCode::URI_TOO_LONG => "The URL is longer than we take.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "This URL does not take a body of this Content-Type.",
        StatusCode::SERVICE_UNAVAILABLE => {
            "Something that is needed for this cannot be reached. Try again in a moment."
        }
        status if status.is_server_error() => {
            "Something went wrong on our side; the log has it under the x-request-id."
        }
        _ => "The request could not be understood.",
    }
}
