//! How much strangers can make us fetch: we are no amplifier of anyone's attack on a third party.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use ipnet::Ipv6Net;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::NetError;

/// Fetches at the same time, whatever they wait for.
const AT_ONCE: usize = 16;
/// Fetches from one host name or address: a minute's worth, which is also the burst. A client's document is cached, so
/// an honest host sees one request.
const PER_TARGET_AND_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Fetches from all hosts together.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).unwrap();
/// Targets remembered before the idle ones are forgotten.
const REMEMBERED: usize = 1024;

/// The budgets of one node.
pub(super) struct Budget {
    everyone: DefaultDirectRateLimiter,
    targets: DefaultKeyedRateLimiter<Target>,
    places: Semaphore,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Target {
    Name(String),
    Address(IpAddr),
    Url(String),
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            everyone: RateLimiter::direct(Quota::per_minute(PER_MINUTE)),
            targets: RateLimiter::keyed(Quota::per_minute(PER_TARGET_AND_MINUTE)),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Pays for a request to a host, before its name is even looked up.
    pub(super) fn pay_host(&self, host: &str) -> Result<(), NetError> {
        self.pay(Target::Name(host.to_owned()))
    }

    /// Pays for a connection to an address, as a victim can have any number of names, and out of what all share. The target
    /// pays first, so that a flood for one, under whatever names, leaves the others their part.
    pub(super) fn pay_address(&self, address: IpAddr) -> Result<(), NetError> {
        self.pay(Target::Address(network_of(address)))?;
        self.everyone.check().map_err(refused)
    }

    /// Pays for a request to a URL that an administrator entered, out of that URL's own budget alone.
    pub(super) fn pay_url(&self, url: &str) -> Result<(), NetError> {
        self.pay(Target::Url(url.to_owned()))
    }

    /// Waits for one of the places.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.places.acquire().await.ok()
    }

    fn pay(&self, target: Target) -> Result<(), NetError> {
        if self.targets.len() > REMEMBERED {
            self.targets.retain_recent();
        }
        self.targets.check_key(&target).map_err(refused)
    }
}

/// One customer's network: the address itself, or the /64 in which an IPv6 host may call itself anything.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Net::new(v6, 64).map_or(address, |net| net.network().into()),
    }
}

fn refused(until: NotUntil<<DefaultClock as governor::clock::Clock>::Instant>) -> NetError {
    NetError::OverBudget { retry_after: until.wait_time_from(DefaultClock::default().now()) }
}
