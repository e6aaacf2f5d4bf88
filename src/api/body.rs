//! What a request brings: JSON of bounded size. Read by the handler, once it is known who calls (`decisions` 15).

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::error::Problem;

/// The most bytes that a body may have.
const LARGEST: usize = 64 * 1024;

/// The body as `T`; a member that is missing or wrong is named.
pub async fn read<T: DeserializeOwned>(request: &HttpRequest, mut payload: Payload) -> Result<T, Problem> {
    if !is_json(request) {
        return Err(Problem::BadRequest("The body must be application/json"));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::BadRequest("The body could not be read to its end"))?;
        if body.len() + chunk.len() > LARGEST {
            return Err(Problem::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|error| Problem::Malformed(format!("The body is not what it must be: {error}")))
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
