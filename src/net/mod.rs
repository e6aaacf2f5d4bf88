//! The one way out: every request to a URL that somebody gave us, guarded by what it is for.
//!
//! A name is resolved once, every address it has is judged, and the connection is pinned to what was judged; nothing
//! follows redirects, asks a proxy, decompresses, retries or sends cookies. What the caller wants of the answer's meaning,
//! the caller checks.

mod address;
mod budget;
mod events;
mod exchange;
mod fetched;
mod foresee;
mod resolver;
mod tls;
mod upstream;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap};
use url::{Host, Url, form_urlencoded};

use crate::config::OutboundConfig;
use budget::Budget;
pub use events::{Event, Events, Opened};
pub use exchange::{Exchange, Method, Request};
pub use fetched::Fetched;
use resolver::{NoSecondLookup, Resolver, SystemResolver};
pub use upstream::{Incoming, Outgoing, Upstreams};

/// What a request is for, which decides where it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A URL that a stranger named (client metadata, `jwks_uri`): https and public addresses only, on a budget.
    ClientDocument,
    /// The URL of a client's picture, which somebody signed in named: as far as a stranger's, on a budget that no stranger can
    /// use up, and that takes nothing from theirs.
    ClientLogo,
    /// A URL that a system administrator entered: also http and private addresses, but never link-local ones and those at
    /// which clouds hand out credentials.
    AdministratorEndpoint,
    /// The URL of public keys that a system administrator entered, of a client or an issuer: as far as the others that they
    /// enter. Whoever names that client or issuer makes us read it, so each URL has a budget, and strangers have no part in it.
    AdministratorKeys,
    /// A URL that a document at an administrator's endpoint named: https and public addresses only, as from any stranger. Whoever asks
    /// keeps the number of requests small.
    LinkedEndpoint,
    /// A URL on an operator's own command line: anywhere.
    OperatorCommand,
}

/// Why a request was not sent, or brought nothing. The messages are safe to show to whoever named the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Not an absolute http or https URL with a host, or one with a password in it.
    #[error("the URL cannot be fetched")]
    BadUrl,
    /// Plain http where TLS is required.
    #[error("the URL must be https")]
    NotHttps,
    /// An address that the purpose may not reach; nothing was sent.
    #[error("the host is not on the public internet")]
    ForbiddenAddress,
    /// The name has no address.
    #[error("the host name cannot be resolved")]
    Unresolvable,
    /// Too many requests for this host, or for all; nothing was sent.
    #[error("too many requests to this host, try again later")]
    OverBudget {
        /// When the next one may go.
        retry_after: Duration,
    },
    /// No connection, no TLS, or a broken answer.
    #[error("the host cannot be reached or does not speak HTTP")]
    Unreachable,
    /// It began an answer and did not end it.
    #[error("the host broke off in the middle of its answer")]
    BrokeOff,
    /// It took a request and had not answered after so long.
    #[error("the host did not answer within {} seconds", .0.as_secs())]
    Late(Duration),
    /// The whole did not arrive in time.
    #[error("the host did not answer in time")]
    TimedOut,
    /// Anything but 200; a redirect too.
    #[error("the host answered with status {0} instead of 200")]
    Status(u16),
    /// `Content-Encoding`, although we asked for none.
    #[error("the host sent a compressed answer")]
    Compressed,
    /// A body over the limit.
    #[error("the answer is too large")]
    TooLarge,
}

/// Why the way out cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum NetSetupError {
    /// `PORTCULLIS_EXTRA_CA_FILE`.
    #[error("{} has no readable PEM certificates", .0.display())]
    ExtraCaFile(PathBuf),
    /// The TLS library refused its own defaults.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// The outbound client. Cheap to clone; all clones share one budget.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    tls: rustls::ClientConfig,
    resolver: Box<dyn Resolver>,
    budget: Budget,
    logos: Budget,
    allow_loopback_clients: bool,
    /// For the whole request, from the queue to the last byte.
    total: Duration,
}

