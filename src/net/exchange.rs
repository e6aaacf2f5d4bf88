//! One request and whatever came back: what [`Net::get`](super::Net::get) is made of, for those who need to see more.

use std::borrow::Cow;

use reqwest::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

use super::{Fetched, NetError, sort};

/// A request to a URL that somebody gave us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Where.
    pub url: String,
    /// Headers beyond those that everything of ours sends; one of the same name replaces ours.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// What to send along.
    pub body: Option<String>,
}

/// The methods that anything here needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// RFC 9110 §9.3.1.
    Get,
    /// RFC 9110 §9.3.3.
    Post,
    /// RFC 9110 §9.3.5.
    Delete,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The status.
    pub status: u16,
    /// Every header line, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body as it came, never decompressed, up to the limit.
    pub body: Vec<u8>,
    /// False when there was more of it than the limit, or when it was a stream, of which nothing is read.
    pub is_whole: bool,
}

impl Request {
    /// A plain `GET`.
    pub fn get(url: &str) -> Self {
        Self { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None }
    }

    /// A `POST` of this body.
    pub fn post(url: &str, content_type: &str, body: String) -> Self {
        let request = Self { method: Method::Post, body: Some(body), ..Self::get(url) };
        request.with("content-type", content_type)
    }

    /// The same with one header more.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        self.headers.push((name.into(), value.to_owned()));
        self
    }

    /// The request as the client for it sends it.
    pub(super) fn on(&self, client: &reqwest::Client, url: url::Url) -> reqwest::RequestBuilder {
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let request = client.request(method, url);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(name.as_ref(), value));
        match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }
}

impl Exchange {
    /// Every value of a header, joined by commas (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The answer as a document: only 200, only whole, and with one content type at most.
    pub(super) fn document(self) -> Result<Fetched, NetError> {
        if !self.is_whole {
            return Err(NetError::TooLarge);
        }
        let content_type = self.header(CONTENT_TYPE.as_str()).filter(|text| !text.contains(','));
        Ok(Fetched { content_type, cache_control: self.header(CACHE_CONTROL.as_str()), body: self.body })
    }

    /// An answer of which nothing but the head is read.
    pub(super) fn head(response: &reqwest::Response) -> Self {
        let headers = response.headers().iter().map(said).collect();
        Self { status: response.status().as_u16(), headers, body: Vec::new(), is_whole: true }
    }

    /// Reads an answer to its end or to the limit, whatever length it announces.
    pub(super) async fn read(mut response: reqwest::Response, max_bytes: usize) -> Result<Self, NetError> {
        let mut exchange = Self::head(&response);
        let encoding = exchange.header(CONTENT_ENCODING.as_str());
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(NetError::Compressed);
        }
        let is_stream =
            exchange.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/event-stream"));
        if is_stream || response.content_length().is_some_and(|length| length > max_bytes as u64) {
            return Ok(Self { is_whole: false, ..exchange });
        }
        while let Some(chunk) = response.chunk().await.map_err(|error| sort(&error))? {
            let room = max_bytes - exchange.body.len();
            exchange.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok(Self { is_whole: false, ..exchange });
            }
        }
        Ok(exchange)
    }
}

fn said((name, value): (&HeaderName, &reqwest::header::HeaderValue)) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}
