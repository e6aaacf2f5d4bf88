//! Streamable HTTP before a line (MCP 2025-11-25): messages in requests, answers in JSON or as events, a stream beside them.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Duration, Instant, Interval, interval_at};

use super::{Along, Asked, Ear, Line, Said, open};
use crate::http::no_store::NoStore;
use crate::mcp::error::Failure;
use crate::mcp::gateway::attempt::Listing;
use crate::mcp::gateway::events::of_message;
use crate::mcp::gateway::listed::without_unseen;
use crate::mcp::gateway::relay::SESSION;
use crate::mcp::gateway::witness::Witness;
use crate::mcp::gateway::{Call, Gateway, Refusal};
use crate::mcp::message::Message;

/// So long an answer may take that comes as an event.
const QUIET: Duration = Duration::from_secs(15 * 60);
/// How often it is asked whether the caller is still welcome. An answer that takes longer comes as an event.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// After so many questions without a message, a comment keeps proxies from closing the stream, and shows who has gone.
const COMMENT_AFTER: u32 = 5;

/// `POST`: a message of the client's, which may be said.
pub(in crate::mcp::gateway) async fn post(
    call: &Call<'_>,
    gateway: &Gateway,
    message: &Message,
    body: Bytes,
) -> Result<HttpResponse, Refusal> {
    let place = gateway.at_once.enter(call.principal.subject.id())?;
    let along = Along::of(call, gateway);
    let (line, session) = match call.session(call.request.headers(), gateway)? {
        Some(session) => (called(call, gateway, session.id())?, None),
        None if message.opens() => begun(call, gateway).await?,
        None => return Err(Failure::no_handshake().into()),
    };
    let Message::Request(request) = message else {
        line.tell(along, message, body).await?;
        return Ok(HttpResponse::Accepted().finish());
    };
    let (asked, ear) = line.ask(along, request, body).await?;
    let hearing = Hearing::new(ear, Some(asked), Listing::of(message), (line, Witness::new(call, place)));
    Ok(hearing.respond(takes_events(call), session, gateway.upstreams.patience()).await?)
}

/// `GET` and `DELETE`: the stream beside the answers, and the end of the session.
pub(in crate::mcp::gateway) async fn follow(call: &Call<'_>, gateway: &Gateway) -> Result<HttpResponse, Refusal> {
    let place = gateway.at_once.enter(call.principal.subject.id())?;
    let session = call.session(call.request.headers(), gateway)?.ok_or_else(Failure::no_handshake)?;
    let line = called(call, gateway, session.id())?;
    let ear = line.listen().ok_or_else(Failure::no_session)?;
    Ok(Hearing::new(ear, None, Listing::Nothing, (line, Witness::new(call, place))).stream(None, None))
}

/// `DELETE`: the session ends, and with it whatever is under way in it.
pub(in crate::mcp::gateway) fn end(call: &Call<'_>, gateway: &Gateway) -> Result<HttpResponse, Refusal> {
    let session = call.session(call.request.headers(), gateway)?.ok_or_else(Failure::no_handshake)?;
    called(call, gateway, session.id())?.end();
    gateway.lines.remove(session.id());
    Ok(HttpResponse::NoContent().finish())
}

/// A line that this node has, and that is theirs.
fn called(call: &Call<'_>, gateway: &Gateway, name: &str) -> Result<Arc<Line>, Failure> {
    gateway.lines.of(name, call.principal, call.server.id).ok_or_else(Failure::no_session)
}

/// A new line, with the envelope of its name.
async fn begun(call: &Call<'_>, gateway: &Gateway) -> Result<(Arc<Line>, Option<String>), Failure> {
    let line = open(call, gateway).await?;
    let (keys, now) = (&call.app.keys, call.app.clock.now());
    let sealed = gateway.sessions.seal(keys, line.name(), call.principal, call.server, now);
    match sealed {
        Some(sealed) => Ok((line, Some(sealed))),
        None => {
            line.end();
            Err(Failure::unavailable())
        }
    }
}

