//! Answers that nobody may keep (RFC 6749 §5.1).

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{CACHE_CONTROL, PRAGMA};

/// Forbids every cache to keep the answer.
pub trait NoStore {
    /// Adds the headers that say so.
    fn no_store(&mut self) -> &mut Self;
}

impl NoStore for HttpResponseBuilder {
    fn no_store(&mut self) -> &mut Self {
        self.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"))
    }
}
