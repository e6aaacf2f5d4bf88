//! Names to addresses, once for each request.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Whoever knows the addresses of a name; tests have one that lies.
#[async_trait]
pub(super) trait Resolver: Send + Sync {
    /// Every address of `name`.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
pub(super) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// What the HTTP client asks when it thinks that it needs a name: it gets none, as we pinned the addresses before.
pub(super) struct NoSecondLookup;

impl reqwest::dns::Resolve for NoSecondLookup {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err(io::Error::other("the address was not pinned").into()) })
    }
}