fn takes_events(call: &Call<'_>) -> bool {
    let mut accepted = call.request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/event-stream") || value.contains("*/*"))
}

/// What goes to one client, while it is welcome.
struct Hearing {
    ear: Ear,
    asked: Option<Asked>,
    listing: Listing,
    line: Arc<Line>,
    witness: Witness,
    ask: Interval,
    silent: u32,
    until: Option<Instant>,
}

/// What there is to hear next.
enum Next {
    Said(Said),
    /// Nothing, for a while.
    Silence,
    /// Nothing, any more.
    End,
}

impl Hearing {
    fn new(ear: Ear, asked: Option<Asked>, listing: Listing, (line, witness): (Arc<Line>, Witness)) -> Self {
        let ask = interval_at(Instant::now() + ASK_AGAIN, ASK_AGAIN);
        Self { ear, asked, listing, line, witness, ask, silent: 0, until: None }
    }

    /// What there is next. Whoever is not welcome any more hears nothing, and their line ends.
    async fn next(&mut self) -> Next {
        tokio::select! {
            said = self.ear.recv() => match said {
                Some(said) => {
                    self.silent = 0;
                    self.seen(said).await.map_or_else(|failure| Next::Said(Said::Broken(failure)), Next::Said)
                }
                None => Next::End,
            },
            _ = self.ask.tick() => {
                if !self.witness.is_still_welcome().await {
                    self.line.end();
                    return Next::Said(Said::Broken(Failure::unwelcome()));
                }
                self.silent += 1;
                Next::Silence
            }
        }
    }

    /// The same without what may not be found.
    async fn seen(&self, said: Said) -> Result<Said, Failure> {
        let (Said::Answer(body), Listing::Something) = (&said, self.listing) else { return Ok(said) };
        let view = self.witness.view().await.ok_or_else(Failure::unavailable)?;
        let filtered = without_unseen(body, &|target| view.shows(target));
        let filtered = filtered.map_err(|_| Failure::upstream("its list is no JSON"))?;
        Ok(filtered.map_or(said, |filtered| Said::Answer(filtered.into())))
    }

    /// The answer in JSON, if it is all that comes and comes soon; else as an event, after what comes before it.
    async fn respond(
        mut self,
        takes_events: bool,
        session: Option<String>,
        patience: Duration,
    ) -> Result<HttpResponse, Failure> {
        let late = Instant::now() + patience;
        loop {
            match self.next().await {
                Next::Said(Said::Answer(body)) => return Ok(self.whole(body, session)),
                Next::Said(Said::Message(message)) if takes_events => return Ok(self.stream(session, Some(message))),
                Next::Silence if takes_events => return Ok(self.stream(session, None)),
                Next::Silence if Instant::now() >= late => return Err(Failure::upstream_late(patience)),
                Next::Said(Said::Message(_)) | Next::Silence => {}
                Next::Said(Said::Broken(failure)) => return Err(failure),
                Next::Said(Said::CalledOff) => return Err(Failure::called_off()),
                Next::End => return Err(Failure::hung_up()),
            }
        }
    }

    fn whole(self, body: Bytes, session: Option<String>) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.no_store().insert_header((CONTENT_TYPE, "application/json"));
        match session {
            // A server that refuses the handshake has no session.
            Some(_) if is_error(&body) => self.line.end(),
            Some(session) => drop(response.insert_header((SESSION, session))),
            None => {}
        }
        response.body(body)
    }

    /// A stream of events, which begins with that message.
    fn stream(mut self, session: Option<String>, first: Option<Bytes>) -> HttpResponse {
        self.until = self.asked.is_some().then(|| Instant::now() + QUIET);
        let mut response = HttpResponse::build(StatusCode::OK);
        response
            .no_store()
            .insert_header((CONTENT_TYPE, "text/event-stream"))
            // Proxies before us must not wait for more of it.
            .insert_header(("x-accel-buffering", "no"));
        if let Some(session) = session {
            response.insert_header((SESSION, session));
        }
        // Something to begin with: clients wait for the head, which goes out with the first bytes.
        let first = first.map_or(Bytes::from_static(b": still here\n\n"), |message| of_message(&message));
        let flow = stream::unfold((Some(first), Some(self)), |(first, hearing)| async move {
            let mut hearing = hearing?;
            match first {
                Some(first) => Some((Ok::<_, actix_web::Error>(first), (None, Some(hearing)))),
                None => {
                    let (event, goes_on) = hearing.event().await?;
                    Some((Ok(event), (None, goes_on.then_some(hearing))))
                }
            }
        });
        response.streaming(Box::pin(flow))
    }

    /// The next event, and whether more may follow.
    async fn event(&mut self) -> Option<(Bytes, bool)> {
        loop {
            if self.until.is_some_and(|until| Instant::now() >= until) {
                return self.failed(&Failure::upstream_late(QUIET));
            }
            match self.next().await {
                Next::Said(Said::Message(message)) => return Some((of_message(&message), true)),
                Next::Said(Said::Answer(message)) => return Some((of_message(&message), false)),
                Next::Said(Said::Broken(failure)) => return self.failed(&failure),
                Next::Said(Said::CalledOff) => return None,
                Next::Silence if self.silent.is_multiple_of(COMMENT_AFTER) => {
                    return Some((Bytes::from_static(b": still here\n\n"), true));
                }
                Next::Silence => {}
                Next::End => return self.failed(&Failure::hung_up()),
            }
        }
    }

    /// What went wrong, for whoever waits for an answer.
    fn failed(&self, failure: &Failure) -> Option<(Bytes, bool)> {
        let asked = self.asked.as_ref()?;
        Some((of_message(failure.body(Some(&asked.id)).to_string().as_bytes()), false))
    }
}

fn is_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        error: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Answer>(body).is_ok_and(|answer| answer.error.is_some())
}
