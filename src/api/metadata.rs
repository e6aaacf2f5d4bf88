//! Protected resource metadata of the management API (RFC 9728), at which its challenges point.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde_json::json;

use crate::app::App;
use crate::http::urls;
use crate::types::{PublicUrl, known_scopes};

/// Every path, from the host's root, at which clients look for the document (RFC 9728 §3.1).
pub fn paths(public_url: &PublicUrl) -> Vec<String> {
    let base = public_url.base_path();
    let inserted = (!base.is_empty()).then(|| format!("{}{base}{}", urls::PROTECTED_RESOURCE, urls::API));
    let appended = format!("{base}{}{}", urls::PROTECTED_RESOURCE, urls::API);
    [appended].into_iter().chain(inserted).collect()
}

/// The document (RFC 9728 §2).
pub async fn get(app: Data<App>) -> HttpResponse {
    let document = json!({
        "resource": app.at(urls::API),
        "authorization_servers": [app.issuer()],
        "scopes_supported": [known_scopes::MGMT_READ, known_scopes::MGMT_WRITE, known_scopes::MGMT_ADMIN],
        "bearer_methods_supported": ["header"],
        "resource_name": "Portcullis management API",
    });
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(document)
}
