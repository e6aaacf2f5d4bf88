//! How a server is spoken to: JSON-RPC in requests of our own, with what proves us to it.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::net::{Exchange, Method, Net, NetError, Purpose, Request};
use crate::upstreams::note_tools::MOST_LISTED;
use crate::upstreams::{Auth, Upstream};

/// The largest answer that is read.
const LARGEST: usize = 4 * 1024 * 1024;
/// So many pages of a list are turned.
const PAGES: usize = 50;

/// A server, and the way to it.
pub struct Line<'a> {
    pub net: &'a Net,
    pub purpose: Purpose,
    pub upstream: &'a Upstream,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Another status.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// It refused what was asked (JSON-RPC 2.0 §5.1).
    #[error("the server refused: {1} ({0})")]
    Refused(i64, String),
    /// What came is no answer.
    #[error("the server's answer is not MCP: {0}")]
    Strange(&'static str),
    /// A program that does not run, or not as it should.
    #[error("{0}")]
    Program(String),
    /// Nothing came.
    #[error(transparent)]
    Net(#[from] NetError),
}

impl Trouble {
    /// True where a server of the other era would answer so.
    pub fn may_be_of_another_era(&self) -> bool {
        match self {
            Self::Refused(..) | Self::Strange(_) => true,
            Self::Status(status) => matches!(status, 400 | 404 | 405 | 406 | 415 | 426 | 501),
            Self::Program(_) | Self::Net(_) => false,
        }
    }
}

impl<'a> Line<'a> {
    pub fn to(net: &'a Net, purpose: Purpose, upstream: &'a Upstream) -> Self {
        Self { net, purpose, upstream }
    }

    /// A request of that method with what proves us to the server.
    pub fn request(&self, method: Method, url: &str, body: Option<&Value>) -> Request {
        let request = match body {
            Some(body) => Request::post(url, "application/json", body.to_string()),
            None => Request { method, ..Request::get(url) },
        };
        let request = request.with("accept", "application/json, text/event-stream");
        match &self.upstream.auth {
            Auth::Header { name, value } => request.with(name.clone(), value.expose_secret()),
            // Nobody calls, so there is no credential to pass on.
            Auth::None | Auth::Passthrough | Auth::Lost => request,
        }
    }

    /// Asks one thing, and gives the result.
    pub async fn ask(&self, message: &Value, headers: &[(&'static str, &str)]) -> Result<Value, Trouble> {
        judged(&self.exchange(message, headers).await?, &message["id"])
    }

    /// Asks one thing, and gives whatever answer it came in.
    pub async fn exchange(&self, message: &Value, headers: &[(&'static str, &str)]) -> Result<Exchange, Trouble> {
        let request = self.request(Method::Post, &self.upstream.url, Some(message));
        let request = headers.iter().fold(request, |request, (name, value)| request.with(*name, value));
        let id = &message["id"];
        let is_wanted = |data: &[u8]| serde_json::from_slice(data).is_ok_and(|answer: Value| answers(&answer, id));
        Ok(self.net.exchange_for(self.purpose, &request, LARGEST, is_wanted).await?)
    }
}

/// The pages of `tools/list`, which are turned up to a bound.
#[derive(Default)]
pub struct Pages {
    /// What was on those that were turned.
    pub tools: Vec<Value>,
    turned: usize,
    cursor: Option<String>,
    is_over: bool,
}

impl Pages {
    /// With what the next one is asked for, if there is one.
    pub fn next(&self) -> Option<Value> {
        (!self.is_over).then(|| self.cursor.as_ref().map_or(json!({}), |cursor| json!({ "cursor": cursor })))
    }

    /// Takes a page.
    pub fn take(&mut self, page: &Value) -> Result<(), Trouble> {
        let listed = page["tools"].as_array().ok_or(Trouble::Strange("tools/list brought no list of tools"))?;
        self.tools.extend(listed.iter().cloned());
        self.turned += 1;
        let next = page["nextCursor"].as_str().map(str::to_owned);
        let leads_back = next == self.cursor;
        self.is_over = next.is_none() || leads_back || self.turned == PAGES || self.tools.len() >= MOST_LISTED;
        self.cursor = next;
        Ok(())
    }
}

/// True for the response to the request of that id.
pub fn answers(message: &Value, id: &Value) -> bool {
    &message["id"] == id && (message.get("result").is_some() || message.get("error").is_some())
}

/// The result in an answer.
pub fn result_of(message: &Value) -> Result<Value, Trouble> {
    if let Some(error) = message.get("error") {
        let words: String = error["message"].as_str().unwrap_or("it did not say why").chars().take(200).collect();
        return Err(Trouble::Refused(error["code"].as_i64().unwrap_or_default(), words));
    }
    message.get("result").filter(|result| result.is_object()).cloned().ok_or(Trouble::Strange("it has no result"))
}

/// The result in an answer to the request of that id.
pub fn judged(exchange: &Exchange, id: &Value) -> Result<Value, Trouble> {
    let message: Option<Value> = serde_json::from_slice(&exchange.body).ok();
    match (exchange.status, message) {
        (200, _) if !exchange.is_whole => Err(NetError::TooLarge.into()),
        (200, Some(message)) if answers(&message, id) => result_of(&message),
        (200, _) => Err(Trouble::Strange("it does not answer what was asked")),
        // A refusal may have a status of its own.
        (400 | 404, Some(message)) if message.get("error").is_some_and(Value::is_object) => result_of(&message),
        (status, _) => Err(Trouble::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Exchange {
        Exchange { status, headers: Vec::new(), body: body.as_bytes().to_vec(), is_whole: true }
    }

    #[test]
    fn an_answer_is_told_from_a_refusal_and_from_nonsense() {
        let id = json!(1);
        let said = |status, body: &str| judged(&answer(status, body), &id);
        assert_eq!(said(200, r#"{"id":1,"result":{"a":1}}"#), Ok(json!({ "a": 1 })));
        for (status, body) in [
            (200, r#"{"id":1,"error":{"code":-32601,"message":"no"}}"#),
            (400, r#"{"error":{"code":-32601,"message":"no"}}"#),
        ] {
            assert_eq!(said(status, body), Err(Trouble::Refused(-32601, "no".to_owned())));
        }
        for body in [r#"{"id":2,"result":{}}"#, r#"{"id":1,"result":7}"#, "<html>", "", "[]"] {
            assert!(matches!(said(200, body), Err(Trouble::Strange(_))), "{body}");
        }
        assert_eq!(said(401, r#"{"error":"invalid_token"}"#), Err(Trouble::Status(401)));
        assert_eq!(said(503, ""), Err(Trouble::Status(503)));
    }

    #[test]
    fn a_list_without_end_is_left_at_some_point() {
        let turn = |cursor: fn(usize) -> Option<String>| {
            let mut pages = Pages::default();
            while pages.next().is_some() {
                let cursor = cursor(pages.turned);
                pages.take(&json!({ "tools": [{}], "nextCursor": cursor })).unwrap();
            }
            pages.tools.len()
        };
        assert_eq!(turn(|_| None), 1);
        assert_eq!(turn(|turned| (turned < 2).then(|| turned.to_string())), 3);
        assert_eq!(turn(|_| Some("again".to_owned())), 2, "a cursor that leads back");
        assert_eq!(turn(|turned| Some(turned.to_string())), PAGES);
        assert!(Pages::default().take(&json!({ "tools": 7 })).is_err());
    }
}
