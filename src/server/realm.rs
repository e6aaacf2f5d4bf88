//! URLs below a realm or a tenant: the workspace that they name must be there (`decisions` 50).

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::refusal;
use crate::app::App;
use crate::places::Kind;

/// Lets a request through whose path names a workspace; any other finds nothing at its URL.
pub async fn exists<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = request.app_data::<Data<App>>().cloned();
    let tree = match app.as_ref() {
        Some(app) => app.tree().await.inspect_err(|error| tracing::warn!(%error, "a workspace could not be looked up")),
        None => return Ok(next.call(request).await?.map_into_left_body()),
    };
    let response = match tree {
        Ok(tree) => {
            let named = request.match_info().get("workspace").and_then(|name| tree.find(name));
            match named.is_some_and(|place| place.kind == Kind::Workspace) {
                true => return Ok(next.call(request).await?.map_into_left_body()),
                false => refusal::not_found(request.request().clone()).await,
            }
        }
        Err(_) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            refusal::refuse(status, refusal::describe(status))
        }
    };
    Ok(request.into_response(response).map_into_right_body())
}
