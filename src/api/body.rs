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
pub async fn read<T: DeserializeOwned>(request: &HttpRequest, payload: Payload) -> Result<T, Problem> {
    read_up_to(request, payload, LARGEST).await
}

/// The same where more bytes than usual may come.
pub async fn read_up_to<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    largest: usize,
) -> Result<T, Problem> {
    if !is_of_kind(request, &["application/json"]) {
        return Err(Problem::BadRequest("The body must be application/json"));
    }
    serde_json::from_slice(&whole(payload, largest).await?)
        .map_err(|error| Problem::Malformed(format!("The body is not what it must be: {error}")))
}

/// The body as text, JSON or YAML. No page of another site can send either unasked.
pub async fn text(request: &HttpRequest, payload: Payload, largest: usize) -> Result<String, Problem> {
    if !is_of_kind(request, &["application/json", "application/yaml", "application/x-yaml"]) {
        return Err(Problem::BadRequest("The body must be application/json or application/yaml"));
    }
    let body = whole(payload, largest).await?;
    String::from_utf8(body.to_vec()).map_err(|_| Problem::BadRequest("The body must be UTF-8"))
}

async fn whole(mut payload: Payload, largest: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::BadRequest("The body could not be read to its end"))?;
        if body.len() + chunk.len() > largest {
            return Err(Problem::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn is_of_kind(request: &HttpRequest, kinds: &[&str]) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kinds.iter().any(|known| kind.eq_ignore_ascii_case(known))
}
