//! `/{server}/mcp`: a registered server behind this gate, spoken to as if there were none.
//!
//! A message is read, judged and passed on as it came; what comes back is passed on as it comes. We speak no era of our own
//! here: whatever client and server agree on, they agree on with each other. What we do not understand we do not pass on. Servers
//! that do not speak streamable HTTP are spoken to over a line, to the same effect.

mod ask;
pub(super) mod at_once;
mod attempt;
pub mod egress;
pub(super) mod events;
pub mod gathered;
mod line;
mod listed;
pub mod old_sse;
mod relay;
mod session;
mod witness;

use std::sync::Arc;

use actix_web::http::header::{ALLOW, HeaderMap, HeaderValue, VIA};
use actix_web::http::{Method as HttpMethod, StatusCode};
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::endpoint::{declares_too_much, failed, has_token_in_query, read, too_large};
use super::error::Failure;
use super::message::{self, Id, Message};
use super::{era, media};
use crate::access::Principal;
use crate::access::policy::Decision;
use crate::access::visit::{Target, Visit, judge};
use crate::app::App;
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::cross_origin;
use crate::net::{Method, NetError, Upstreams};
use crate::upstreams::{Server, server};
pub use ask::Agreements;
use ask::Asking;
pub use at_once::AtOnce;
use attempt::Listing;
use gathered::Onward;
pub use line::Lines;
use old_sse::Streams;
use relay::Relay;
use session::Session;
pub use session::Sessions;
use witness::Witness;

/// What the gateway keeps beside the application: sessions that were opened, what is under way, and this thread's connections.
#[derive(Clone)]
pub struct Gateway {
    /// The sessions that this node has opened.
    pub sessions: Arc<Sessions>,
    /// What this node has agreed with servers.
    pub agreements: Arc<Agreements>,
    /// The streams of the oldest transport that are open on this node.
    pub streams: Arc<Streams>,
    /// The lines of this node to servers that do not speak streamable HTTP.
    pub lines: Arc<Lines>,
    /// What callers have under way.
    pub at_once: Arc<AtOnce>,
    /// The connections of this thread.
    pub upstreams: Data<Upstreams>,
}

/// Why a request is not passed on.
enum Refusal {
    Failure(Failure, Option<Id>),
    Challenge(Challenge),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure, None)
    }
}

impl From<Challenge> for Refusal {
    fn from(challenge: Challenge) -> Self {
        Self::Challenge(challenge)
    }
}

impl Refusal {
    fn response(&self) -> HttpResponse {
        match self {
            Self::Failure(failure, id) => HttpResponse::build(failure.status).json(failure.body(id.as_ref())),
            Self::Challenge(challenge) => challenge.error_response(),
        }
    }
}

/// Any request to a registered server.
pub async fn handle(
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
    app: Data<App>,
    gateway: Data<Gateway>,
) -> HttpResponse {
    match pass(&request, &name, payload, app, &gateway).await {
        Ok(response) => response,
        Err(refusal) => refusal.response(),
    }
}

/// The order is that of `/mcp` (`decisions` 15); whether there is such a server is no secret, since its metadata is public.
async fn pass(
    request: &HttpRequest,
    name: &str,
    payload: Payload,
    app: Data<App>,
    gateway: &Gateway,
) -> Result<HttpResponse, Refusal> {
    let opening = Opening::of(request, name, &app, gateway).await?;
    let call = opening.call(request, &app)?;
    match *request.method() {
        HttpMethod::POST => call.post(payload, gateway).await,
        HttpMethod::GET => call.follow(Method::Get, gateway).await,
        HttpMethod::DELETE => call.follow(Method::Delete, gateway).await,
        _ => Ok(not_allowed()),
    }
}

/// A server that is there, and a caller whose credential is good at its door.
struct Opening {
    servers: Arc<Vec<Server>>,
    name: String,
    principal: Arc<Principal>,
}

