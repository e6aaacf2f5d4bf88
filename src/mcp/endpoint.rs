//! Streamable HTTP at `/mcp`: what is checked before a message is read, and in which order.
//!
//! Declared size, `Origin` (403), credential (401), and only then method, media types, versions and the message: a client's
//! first probe, whatever it looks like, must end in a challenge that it can follow. `Host` is the server's outer layer's.

use std::sync::Arc;

use actix_web::http::header::{ALLOW, CONTENT_LENGTH, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use futures_util::StreamExt;

use crate::access::Principal;
use crate::access::principal::Credential;
use crate::app::App;
use crate::db;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::cross_origin;
use crate::http::origin::origin_of;
use crate::mcp::effects;
use crate::mcp::error::Failure;
use crate::mcp::gateway::{self, Gateway};
use crate::mcp::listen::{self, Listening};
use crate::mcp::serve::{self, Answer, Reply, World};
use crate::mcp::{era, manage, media};

/// The largest message that we read.
pub const LARGEST: usize = 1 << 20;

/// Any request to `/mcp`.
pub async fn handle(request: HttpRequest, payload: Payload, app: Data<App>, gateway: Data<Gateway>) -> HttpResponse {
    if declares_too_much(request.headers()) {
        return failed(&too_large());
    }
    if !cross_origin::is_welcome(request.headers(), &app.config.server) {
        return failed(&Failure::http(StatusCode::FORBIDDEN, "This Origin may not use this server"));
    }
    match Caller::of(&app, &request, Resource::Mcp).await {
        Ok(Caller(principal)) => authenticated(&principal, &request, payload, &app, &gateway).await,
        Err(challenge) => challenge.error_response(),
    }
}

async fn authenticated(
    principal: &Arc<Principal>,
    request: &HttpRequest,
    payload: Payload,
    app: &Data<App>,
    gateway: &Gateway,
) -> HttpResponse {
    if has_token_in_query(request) {
        return failed(&Failure::invalid_request("Access tokens belong in the Authorization header, never in the URL"));
    }
    let known = async { Ok::<_, db::Error>((app.enabled_servers().await?, app.policies().await?)) };
    let (servers, policies) = match known.await {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "which servers there are could not be asked");
            return Challenge::unavailable().error_response();
        }
    };
    let client_name = match &principal.credential {
        Credential::AccessToken(token) => app.client_names.of(&app.db, &token.client_id).await,
        Credential::ApiKey(key) => Some(key.name.as_str().into()),
        Credential::PersonalToken(token) => Some(token.name.as_str().into()),
        Credential::ForeignToken(token) => Some(token.client_id.as_str().into()),
    };
    let world = World {
        public_url: &app.config.server.public_url,
        now: app.clock.now(),
        servers: &servers,
        policies: &policies,
        client_name: client_name.as_deref(),
    };
    if let Err(reply) = serve::enter(principal, &world) {
        return respond(reply);
    }
    if request.method() == Method::GET && media::asks_for_events(request.headers()) {
        return match era::may_listen_by_get(request.headers()) {
            Ok(true) => listen::open(request, app, gateway, principal, Listening::Unasked).await,
            Ok(false) => not_allowed("POST, OPTIONS"),
            Err(failure) => failed(&failure),
        };
    }
    // Sessions of earlier revisions are optional, and we have none that could be deleted.
    if request.method() != Method::POST {
        return not_allowed("GET, POST, OPTIONS");
    }
    let body = match read(payload).await {
        Ok(body) => body,
        Err(failure) => return failed(&failure),
    };
    let Answer { reply, effect } = serve::serve(principal, request.headers(), &body, &world);
    if let Reply::Onward(onward) = &reply {
        return gateway::onward(request, app, gateway, (principal, &servers), onward).await;
    }
    if let Reply::Listen(listening) = reply {
        return listen::open(request, app, gateway, principal, listening).await;
    }
    if let Reply::Manage(asked) = &reply {
        return manage::answer(request, app, gateway, principal, asked).await;
    }
    let Some(effect) = effect else { return respond(reply) };
    match effects::bring_about(app, effect, principal, &origin_of(request)).await {
        Ok(()) => respond(reply),
        Err(error) => {
            tracing::error!(%error, "a tool's effect could not be brought about");
            failed(&Failure::unavailable())
        }
    }
}

fn respond(reply: Reply) -> HttpResponse {
    match reply {
        Reply::Accepted => HttpResponse::Accepted().finish(),
        Reply::Message(status, body) => HttpResponse::build(status).json(body),
        Reply::Challenge(challenge) => challenge.error_response(),
        // Whoever answers that is asked before.
        Reply::Onward(_) | Reply::Manage(_) | Reply::Listen(_) => failed(&Failure::unavailable()),
    }
}

pub(super) fn failed(failure: &Failure) -> HttpResponse {
    HttpResponse::build(failure.status).json(failure.body(None))
}

fn not_allowed(allowed: &'static str) -> HttpResponse {
    let failure = Failure::http(
        StatusCode::METHOD_NOT_ALLOWED,
        "Messages are sent by POST; GET with Accept: text/event-stream listens, in revisions before 2026-07-28; there are no sessions",
    );
    HttpResponse::build(failure.status).insert_header((ALLOW, allowed)).json(failure.body(None))
}

pub(super) fn too_large() -> Failure {
    Failure::http(StatusCode::PAYLOAD_TOO_LARGE, format!("A message may have {LARGEST} bytes"))
}

pub(super) fn declares_too_much(headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    declared.and_then(|value| value.parse::<u64>().ok()).is_some_and(|length| length > LARGEST as u64)
}

/// The whole body. What arrives in one piece, as most do, is not copied.
pub(super) async fn read(mut payload: Payload) -> Result<Bytes, Failure> {
    let early = |_| Failure::parse("The body ended too early");
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(early)?;
    let mut body: Option<BytesMut> = None;
    let mut length = first.len();
    while let Some(chunk) = payload.next().await.filter(|_| length <= LARGEST) {
        let chunk = chunk.map_err(early)?;
        length += chunk.len();
        body.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&chunk);
    }
    match length > LARGEST {
        true => Err(too_large()),
        false => Ok(body.map_or(first, BytesMut::freeze)),
    }
}

/// RFC 6750 §2.3 is what we do not do: a URL ends up in logs and histories.
pub(super) fn has_token_in_query(request: &HttpRequest) -> bool {
    let query = request.query_string().as_bytes();
    url::form_urlencoded::parse(query).any(|(name, _)| name == "access_token")
}
