//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

use crate::app::App;

/// The public keys. Resource servers may keep them for five minutes; a retired key stays for longer than that.
pub async fn get(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(&*app.signing.jwks())
}
