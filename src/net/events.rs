//! Answers that come as a stream of events (WHATWG HTML §9.2, `text/event-stream`), read as far as somebody needs them.

use std::collections::VecDeque;

use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::{Exchange, Net, NetError, Purpose, Request, sort};

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; empty for a message.
    pub name: String,
    /// Its lines.
    pub data: Vec<u8>,
}

/// A stream of events that has begun. It ends when it is dropped, and with the time of the request.
pub struct Events {
    response: reqwest::Response,
    reader: Reader,
    left: usize,
}

/// What a request opened.
pub enum Opened {
    /// A stream.
    Events(Events),
    /// An answer like any other.
    Whole(Exchange),
}

impl Net {
    /// Sends a request, by the rules of [`exchange`](Self::exchange), the answer to which may be a stream of events.
    pub async fn open(&self, purpose: Purpose, request: &Request, max_bytes: usize) -> Result<Opened, NetError> {
        let url = Url::parse(&request.url).map_err(|_| NetError::BadUrl)?;
        let journey = async {
            let (response, _place) = self.0.send(purpose, &url, request).await?;
            let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase());
            match kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) && response.status() == 200 {
                true => Ok(Opened::Events(Events { response, reader: Reader::default(), left: max_bytes })),
                false => Exchange::read(response, max_bytes).await.map(Opened::Whole),
            }
        };
        let outcome = tokio::time::timeout(self.0.total, journey).await.unwrap_or(Err(NetError::TimedOut));
        let (host, error) = (url.host_str().unwrap_or_default(), outcome.as_ref().err().map(tracing::field::display));
        tracing::info!(?purpose, host, error, "went out");
        outcome
    }

    /// The same, where one event of a stream is all that is wanted: the body is the data of the first one that `is_wanted`.
    pub async fn exchange_for(
        &self,
        purpose: Purpose,
        request: &Request,
        max_bytes: usize,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Exchange, NetError> {
        match self.open(purpose, request, max_bytes).await? {
            Opened::Whole(exchange) => Ok(exchange),
            Opened::Events(mut events) => {
                let head = Exchange::head(&events.response);
                while let Some(event) = events.next().await? {
                    if is_wanted(&event.data) {
                        return Ok(Exchange { body: event.data, ..head });
                    }
                }
                Ok(head)
            }
        }
    }
}

impl Events {
    /// The next event; nothing when the stream ends.
    pub async fn next(&mut self) -> Result<Option<Event>, NetError> {
        loop {
            if let Some(event) = self.reader.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.response.chunk().await.map_err(|error| sort(&error))? else { return Ok(None) };
            self.left = self.left.checked_sub(chunk.len()).ok_or(NetError::TooLarge)?;
            self.reader.feed(&chunk);
        }
    }
}

/// Bytes on their way to become events.
#[derive(Default)]
struct Reader {
    line: Vec<u8>,
    /// The last byte was a CR, and an LF behind it is part of the same end of a line.
    after_cr: bool,
    event: Event,
    has_data: bool,
    ready: VecDeque<Event>,
}

impl Reader {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    self.end_line();
                }
                other => {
                    self.after_cr = false;
                    self.line.push(*other);
                }
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                self.ready.push_back(event);
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = colon.map_or((line, &b""[..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.event.data.push(b'\n');
                }
                self.event.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.event.name = String::from_utf8_lossy(value).into_owned(),
            // Comments, ids and times to try again.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> Vec<(String, String)> {
        let mut reader = Reader::default();
        chunks.iter().for_each(|chunk| reader.feed(chunk.as_bytes()));
        let said = |event: Event| (event.name, String::from_utf8(event.data).unwrap());
        reader.ready.into_iter().map(said).collect()
    }

    fn message(data: &str) -> (String, String) {
        (String::new(), data.to_owned())
    }

    #[test]
    fn events_are_read_however_their_lines_end_and_wherever_they_are_cut() {
        assert_eq!(read(&["data: a\n\ndata: b\r\n\r\ndata:c\r\r"]), [message("a"), message("b"), message("c")]);
        assert_eq!(
            read(&["da", "ta: a\r", "\n\r", "\nevent: end", "point\ndata: /x\n", "\n"]),
            [message("a"), ("endpoint".to_owned(), "/x".to_owned())]
        );
        assert_eq!(read(&[": ping\n\nid: 1\nretry: 5\n\ndata: a\ndata\ndata: b\n\n"]), [message("a\n\nb")]);
        assert_eq!(read(&["\u{feff}data: a\n\n"]), [message("a")]);
        assert!(read(&["data: never ended\n"]).is_empty());
    }
}
