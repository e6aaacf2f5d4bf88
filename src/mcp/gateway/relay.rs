//! What comes back from a server behind us, on its way to the caller: as it comes, but for lists.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use tokio::time::{Instant, Interval, interval_at, timeout_at};

use super::Call;
use super::attempt::Listing;
use super::events::{self, Events};
use super::listed::without_unseen;
use super::session::{Session, Sessions};
use super::witness::Witness;
use crate::http::no_store::NoStore;
use crate::mcp::error::Failure;
use crate::net::{Incoming, NetError};

/// The header that names a session (MCP 2025-11-25).
pub(super) const SESSION: &str = "mcp-session-id";
/// An answer that is read whole: a list, or a refusal.
const LARGEST_WHOLE: usize = 8 << 20;
/// An answer that is so short is read whole because that is quicker.
const SHORT: u64 = 64 << 10;
/// How long a server may be silent in the middle of a message.
const SILENCE: Duration = Duration::from_secs(60);
/// How long it may be silent in a stream of events, between which there is often nothing to say.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// How often it is asked whether the caller is still welcome.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// One answer on its way.
pub(super) struct Relay<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) sessions: &'a Sessions,
    pub(super) session: Option<Arc<Session>>,
    pub(super) listing: Listing,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Events,
}

impl Kind {
    fn of(incoming: &Incoming) -> Option<Self> {
        let media_type = incoming.header("content-type")?.split(';').next()?.trim();
        match () {
            () if media_type.eq_ignore_ascii_case("application/json") => Some(Self::Json),
            () if media_type.eq_ignore_ascii_case("text/event-stream") => Some(Self::Events),
            () => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Events => "text/event-stream",
        }
    }
}

impl Relay<'_> {
    /// The answer for the caller.
    pub(super) async fn answer(&self, incoming: Incoming, witness: Witness) -> Result<HttpResponse, Failure> {
        let status = StatusCode::from_u16(incoming.status()).map_err(|_| Failure::upstream("it spoke no HTTP"))?;
        match status.as_u16() {
            202 | 204 => Ok(self.head(&incoming, status).finish()),
            200..=299 => self.success(incoming, status, witness).await,
            401 | 403 => Err(Failure::upstream(REFUSED_US)),
            400..=499 | 503 => self.refusal(incoming, status).await,
            status => Err(Failure::upstream(format_args!("it answered with status {status}"))),
        }
    }

    async fn success(
        &self,
        mut incoming: Incoming,
        status: StatusCode,
        witness: Witness,
    ) -> Result<HttpResponse, Failure> {
        let Some(kind) = Kind::of(&incoming) else {
            // A session that was ended has nothing more to say, whether or not that was announced.
            return match incoming.whole(0).await {
                Ok(_) => Ok(self.head(&incoming, status).finish()),
                Err(NetError::TooLarge) => Err(Failure::upstream("its answer is neither JSON nor a stream of events")),
                Err(error) => Err(error.into()),
            };
        };
        let mut head = self.head(&incoming, status);
        head.insert_header((CONTENT_TYPE, kind.name()));
        match (kind, self.listing) {
            (Kind::Json, Listing::Something) => {
                let body = incoming.whole(LARGEST_WHOLE).await?;
                let view = witness.view().await.ok_or_else(Failure::unavailable)?;
                let filtered = without_unseen(&body, &|target| view.shows(target));
                let filtered = filtered.map_err(|_| Failure::upstream("its list is no JSON"))?;
                Ok(head.body(filtered.map_or(body, Bytes::from)))
            }
            (Kind::Json, Listing::Nothing) if incoming.announced().is_some_and(|length| length <= SHORT) => {
                Ok(head.body(incoming.whole(LARGEST_WHOLE).await?))
            }
            (Kind::Json, Listing::Nothing) => Ok(head.body(flow(incoming, witness, None, SILENCE))),
            (Kind::Events, listing) => {
                // Proxies before us must not wait for more of it.
                head.insert_header(("x-accel-buffering", "no"));
                let events = (listing == Listing::Something).then(Events::default);
                Ok(head.body(flow(incoming, witness, events, QUIET)))
            }
        }
    }

    /// What the server refuses, in its own words if they are JSON.
    async fn refusal(&self, mut incoming: Incoming, status: StatusCode) -> Result<HttpResponse, Failure> {
        if Kind::of(&incoming) != Some(Kind::Json) {
            return Err(Failure::http(status, format!("The server behind this gate answered with status {status}")));
        }
        let mut head = self.head(&incoming, status);
        let body = incoming.whole(LARGEST_WHOLE).await?;
        Ok(head.insert_header((CONTENT_TYPE, "application/json")).body(body))
    }

    /// Everything of the head of an answer that reaches callers.
    fn head(&self, incoming: &Incoming, status: StatusCode) -> HttpResponseBuilder {
        let mut head = HttpResponse::build(status);
        head.no_store();
        if let Some(after) = incoming.header("retry-after") {
            head.insert_header((RETRY_AFTER, after));
        }
        if let Some(allow) = incoming.header("allow").filter(|_| status == StatusCode::METHOD_NOT_ALLOWED) {
            head.insert_header((actix_web::http::header::ALLOW, allow));
        }
        if let Some(sealed) = incoming.header(SESSION).and_then(|id| self.envelope(id)) {
            head.insert_header((SESSION, sealed));
        }
        head
    }

    /// The envelope of the server's session: the one that came, if it is the same session.
    fn envelope(&self, id: &str) -> Option<String> {
        let Call { request, app, server, principal, .. } = self.call;
        match &self.session {
            Some(session) if session.id() == id => request.headers().get(SESSION)?.to_str().ok().map(str::to_owned),
            _ => self.sessions.seal(&app.keys, id, principal, server, app.clock.now()),
        }
    }
}

