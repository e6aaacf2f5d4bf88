//! The transport before streamable HTTP (MCP 2024-11-05, "HTTP with SSE"): answers come over a stream that is opened first.

use serde_json::Value;
use url::Url;

use super::line::{Line, Trouble};
use super::two_way::{self, TwoWay};
use crate::net::{Events, Method, Opened};

/// All that the stream may bring.
const LARGEST: usize = 8 * 1024 * 1024;

/// Its tools.
pub async fn tools(line: &Line<'_>) -> Result<Vec<Value>, Trouble> {
    let open = line.request(Method::Get, &line.upstream.url, None).with("accept", "text/event-stream");
    let mut events = match line.net.open(line.purpose, &open, LARGEST).await? {
        Opened::Events(events) => events,
        Opened::Whole(answer) if answer.status == 200 => return Err(Trouble::Strange("it opened no stream")),
        Opened::Whole(answer) => return Err(Trouble::Status(answer.status)),
    };
    let mailbox = mailbox(&mut events, &line.upstream.url).await?;
    two_way::tools(&mut Talk { line, mailbox, events }).await
}

/// Where messages are posted. Elsewhere than at the server itself, our credential has no business.
async fn mailbox(events: &mut Events, url: &str) -> Result<Url, Trouble> {
    while let Some(event) = events.next().await? {
        if event.name == "endpoint" {
            let strange = Trouble::Strange("its endpoint is no URL of its own");
            let base = Url::parse(url).map_err(|_| strange.clone())?;
            let told = String::from_utf8_lossy(&event.data).into_owned();
            return base.join(told.trim()).ok().filter(|url| url.origin() == base.origin()).ok_or(strange);
        }
    }
    Err(Trouble::Strange("its stream names no endpoint"))
}

struct Talk<'a> {
    line: &'a Line<'a>,
    mailbox: Url,
    events: Events,
}

impl TwoWay for Talk<'_> {
    async fn send(&mut self, message: &Value) -> Result<(), Trouble> {
        let request = self.line.request(Method::Post, self.mailbox.as_str(), Some(message));
        let taken = self.line.net.exchange(self.line.purpose, &request, 1024).await?;
        (200..300).contains(&taken.status).then_some(()).ok_or(Trouble::Status(taken.status))
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.events.next().await?.map(|event| event.data))
    }
}
