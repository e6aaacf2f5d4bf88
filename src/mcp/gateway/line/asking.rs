//! Asking over a line of our own, for callers who came to `/mcp` and have no session there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Along, Line, Said, open};
use crate::mcp::error::Failure;
use crate::mcp::gateway::ask::{Answered, hello, outcome, ready};
use crate::mcp::gateway::{Call, Gateway};
use crate::mcp::message::{Id, Object, Request};

/// Asks for one thing, over the line that this caller has for it, or over a new one.
pub(in crate::mcp::gateway) async fn ask(
    call: &Call<'_>,
    gateway: &Gateway,
    method: &str,
    params: &Object,
) -> Result<Answered, Failure> {
    let line = match gateway.lines.of_ours(call.principal, call.server.id) {
        Some(line) => line,
        None => begun(call, gateway).await?,
    };
    let mut params = params.clone();
    // What the earlier era does not know.
    params.remove("_meta");
    line.result(Along::of(call, gateway), method, params).await
}

/// A new line of our own, after the handshake.
async fn begun(call: &Call<'_>, gateway: &Gateway) -> Result<Arc<Line>, Failure> {
    let line = open(call, gateway).await?;
    line.is_ours.store(true, Ordering::Relaxed);
    let along = Along::of(call, gateway);
    let greeted = match line.result(along, "initialize", hello()).await {
        Ok(Ok(_)) => line.send(along, ready().to_string().into()).await,
        Ok(Err(error)) => {
            let words = error["message"].as_str().unwrap_or_default().to_owned();
            Err(Failure::upstream(format_args!("it refused the handshake: {words}")))
        }
        Err(failure) => Err(failure),
    };
    match greeted {
        Ok(()) => {
            line.has_begun.store(true, Ordering::Release);
            Ok(line)
        }
        Err(failure) => {
            line.end();
            Err(failure)
        }
    }
}

impl Line {
    /// What comes of one request of our own.
    async fn result(self: &Arc<Self>, along: Along<'_>, method: &str, params: Object) -> Result<Answered, Failure> {
        let id = Id::Number((self.numbered.fetch_add(1, Ordering::Relaxed) + 1).into());
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        let request = Request { id, method: method.to_owned(), params };
        let (_asked, mut ear) = self.ask(along, &request, message.into()).await?;
        let heard = async {
            loop {
                match ear.recv().await {
                    Some(Said::Answer(answer)) => {
                        let answer: Value = serde_json::from_slice(&answer)
                            .map_err(|_| Failure::upstream("its answer is no response"))?;
                        return Ok(outcome(answer));
                    }
                    // What comes before it (progress, logs) has nobody to go to.
                    Some(Said::Message(_)) => {}
                    Some(Said::Broken(failure)) => return Err(failure),
                    Some(Said::CalledOff) | None => return Err(Failure::hung_up()),
                }
            }
        };
        let patience = along.upstreams.patience();
        timeout(patience, heard).await.unwrap_or_else(|_| Err(Failure::upstream_late(patience)))
    }
}
