//! How devices, and people who type the codes of devices, are slowed down (RFC 8628 §5.1, §5.2).

use std::net::IpAddr;
use std::time::Duration;

use super::limit::{Budget, Network, Wait};
use crate::clock::Clock;
use crate::types::UserId;

/// How often devices may ask, and how often somebody may type a code that is none.
pub struct DeviceLimits {
    asking: Budget<Network>,
    people: Budget<UserId>,
    networks: Budget<Network>,
}

/// A guess that was paid for in advance.
#[must_use = "a guess that is not given back costs like a wrong one"]
pub struct Guess<'a> {
    limits: &'a DeviceLimits,
    person: UserId,
    network: Network,
}

impl DeviceLimits {
    /// Nobody has tried anything yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            asking: Budget::new(60, Duration::from_secs(5), clock),
            // Twenty wrong codes in the lifetime of one, against 2^34: a person mistypes a few.
            people: Budget::new(10, Duration::from_secs(60), clock),
            networks: Budget::new(30, Duration::from_secs(20), clock),
        }
    }

    /// Pays for one request of a device.
    pub fn ask(&self, address: IpAddr) -> Result<(), Wait> {
        self.asking.spend(&address.into())
    }

    /// Pays for one code that somebody typed.
    pub fn guess(&self, person: UserId, address: IpAddr) -> Result<Guess<'_>, Wait> {
        let network = address.into();
        self.networks.spend(&network)?;
        match self.people.spend(&person) {
            Ok(()) => Ok(Guess { limits: self, person, network }),
            Err(wait) => {
                self.networks.refund(&network);
                Err(wait)
            }
        }
    }
}

impl Guess<'_> {
    /// The code was right: that costs nothing.
    pub fn give_back(self) {
        self.limits.people.refund(&self.person);
        self.limits.networks.refund(&self.network);
    }

    /// The code was wrong: the guess is used up.
    pub fn failed(self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_or_a_network_that_guesses_is_stopped_and_right_codes_cost_nothing() {
        let limits = DeviceLimits::new(&Clock::adjustable());
        let (guesser, home): (_, IpAddr) = (UserId::fresh(), "198.51.100.7".parse().unwrap());
        for _ in 0..100 {
            limits.guess(guesser, home).unwrap_or_else(|_| panic!("limited")).give_back();
        }
        let wrong = |person, address| limits.guess(person, address).map(Guess::failed).is_ok();
        assert_eq!((0..100).filter(|_| wrong(guesser, home)).count(), 10, "one person");
        assert_eq!((0..100).filter(|_| wrong(UserId::fresh(), home)).count(), 20, "one network, many accounts");
        assert!(wrong(UserId::fresh(), "203.0.113.9".parse().unwrap()), "others elsewhere go on");
    }
}
