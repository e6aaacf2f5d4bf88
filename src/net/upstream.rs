//! Streams to and from the servers behind us: the same guard as for every other URL, but connections are kept, and an answer
//! is read as it comes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, VIA};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use url::Url;

use super::exchange::Method;
use super::{Net, NetError, Purpose, sort};

/// For so long the addresses of a name are taken to be the same.
const RESOLVED_FOR: Duration = Duration::from_secs(30);
/// To the hosts of as many URLs connections are kept.
const HOSTS: usize = 1024;

/// The connections of one thread: none is ever handed to another, which would have to be woken for every packet.
pub struct Upstreams {
    net: Net,
    /// How we are called among those through whom a request came (RFC 9110 §7.6.3): a pseudonym of the installation.
    pseudonym: String,
    /// How long a server may take to begin an answer, and to end one that is read whole.
    patience: Duration,
    /// By the URL as it was entered: those that may lead inside apart from the others.
    inside: RefCell<HashMap<String, Host>>,
    outside: RefCell<HashMap<String, Host>>,
}

/// Connections to the host of one URL, pinned to addresses that were judged.
struct Host {
    url: Url,
    client: reqwest::Client,
    addresses: Vec<IpAddr>,
    judged_at: Instant,
}

/// A request to a server behind us. Nothing is sent but what is in here, the host, our names and the length of the body.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// What to do.
    pub method: Method,
    /// Where.
    pub url: &'a str,
    /// True when a system administrator entered the URL, so that it may lead to private addresses (`decisions` 20).
    pub may_be_inside: bool,
    /// Through whom it came to us.
    pub via: Vec<&'a [u8]>,
    /// Every other header.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// What to send along.
    pub body: Bytes,
}

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Incoming {
    response: reqwest::Response,
    patience: Duration,
}

async fn within<T>(patience: Duration, doing: impl Future<Output = Result<T, NetError>>) -> Result<T, NetError> {
    timeout(patience, doing).await.unwrap_or(Err(NetError::Late(patience)))
}

impl Upstreams {
    /// No connections yet, of that installation.
    pub fn new(net: Net, issuer: &str, patience: Duration) -> Self {
        let pseudonym = format!("portcullis-{}", &BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(issuer))[..12]);
        Self { net, pseudonym, patience, inside: RefCell::default(), outside: RefCell::default() }
    }

    /// How long a server may take to begin an answer, and to end one that is read whole.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// True when that came through us already, by what its `Via` says.
    pub fn have_passed_on<'v>(&self, mut via: impl Iterator<Item = &'v [u8]>) -> bool {
        via.any(|via| via.windows(self.pseudonym.len()).any(|part| part == self.pseudonym.as_bytes()))
    }

    /// Everybody through whom it came, and us.
    fn via(&self, before: &[&[u8]]) -> Vec<u8> {
        let own = format!("1.1 {}", self.pseudonym);
        before.iter().copied().chain([own.as_bytes()]).collect::<Vec<_>>().join(&b", "[..])
    }

    /// Sends a request to a server that an administrator entered, and waits for the head of the answer, within our patience.
    pub async fn open(&self, request: Outgoing<'_>) -> Result<Incoming, NetError> {
        within(self.patience, self.send(request)).await
    }

    async fn send(&self, request: Outgoing<'_>) -> Result<Incoming, NetError> {
        let (client, url) = self.client(request.url, request.may_be_inside).await?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut headers = headers(&request.headers);
        headers.extend(HeaderValue::from_bytes(&self.via(&request.via)).map(|via| (VIA, via)));
        let sent = client.request(method, url).headers(headers).body(request.body).send().await;
        let response = sent.map_err(|error| sort(&error))?;
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(NetError::Compressed);
        }
        Ok(Incoming { response, patience: self.patience })
    }

    /// A client for the host of that URL, whose addresses were judged a moment ago at most.
    async fn client(&self, entered: &str, may_be_inside: bool) -> Result<(reqwest::Client, Url), NetError> {
        let hosts = if may_be_inside { &self.inside } else { &self.outside };
        if let Some(host) = hosts.borrow().get(entered).filter(|host| host.judged_at.elapsed() < RESOLVED_FOR) {
            return Ok((host.client.clone(), host.url.clone()));
        }
        let inner = &self.net.0;
        let purpose = if may_be_inside { Purpose::AdministratorEndpoint } else { Purpose::LinkedEndpoint };
        let url = Url::parse(entered).map_err(|_| NetError::BadUrl)?;
        let is_own_loopback = inner.check_url(purpose, &url)?;
        let mut addresses = inner.addresses(purpose, &url, is_own_loopback).await?;
        addresses.sort_unstable();
        let mut hosts = hosts.borrow_mut();
        if let Some(host) = hosts.get_mut(entered).filter(|host| host.addresses == addresses) {
            host.judged_at = Instant::now();
            return Ok((host.client.clone(), url));
        }
        let client = inner.pinned_for_streams(&url, &addresses)?;
        if hosts.len() >= HOSTS {
            hosts.clear();
        }
        let host = Host { url: url.clone(), client: client.clone(), addresses, judged_at: Instant::now() };
        hosts.insert(entered.to_owned(), host);
        Ok((client, url))
    }
}

/// What is no header is left out: whoever says so gets nothing across.
fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
    let read = |(name, value): &(&str, &[u8])| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, mut value) in pairs.iter().filter_map(read) {
        value.set_sensitive(true);
        headers.append(name, value);
    }
    headers
}

impl Incoming {
    /// The status.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the body is said to be.
    pub fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// What arrived next of the body; nothing at its end. Whoever stops waiting loses nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        self.response.chunk().await.map_err(|error| match sort(&error) {
            NetError::Unreachable => NetError::BrokeOff,
            other => other,
        })
    }

    /// The same, within our patience: for who waits for nothing else meanwhile.
    pub async fn chunk_in_time(&mut self) -> Result<Option<Bytes>, NetError> {
        within(self.patience, self.chunk()).await
    }

    /// The whole body, if it has at most so many bytes and comes within our patience. What came in one piece is not copied.
    pub async fn whole(&mut self, most: usize) -> Result<Bytes, NetError> {
        within(self.patience, self.read_whole(most)).await
    }

    async fn read_whole(&mut self, most: usize) -> Result<Bytes, NetError> {
        if self.announced().is_some_and(|length| length > most as u64) {
            return Err(NetError::TooLarge);
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let mut all: Option<Vec<u8>> = None;
        while let Some(chunk) = self.chunk().await? {
            let all = all.get_or_insert_with(|| first.to_vec());
            if all.len() + chunk.len() > most {
                return Err(NetError::TooLarge);
            }
            all.extend_from_slice(&chunk);
        }
        match all {
            Some(all) => Ok(all.into()),
            None if first.len() > most => Err(NetError::TooLarge),
            None => Ok(first),
        }
    }
}
