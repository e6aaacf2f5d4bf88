//! What every request passes, outermost first: request id and root span; log line, headers, metrics and the shape of
//! errors; the front door with its limits.
//!
//! Limits of the connection itself belong to `HttpServer`: [`HEAD_TIME`] is its `client_request_timeout`, [`DRAIN_TIME`] its
//! `shutdown_timeout`.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PayloadError};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{PayloadConfig, ServiceConfig};
use actix_web::{App, Error, HttpMessage, HttpResponse};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::timeout_at;
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder, TracingLogger};

pub use super::front_door::FrontDoor;
use super::operations;
pub use super::refusal::{ErrorPages, not_found};
use super::refusal::{describe, refuse, wants_page};
use crate::http::client_address::ClientAddress;
use crate::http::urls;

/// How long a client may take to send the head of a request.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long it may take to send the body.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How long requests that are under way may take to end when we stop.
pub const DRAIN_TIME: Duration = Duration::from_secs(10);
/// The largest body that any URL takes; most take less.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// The longest path and query: authorization requests carry a lot in theirs.
pub const MAX_TARGET: usize = 16 * 1024;

/// Wraps an application in all of them.
pub fn wrap<T, B>(
    app: App<T>,
    door: Arc<FrontDoor>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + 'static>,
        Error = Error,
        InitError = (),
    >,
>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>,
    T: 'static,
    B: MessageBody + 'static,
{
    let outer = Arc::clone(&door);
    app.configure(limits)
        .wrap(from_fn(move |request, next| admit(Arc::clone(&door), request, next)))
        .wrap(from_fn(move |request, next| finish(Arc::clone(&outer), request, next)))
        .wrap(TracingLogger::<RootSpan>::new())
}

/// The size that extractors accept where a route does not say less.
fn limits(config: &mut ServiceConfig) {
    config.app_data(PayloadConfig::new(MAX_BODY));
}

/// The span of a request: its path, never its query, where codes and states travel.
struct RootSpan;

impl RootSpanBuilder for RootSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        // At the level of errors, so that a quiet log still says to which request one belongs.
        tracing::error_span!(
            "request",
            id,
            method = %request.method(),
            path = request.path(),
            client = tracing::field::Empty
        )
    }

    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}

/// The front door: size, name, and patience with the body.
async fn admit<B: MessageBody + 'static>(
    door: Arc<FrontDoor>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    Span::current().record("client", tracing::field::display(ClientAddress::of(request.request()).0));
    if let Some(refusal) = too_large(&request).or_else(|| door.turn_away(&request)) {
        return Ok(request.into_response(refusal).map_into_right_body());
    }
    hurry(&mut request, BODY_TIME);
    Ok(next.call(request).await?.map_into_left_body())
}

fn too_large(request: &ServiceRequest) -> Option<HttpResponse> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let status = match announced {
        _ if target > MAX_TARGET => StatusCode::URI_TOO_LONG,
        Some(length) if MAX_BODY < length => StatusCode::PAYLOAD_TOO_LARGE,
        _ => return None,
    };
    Some(refuse(status, describe(status)))
}

/// Ends a body that takes longer than `patience`: a byte now and then must not hold a request forever.
fn hurry(request: &mut ServiceRequest, patience: Duration) {
    let headers = request.headers();
    if !headers.contains_key(header::CONTENT_LENGTH) && !headers.contains_key(header::TRANSFER_ENCODING) {
        return;
    }
    let deadline = tokio::time::Instant::now() + patience;
    let body = Box::pin(request.take_payload());
    let timed = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match timeout_at(deadline, body.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk, Some(body))),
            Err(_) => Some((Err(PayloadError::Io(io::ErrorKind::TimedOut.into())), None)),
        }
    });
    request.set_payload(Payload::Stream { payload: Box::pin(timed) });
}

/// What must be remembered of a request once it has been handed over.
struct Asked {
    id: Option<RequestId>,
    method: Method,
    wants_page: bool,
    quiet: bool,
    started: Instant,
}

impl Asked {
    fn of(request: &ServiceRequest) -> Self {
        Self {
            id: request.extensions().get::<RequestId>().copied(),
            method: request.method().clone(),
            wants_page: wants_page(request.method(), request.headers()),
            quiet: [urls::HEALTHZ, urls::READYZ, urls::METRICS].iter().any(|probe| request.path().ends_with(probe)),
            started: Instant::now(),
        }
    }
}

/// Gives every answer its shape and headers, and notes it. A panic is answered like any failure of ours.
async fn finish<B: MessageBody + 'static>(
    door: Arc<FrontDoor>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let asked = Asked::of(&request);
    match AssertUnwindSafe(async move { next.call(request).await }).catch_unwind().await {
        Ok(Ok(response)) => {
            let mut response = shape(response, &asked);
            furnish(response.headers_mut(), &door, asked.id);
            note(&asked, response.request().match_pattern().as_deref(), response.status(), response.response().error());
            Ok(response)
        }
        Ok(Err(error)) => {
            let status = error.as_response_error().status_code();
            note(&asked, None, status, Some(&error));
            Err(unrouted(error, refuse(status, describe(status)), &door, &asked))
        }
        Err(_) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            note(&asked, None, status, None);
            Err(unrouted("panicked", refuse(status, describe(status)), &door, &asked))
        }
    }
}

/// An answer to a request that is lost to us: only its connection remembers it.
fn unrouted<C: std::fmt::Debug + std::fmt::Display + 'static>(
    cause: C,
    mut response: HttpResponse,
    door: &FrontDoor,
    asked: &Asked,
) -> Error {
    furnish(response.headers_mut(), door, asked.id);
    InternalError::from_response(cause, response).into()
}

/// Turns errors that nobody wrote out (no body, or a library's plain text) into ours: a page for people, JSON for the rest.
fn shape<B: MessageBody + 'static>(response: ServiceResponse<B>, asked: &Asked) -> ServiceResponse<EitherBody<B>> {
    let status = response.status();
    let written =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if written || !(status.is_client_error() || status.is_server_error()) {
        return response.map_into_left_body();
    }
    let page = response.request().app_data::<ErrorPages>().filter(|_| asked.wants_page);
    let ours = match (page, response.response().error()) {
        (Some(pages), _) => pages.of(status),
        (None, Some(cause)) if status.is_client_error() => refuse(status, &cause.to_string()),
        (None, _) => refuse(status, describe(status)),
    };
    let (request, theirs) = response.into_parts();
    let mut shaped = ours;
    for (name, value) in theirs.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            shaped.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, shaped.map_into_right_body())
}

/// Headers that every answer has; whoever set one already knew better.
fn furnish(headers: &mut HeaderMap, door: &FrontDoor, id: Option<RequestId>) {
    offer(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    offer(headers, header::REFERRER_POLICY, "same-origin");
    // This stops embedding by others alone: requests under CORS are judged by CORS (Fetch §3.7).
    offer(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if door.is_https() {
        offer(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/")) {
        offer(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

fn offer(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The one log line of a request, and its place in the metrics.
fn note(asked: &Asked, route: Option<&str>, status: StatusCode, cause: Option<&Error>) {
    let took = asked.started.elapsed();
    operations::count(&asked.method, route, status, took);
    let (status, ms) = (status.as_u16(), took.as_micros() as f64 / 1000.0);
    match cause {
        Some(cause) if status >= 500 => tracing::error!(status, ms, %cause, "failed"),
        None if status >= 500 && !asked.quiet => tracing::error!(status, ms, "failed"),
        _ if asked.quiet => tracing::debug!(status, ms, "answered"),
        _ => tracing::info!(status, ms, "answered"),
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