/// Why a refusal of our credential is not the caller's to mend, and must not look as if theirs were refused.
pub(super) const REFUSED_US: &str =
    "it did not accept the credential that it was sent; an administrator of it can tell why";

/// A body while it flows.
struct Flow {
    incoming: Incoming,
    witness: Witness,
    /// What waits to be looked into, if anything has to be.
    events: Option<Events>,
    patience: Duration,
    silent_since: Instant,
    ask: Interval,
}

/// Why a body ends early: the connection is closed, so that no client takes it for whole.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the server behind this gate broke off: {0}")]
    Upstream(#[from] NetError),
    #[error("the server behind this gate sends what is too large to be looked into")]
    TooLarge,
    #[error("the caller is not welcome any more")]
    Unwelcome,
}

/// The body as a stream: as slowly as the caller reads it, and no longer than they are welcome.
fn flow(
    incoming: Incoming,
    witness: Witness,
    events: Option<Events>,
    patience: Duration,
) -> actix_web::body::BodyStream<impl futures_util::Stream<Item = Result<Bytes, Broken>>> {
    let now = Instant::now();
    let ask = interval_at(now + ASK_AGAIN, ASK_AGAIN);
    let flow = Flow { incoming, witness, events, patience, silent_since: now, ask };
    let next = |flow: Option<Flow>| async move {
        let mut flow = flow?;
        match flow.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(flow))),
            Ok(None) => None,
            Err(broken) => {
                tracing::info!(%broken, "an answer ended early");
                Some((Err(broken), None))
            }
        }
    };
    actix_web::body::BodyStream::new(Box::pin(stream::unfold(Some(flow), next)))
}

impl Flow {
    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if let Some(event) = self.events.as_mut().and_then(Events::next) {
                match self.seen(event).await? {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            let deadline = self.silent_since + self.patience;
            let chunk = tokio::select! {
                chunk = timeout_at(deadline, self.incoming.chunk()) => chunk.map_err(|_| NetError::TimedOut)??,
                _ = self.ask.tick() => {
                    match self.witness.is_still_welcome().await {
                        true => continue,
                        false => return Err(Broken::Unwelcome),
                    }
                }
            };
            let Some(chunk) = chunk else { return Ok(None) };
            self.silent_since = Instant::now();
            match &mut self.events {
                Some(events) => events.push(&chunk).map_err(|events::TooLarge| Broken::TooLarge)?,
                None => return Ok(Some(chunk)),
            }
        }
    }

    /// The event without what may not be found; none at all when it cannot be looked into.
    async fn seen(&self, event: Bytes) -> Result<Option<Bytes>, Broken> {
        let Some(data) = events::data(&event).filter(|data| !data.is_empty()) else { return Ok(Some(event)) };
        let view = self.witness.view().await.ok_or(Broken::Unwelcome)?;
        match without_unseen(&data, &|target| view.shows(target)) {
            Ok(None) => Ok(Some(event)),
            Ok(Some(filtered)) => Ok(Some(events::with_data(&event, &filtered))),
            Err(error) => {
                tracing::info!(%error, "an event that is no JSON was dropped");
                Ok(None)
            }
        }
    }
}
