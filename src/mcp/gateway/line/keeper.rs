//! Whoever keeps a line: hears what the server says, says what we have to say ourselves, and hangs up in the end.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Bytes, Data};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, error::SendTimeoutError};
use tokio::time::{interval, timeout};

use super::switchboard::{About, about};
use super::{Hearing, Line, Lines};
use crate::access::policy::Decision;
use crate::access::visit::{Target, Visit, judge};
use crate::app::App;
use crate::mcp::error::Failure;
use crate::net::{Method, Outgoing, Upstreams};
use crate::upstreams::Server;

/// So long nobody uses a line before it is hung up.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// How often it is asked whether it may go on.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a server waits for a listener that reads slowly, before that one hears nothing more.
const SLOW: Duration = Duration::from_secs(10);
/// How long something of our own may take to be said.
const ASIDE: Duration = Duration::from_secs(5);

/// Everything that a keeper has.
pub(super) struct Keeper {
    pub(super) line: Arc<Line>,
    pub(super) lines: Arc<Lines>,
    pub(super) app: Data<App>,
    /// The server as it was when the line was opened.
    pub(super) server: Server,
    pub(super) hearing: Hearing,
    /// What we have to say ourselves.
    pub(super) asides: UnboundedReceiver<Bytes>,
    pub(super) upstreams: Data<Upstreams>,
    /// What came along from the caller when the line was opened.
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Drop for Keeper {
    /// However it ends, nobody waits for ever, and the line is not found any more.
    fn drop(&mut self) {
        self.lines.remove(&self.line.name);
        self.line.board.close(&Failure::hung_up());
    }
}

impl Keeper {
    /// Keeps the line until it ends.
    pub(super) async fn keep(mut self) {
        let why = self.until_the_end().await;
        tracing::info!(server = %self.server.name, why = %why.message, "a line ended");
        // Whoever comes now begins anew.
        self.lines.remove(&self.line.name);
        self.line.board.close(&why);
        self.hearing.end().await;
    }

    async fn until_the_end(&mut self) -> Failure {
        let mut ask = interval(ASK_AGAIN);
        loop {
            tokio::select! {
                said = self.hearing.next() => match said {
                    Ok(Some(message)) => self.hear(message).await,
                    Ok(None) => return Failure::upstream("it broke off the connection"),
                    Err(failure) => return failure,
                },
                Some(aside) = self.asides.recv() => self.say(aside).await,
                () = self.line.ended.notified() => return Failure::hung_up(),
                _ = ask.tick() => {
                    if self.line.board.is_idle_for(IDLE) {
                        return Failure::upstream("nobody used it for too long");
                    }
                    if self.lines.is_stopping() && !self.line.board.is_asked() {
                        return Failure::hung_up();
                    }
                    if !self.may_go_on().await {
                        return Failure::upstream("it has been changed, or you may not use it any more");
                    }
                }
            }
        }
    }

    /// True while the server is what it was, and whoever opened the line may come in.
    async fn may_go_on(&self) -> bool {
        let Ok(servers) = self.app.enabled_servers().await else { return false };
        let Some(server) = servers.iter().find(|server| server.id == self.server.id) else { return false };
        let Ok(policies) = self.app.policies().await else { return false };
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target: Target::Enter };
        is_spoken_to_alike(server, &self.server)
            && judge(&self.line.principal(), &visit, &policies).decision == Decision::Allowed
    }

    /// Before 2025-06-18, several messages could come as one.
    async fn hear(&self, message: Bytes) {
        if message.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
            return self.hear_one(message).await;
        }
        let batch: Vec<Box<RawValue>> = serde_json::from_slice(&message).unwrap_or_default();
        for message in batch {
            self.hear_one(Bytes::from(message.get().to_owned())).await;
        }
    }

    async fn hear_one(&self, message: Bytes) {
        let Some(about) = about(&message) else {
            tracing::debug!(server = %self.server.name, "what is no message was dropped");
            return;
        };
        if let (true, About::Request(id, method)) = (self.line.is_ours(), &about) {
            let answer = answer_of_ours(&json!(id), method);
            return self.say(answer.to_string().into()).await;
        }
        let Some((to, said)) = self.line.board.route(&about, message) else { return };
        if let Err(SendTimeoutError::Timeout(_)) = to.send_timeout(said, SLOW).await {
            tracing::info!(server = %self.server.name, "somebody reads too slowly, and hears nothing more");
            self.line.board.drop_slow(&to);
        }
    }

    /// Says something of our own.
    async fn say(&self, message: Bytes) {
        let said = async {
            let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
            let may_be_inside = self.server.upstream.may_be_inside;
            let (via, body) = (Vec::new(), Bytes::new());
            let outgoing = Outgoing { method: Method::Post, url: "", may_be_inside, via, headers, body };
            self.line.say(outgoing, &self.upstreams, message).await
        };
        match timeout(ASIDE, said).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::info!(why = %failure.message, "something could not be said to a server"),
            Err(_) => tracing::info!("something could not be said to a server in time"),
        }
    }
}

/// What a server is told that asks something of us, behind whom nobody can be asked.
fn answer_of_ours(id: &Value, method: &str) -> Value {
    match method {
        "ping" => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
        _ => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "Method not found" } }),
    }
}

/// A credential that was exchanged, another URL or program: what was opened with the old one ends.
fn is_spoken_to_alike(one: &Server, other: &Server) -> bool {
    let (now, then) = (&one.upstream, &other.upstream);
    one.transport == other.transport
        && now.url == then.url
        && now.command == then.command
        && now.may_be_inside == then.may_be_inside
        && now.auth.is_same(&then.auth)
}