impl Opening {
    async fn of(request: &HttpRequest, name: &str, app: &App, gateway: &Gateway) -> Result<Self, Refusal> {
        if declares_too_much(request.headers()) {
            return Err(too_large().into());
        }
        comes_from_elsewhere(request, gateway)?;
        if !cross_origin::is_welcome(request.headers(), &app.config.server) {
            return Err(Failure::http(StatusCode::FORBIDDEN, "This Origin may not use this server").into());
        }
        let servers = app.enabled_servers().await.map_err(|_| Challenge::unavailable())?;
        server::named_in(&servers, name).ok_or_else(no_such_server)?;
        let Caller(principal) = Caller::of(app, request, Resource::Server(name)).await?;
        if has_token_in_query(request) {
            let message = "Access tokens belong in the Authorization header, never in the URL";
            return Err(Failure::invalid_request(message).into());
        }
        Ok(Self { servers, name: name.to_owned(), principal })
    }

    fn call<'a>(&'a self, request: &'a HttpRequest, app: &'a Data<App>) -> Result<Call<'a>, Failure> {
        let server = server::named_in(&self.servers, &self.name).ok_or_else(no_such_server)?;
        Ok(Call { request, app, server, principal: &self.principal, door: Resource::Server(&self.name) })
    }
}

/// What we have passed on does not come back to be passed on again (RFC 9110 §7.6.3).
fn comes_from_elsewhere(request: &HttpRequest, gateway: &Gateway) -> Result<(), Failure> {
    match gateway.upstreams.have_passed_on(request.headers().get_all(VIA).map(HeaderValue::as_bytes)) {
        true => {
            let message =
                "This request came through this gate before: a server behind it has a URL that leads back to it";
            Err(Failure::http(StatusCode::LOOP_DETECTED, message))
        }
        false => Ok(()),
    }
}

fn no_such_server() -> Failure {
    Failure::http(StatusCode::NOT_FOUND, "There is no such server here, or it is switched off")
}

fn not_allowed() -> HttpResponse {
    let failure = Failure::http(StatusCode::METHOD_NOT_ALLOWED, "MCP is spoken by POST, GET and DELETE");
    let mut response = failed(&failure);
    let allowed = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// A call that came to `/mcp` and that a server behind us is to answer.
pub(super) async fn onward(
    request: &HttpRequest,
    app: &Data<App>,
    gateway: &Gateway,
    (principal, servers): (&Arc<Principal>, &[Server]),
    onward: &Onward,
) -> HttpResponse {
    let answer = async {
        comes_from_elsewhere(request, gateway)?;
        let server = server::named_in(servers, &onward.server).ok_or_else(no_such_server)?;
        let call = Call { request, app, server, principal, door: Resource::Mcp };
        let arguments = attempt::arguments(&onward.params)?;
        let class = server.upstream.class_of(&onward.tool);
        call.allowed(&Target::CallTool { tool: &onward.tool, class, arguments }).await?;
        let _place = gateway.at_once.enter(principal.subject.id())?;
        if line::leads_to(server) {
            return Ok(line::ask(&call, gateway, "tools/call", &onward.params).await?);
        }
        let asking = Asking {
            server,
            caller: (principal.subject.id(), principal.credential.client_id().to_owned()),
            headers: request.headers(),
            upstreams: &gateway.upstreams,
            agreements: &gateway.agreements,
        };
        Ok::<_, Refusal>(asking.ask("tools/call", &onward.params).await?)
    };
    match answer.await {
        Ok(answered) => HttpResponse::Ok().json(onward.response(answered)),
        Err(refusal) => refusal.under(Some(onward.id.clone())).response(),
    }
}

/// One request for a server, whose caller is known.
struct Call<'a> {
    request: &'a HttpRequest,
    app: &'a Data<App>,
    server: &'a Server,
    principal: &'a Arc<Principal>,
    /// The door through which they came.
    door: Resource<'a>,
}