/// From the first wait to the last byte of a body, so that a drip-fed one ends too.
const TOTAL: Duration = Duration::from_secs(5);
/// For TCP and TLS; the rest of the time is for the answer.
const CONNECT: Duration = Duration::from_secs(3);

/// How long a connection is kept that nobody uses: a little less than the five seconds after which common servers close theirs, as
/// a request that meets such an end is lost.
const IDLE: Duration = Duration::from_secs(3);

impl Net {
    /// Prepares TLS and budgets.
    pub fn new(config: &OutboundConfig) -> Result<Self, NetSetupError> {
        Self::with(config, Box::new(SystemResolver), TOTAL)
    }

    /// The same, for answers that may take so long.
    pub fn with_patience(config: &OutboundConfig, total: Duration) -> Result<Self, NetSetupError> {
        Self::with(config, Box::new(SystemResolver), total)
    }

    fn with(config: &OutboundConfig, resolver: Box<dyn Resolver>, total: Duration) -> Result<Self, NetSetupError> {
        Ok(Self(Arc::new(Inner {
            tls: tls::client_config(config.extra_ca_file.as_deref())?,
            resolver,
            budget: Budget::new(),
            logos: Budget::new(),
            allow_loopback_clients: config.allow_loopback_clients,
            total,
        })))
    }

    /// Fetches a JSON-like document of at most `max_bytes`. Only a complete answer with status 200 is a success.
    pub async fn get(&self, purpose: Purpose, url: &str, max_bytes: usize) -> Result<Fetched, NetError> {
        self.go(purpose, &Request::get(url), max_bytes, Wanted::Document).await?.document()
    }

    /// Sends any request and brings home any answer, with the first `max_bytes` of its body. The rules are those of
    /// [`get`](Self::get): the purpose says where it may go, and a redirect is an answer like any other.
    pub async fn exchange(&self, purpose: Purpose, request: &Request, max_bytes: usize) -> Result<Exchange, NetError> {
        self.go(purpose, request, max_bytes, Wanted::Anything).await
    }

    /// Posts a form, by the same rules: the status of the answer, whatever it is. Its body is not read.
    pub async fn post_form(&self, purpose: Purpose, url: &str, fields: &[(&str, &str)]) -> Result<u16, NetError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(url, "application/x-www-form-urlencoded", body);
        self.go(purpose, &request, 0, Wanted::Status).await.map(|exchange| exchange.status)
    }

    async fn go(
        &self,
        purpose: Purpose,
        request: &Request,
        max_bytes: usize,
        wanted: Wanted,
    ) -> Result<Exchange, NetError> {
        let url = Url::parse(&request.url).map_err(|_| NetError::BadUrl)?;
        let journey = async {
            let (response, _place) = self.0.send(purpose, &url, request).await?;
            match response.status() {
                _ if wanted == Wanted::Status => Ok(Exchange::head(&response)),
                status if wanted == Wanted::Document && status != reqwest::StatusCode::OK => {
                    Err(NetError::Status(status.as_u16()))
                }
                _ => Exchange::read(response, max_bytes).await,
            }
        };
        let outcome = tokio::time::timeout(self.0.total, journey).await.unwrap_or(Err(NetError::TimedOut));
        // The host alone: paths and queries may be secrets.
        let (host, error) = (url.host_str().unwrap_or_default(), outcome.as_ref().err().map(tracing::field::display));
        tracing::info!(?purpose, host, error, "went out");
        outcome
    }
}

/// What makes an answer worth reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Status 200.
    Document,
    /// Nothing: whatever it is.
    Anything,
    /// Nothing but its status.
    Status,
}

type Underway<'a> = (reqwest::Response, Option<tokio::sync::SemaphorePermit<'a>>);

