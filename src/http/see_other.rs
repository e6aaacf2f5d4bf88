//! The way on.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::no_store::NoStore;

/// Sends the browser on, by 303: never 307, which would send a password or a decision on with it (RFC 9700 §4.12).
pub fn see_other(location: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.no_store().insert_header((LOCATION, location));
    response
}
