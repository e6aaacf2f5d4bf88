//! Streams on which a client hears that it may use other tools now: of the earlier era by GET (MCP 2025-11-25, Streamable HTTP
//! §"Listening for Messages from the Server"), of the new one by `subscriptions/listen` (MCP 2026-07-28, server/subscriptions).
//!
//! What a caller may use is theirs alone, so each stream compares its own list; but only when the node has heard that something
//! changed. Between changes a stream only asks whether its caller is still welcome, as every stream does.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::{Interval, interval, sleep};

use super::error::Failure;
use super::gateway::Gateway;
use super::gateway::at_once::Place;
use super::gateway::events::of_message;
use super::message::{Id, Request};
use super::serve;
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::access::shifts::Watch;
use crate::app::App;
use crate::http::caller::{Caller, Resource};
use crate::http::no_store::NoStore;

/// How often it is asked whether the caller is still welcome.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// After so many questions without a message, a comment keeps proxies from closing the stream, and finds clients that are gone.
const COMMENT_AFTER: u32 = 15;
/// Changes often come several at a time: whoever hears of one waits so long for the others.
const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// `_meta`: the request that a notification belongs to.
const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// How somebody listens.
#[derive(Clone, Debug, PartialEq)]
pub enum Listening {
    /// By GET.
    Unasked,
    /// By a request.
    Asked {
        /// Its id, which names the subscription.
        id: Id,
        /// True when it asked for changes of tools, the only ones that there are.
        to_tools: bool,
    },
}

impl Listening {
    /// The wish in a request.
    pub(super) fn of(request: &Request) -> Result<Self, Failure> {
        let wanted = request.params.get("notifications").and_then(Value::as_object);
        let wanted = wanted.ok_or_else(|| Failure::invalid_params("`notifications` must be an object"))?;
        let to_tools = wanted.get("toolsListChanged") == Some(&Value::Bool(true));
        Ok(Self::Asked { id: request.id.clone(), to_tools })
    }

    /// What is said before anything happens.
    fn hello(&self) -> VecDeque<Bytes> {
        match self {
            Self::Unasked => VecDeque::from([Bytes::from_static(b": listening\n\n")]),
            Self::Asked { to_tools, .. } => {
                let honored = if *to_tools { json!({ "toolsListChanged": true }) } else { json!({}) };
                let params = json!({ "notifications": honored });
                VecDeque::from([self.notification("notifications/subscriptions/acknowledged", params)])
            }
        }
    }

    fn changed(&self) -> Bytes {
        self.notification("notifications/tools/list_changed", json!({}))
    }

    /// What is said when we end it, so that the client knows that it was us.
    fn farewell(&self) -> VecDeque<Bytes> {
        let Self::Asked { id, .. } = self else { return VecDeque::new() };
        let cancelled = json!({ "requestId": id, "reason": "the server ends the subscription" });
        let mut result =
            json!({ "resultType": "complete", "_meta": { crate::mcp::era::META_SERVER: serve::about_us() } });
        result["_meta"][META_SUBSCRIPTION] = json!(id);
        let response = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        VecDeque::from([
            self.notification("notifications/cancelled", cancelled),
            of_message(response.to_string().as_bytes()),
        ])
    }

    fn notification(&self, method: &str, mut params: Value) -> Bytes {
        if let Self::Asked { id, .. } = self {
            params["_meta"] = json!({ META_SUBSCRIPTION: id });
        }
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if params != json!({}) {
            message["params"] = params;
        }
        of_message(message.to_string().as_bytes())
    }
}

/// A stream while it is open.
struct Open {
    app: Data<App>,
    request: HttpRequest,
    listening: Listening,
    watch: Watch,
    /// What the client may use, as far as it has been told.
    known: u64,
    ask: Interval,
    silent: u32,
    _place: Place,
}

/// What comes next on a stream.
enum Next {
    Said(Bytes),
    /// We stop.
    Over,
    /// The caller is not welcome any more, or that cannot be told.
    Unwelcome,
}

/// Opens a stream for a caller who may come in.
pub(super) async fn open(
    request: &HttpRequest,
    app: &Data<App>,
    gateway: &Gateway,
    principal: &Principal,
    listening: Listening,
) -> HttpResponse {
    let place = match gateway.at_once.enter(principal.subject.id()) {
        Ok(place) => place,
        Err(failure) => return super::endpoint::failed(&failure),
    };
    let hello = listening.hello();
    let mut response = HttpResponse::Ok();
    response.no_store().insert_header((CONTENT_TYPE, "text/event-stream")).insert_header(("x-accel-buffering", "no"));
    if let Listening::Asked { to_tools: false, .. } = listening {
        let all: Vec<u8> = hello.into_iter().chain(listening.farewell()).flatten().collect();
        return response.body(all);
    }
    // Watched first, so that nothing falls between.
    let watch = app.shifts.watch();
    let Some(known) = usable(app, request).await else { return super::endpoint::failed(&Failure::unavailable()) };
    let open = Open {
        app: Data::clone(app),
        request: request.clone(),
        listening,
        watch,
        known,
        ask: interval(ASK_AGAIN),
        silent: 0,
        _place: place,
    };
    let flow = stream::unfold((hello, Some(open)), |(mut waiting, mut open)| async move {
        loop {
            if let Some(next) = waiting.pop_front() {
                return Some((Ok::<_, actix_web::Error>(next), (waiting, open)));
            }
            match open.as_mut()?.next().await {
                Next::Said(said) => return Some((Ok(said), (waiting, open))),
                Next::Over => waiting = open.take()?.listening.farewell(),
                Next::Unwelcome => return None,
            }
        }
    });
    response.streaming(Box::pin(flow))
}

impl Open {
    async fn next(&mut self) -> Next {
        loop {
            tokio::select! {
                goes_on = self.watch.next() => {
                    if !goes_on {
                        return Next::Over;
                    }
                    sleep(SETTLED_AFTER).await;
                    let Some(now) = usable(&self.app, &self.request).await else { return Next::Unwelcome };
                    if now != self.known {
                        (self.known, self.silent) = (now, 0);
                        return Next::Said(self.listening.changed());
                    }
                }
                _ = self.ask.tick() => {
                    if welcome(&self.app, &self.request).await.is_none() {
                        return Next::Unwelcome;
                    }
                    self.silent += 1;
                    if self.silent.is_multiple_of(COMMENT_AFTER) {
                        return Next::Said(Bytes::from_static(b": still here\n\n"));
                    }
                }
            }
        }
    }
}

/// The caller, while their credential is good and they may come in.
async fn welcome(app: &App, request: &HttpRequest) -> Option<Caller> {
    let caller = Caller::again(app, request, Resource::Mcp).await?;
    (policy::decide(&caller.0, &Action::Enter) == Decision::Allowed).then_some(caller)
}

/// What the caller may use as things are now, as one number.
async fn usable(app: &App, request: &HttpRequest) -> Option<u64> {
    let Caller(principal) = welcome(app, request).await?;
    let (servers, policies) = (app.enabled_servers().await.ok()?, app.policies().await.ok()?);
    Some(serve::fingerprint(&principal, &servers, &policies))
}