impl Inner {
    /// Sends a request to where its purpose allows: the head of the answer, and the place to keep until it is read.
    async fn send(&self, purpose: Purpose, url: &Url, request: &Request) -> Result<Underway<'_>, NetError> {
        let is_own_loopback = self.check_url(purpose, url)?;
        let place = match self.budget_of(purpose) {
            Some(budget) => {
                budget.pay_host(url.host_str().unwrap_or_default())?;
                budget.place().await
            }
            None if purpose == Purpose::AdministratorKeys => {
                self.budget.pay_url(url.as_str())?;
                None
            }
            None => None,
        };
        let addresses = self.addresses(purpose, url, is_own_loopback).await?;
        let client = self.pinned(url, &addresses)?;
        let response = request.on(&client, url.clone()).send().await.map_err(|error| sort(&error))?;
        Ok((response, place))
    }

    /// What people pay from who name a URL without being administrators.
    fn budget_of(&self, purpose: Purpose) -> Option<&Budget> {
        match purpose {
            Purpose::ClientDocument => Some(&self.budget),
            Purpose::ClientLogo => Some(&self.logos),
            Purpose::AdministratorEndpoint
            | Purpose::AdministratorKeys
            | Purpose::LinkedEndpoint
            | Purpose::OperatorCommand => None,
        }
    }

    /// Judges the URL's text. True when it is a client's, on loopback, and those are allowed.
    fn check_url(&self, purpose: Purpose, url: &Url) -> Result<bool, NetError> {
        if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
            return Err(NetError::BadUrl);
        }
        // By name, not by address: a stranger's name that resolves to loopback is no less an attack.
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_own_loopback = self.budget_of(purpose).is_some() && is_loopback && self.allow_loopback_clients;
        match (url.scheme(), purpose) {
            ("https", _) => Ok(is_own_loopback),
            ("http", Purpose::ClientDocument | Purpose::ClientLogo | Purpose::LinkedEndpoint) if !is_own_loopback => {
                Err(NetError::NotHttps)
            }
            ("http", _) => Ok(is_own_loopback),
            _ => Err(NetError::BadUrl),
        }
    }

    /// Every address of the host, each of them judged. One bad address among good ones refuses all: honest names have none.
    async fn addresses(&self, purpose: Purpose, url: &Url, is_own_loopback: bool) -> Result<Vec<IpAddr>, NetError> {
        let found = match url.host().ok_or(NetError::BadUrl)? {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(|_| NetError::Unresolvable)?,
        };
        let is_good = |address: &IpAddr| match is_own_loopback {
            true => address.is_loopback(),
            false => address::is_allowed(purpose, *address),
        };
        let first = *found.first().ok_or(NetError::Unresolvable)?;
        if !found.iter().all(is_good) {
            return Err(NetError::ForbiddenAddress);
        }
        if let Some(budget) = self.budget_of(purpose) {
            budget.pay_address(first)?;
        }
        Ok(found)
    }

    /// A client for one request, which can connect to these addresses and to no other.
    fn pinned(&self, url: &Url, addresses: &[IpAddr]) -> Result<reqwest::Client, NetError> {
        self.client(url, addresses).timeout(self.total).build().map_err(|_| NetError::Unreachable)
    }

    /// The same for many requests, whose answers may take as long as whoever reads them has patience.
    fn pinned_for_streams(&self, url: &Url, addresses: &[IpAddr]) -> Result<reqwest::Client, NetError> {
        self.client(url, addresses).build().map_err(|_| NetError::Unreachable)
    }

    fn client(&self, url: &Url, addresses: &[IpAddr]) -> reqwest::ClientBuilder {
        let pins: Vec<SocketAddr> = addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect();
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(NoSecondLookup)
            .resolve_to_addrs(url.host_str().unwrap_or_default(), &pins)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .http1_only()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("Portcullis/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([
                (ACCEPT, reqwest::header::HeaderValue::from_static("application/json")),
                (ACCEPT_ENCODING, reqwest::header::HeaderValue::from_static("identity")),
            ]))
    }
}

/// Time apart from everything else: the causes are the peer's business and stay in the log.
fn sort(error: &reqwest::Error) -> NetError {
    tracing::debug!(error = %error.to_string().split(" for url").next().unwrap_or_default(), "a request failed");
    if error.is_timeout() { NetError::TimedOut } else { NetError::Unreachable }
}