impl Call<'_> {
    /// A message of the client's.
    async fn post(&self, payload: Payload, gateway: &Gateway) -> Result<HttpResponse, Refusal> {
        let headers = self.request.headers();
        if !media::is_json(headers) {
            let message = "Content-Type must be application/json";
            return Err(Failure::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into());
        }
        let body = read(payload).await?;
        let message = message::parse(&body).map_err(|rejected| Refusal::Failure(rejected.failure, rejected.id))?;
        let id = message.id().cloned();
        self.judged(&message).await.map_err(|refusal| refusal.under(id.clone()))?;
        if line::leads_to(self.server) {
            return line::post(self, gateway, &message, body).await.map_err(|refusal| refusal.under(id));
        }
        let listing = Listing::of(&message);
        self.forward(Method::Post, body, listing, gateway).await.map_err(|refusal| refusal.under(id))
    }

    /// Opens the stream of a session, or ends one.
    async fn follow(&self, method: Method, gateway: &Gateway) -> Result<HttpResponse, Refusal> {
        self.allowed(&Target::Enter).await?;
        match method {
            Method::Get if line::leads_to(self.server) => return line::follow(self, gateway).await,
            Method::Delete if line::leads_to(self.server) => return line::end(self, gateway),
            _ => {}
        }
        self.forward(method, Bytes::new(), Listing::Something, gateway).await
    }

    /// May this message go on?
    async fn judged(&self, message: &Message) -> Result<(), Refusal> {
        if let Message::Request(request) = message {
            era::check_agreement(self.request.headers(), request)?;
        }
        let target = attempt::target(message, &self.server.upstream)?;
        self.allowed(&target).await
    }

    /// May this be done? What is asked for is written down before it is done; what only goes along with something else, which
    /// was, is not.
    async fn allowed(&self, target: &Target<'_>) -> Result<(), Refusal> {
        let policies = self.app.policies().await.map_err(|_| Challenge::unavailable())?;
        let visit = Visit { id: self.server.id, server: &self.server.name, at: &self.server.place, target: *target };
        let judgement = judge(self.principal, &visit, &policies);
        witness::note(self, target, &judgement).await?;
        match judgement.decision {
            Decision::Allowed => Ok(()),
            Decision::Denied(why) => Err(Failure::denied(why).into()),
            Decision::NeedsScope(scope) => {
                let metadata = self.door.metadata_url(&self.app.config.server.public_url);
                Err(Challenge::insufficient_scope(metadata, self.principal, scope).into())
            }
        }
    }

    async fn forward(
        &self,
        method: Method,
        body: Bytes,
        listing: Listing,
        gateway: &Gateway,
    ) -> Result<HttpResponse, Refusal> {
        let place = gateway.at_once.enter(self.principal.subject.id())?;
        let session = self.session(self.request.headers(), gateway)?;
        let upstream = &self.server.upstream;
        let outgoing =
            egress::request(method, self.request.headers(), upstream, session.as_deref().map(Session::id), body)?;
        let incoming = gateway.upstreams.open(outgoing).await.map_err(Failure::from)?;
        let witness = Witness::new(self, place);
        let relay = Relay { call: self, sessions: &gateway.sessions, session, listing };
        Ok(relay.answer(incoming, witness).await?)
    }

    /// The session that the request continues; none of the caller's is no session at all.
    fn session(&self, headers: &HeaderMap, gateway: &Gateway) -> Result<Option<Arc<Session>>, Failure> {
        let mut sealed = headers.get_all(relay::SESSION);
        let (first, second) = (sealed.next(), sealed.next());
        let Some(first) = first else { return Ok(None) };
        let sealed = first.to_str().ok().filter(|_| second.is_none()).ok_or_else(Failure::no_session)?;
        let (keys, now) = (&self.app.keys, self.app.clock.now());
        let session = gateway.sessions.open(keys, sealed, self.principal, self.server, now);
        session.map(Some).ok_or_else(Failure::no_session)
    }
}

impl Refusal {
    /// The same as an answer to the request of that id.
    fn under(self, id: Option<Id>) -> Self {
        match self {
            Self::Failure(failure, None) => Self::Failure(failure, id),
            other => other,
        }
    }
}

/// What went wrong on the way, in words for the caller.
impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        match error {
            NetError::TimedOut => Self::upstream("it cannot be reached in time"),
            NetError::Late(patience) => Self::upstream_late(patience),
            error => Self::upstream(error),
        }
    }
}
