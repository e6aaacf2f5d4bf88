//! Budgets: how often somebody may try something before they have to wait.
//!
//! A budget is in this node's memory, which is bounded: what was not used for longest is forgotten first.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as Instants;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::Clock;
use crate::credentials::Rate;
use crate::identity::Username;
use crate::types::{ApiKeyId, UserId};

/// How many keys one budget remembers: some ten megabytes at most.
const REMEMBERED: u64 = 100_000;

/// Tries that come back one by one, for each key on its own.
pub struct Budget<K: Hash + Eq + Clone + Send + Sync + 'static> {
    limiter: RateLimiter<K, Ledger<K>, Ticks, NoOpMiddleware<Nanos>>,
    ledger: Ledger<K>,
    every: Duration,
}

/// Spent: come back after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries; wait {} seconds", self.seconds())]
pub struct Wait(pub Duration);

impl Wait {
    /// Whole seconds, at least one: the value of `Retry-After` (RFC 9110 §10.2.3).
    pub fn seconds(self) -> u64 {
        self.0.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Budget<K> {
    /// `tries` at once; after that, one more `every` so often. Both are at least one (second).
    pub fn new(tries: u32, every: Duration, clock: &Clock) -> Self {
        let every = every.max(Duration::from_secs(1));
        let tries = NonZeroU32::new(tries).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(every).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(tries);
        let ledger = Ledger::new();
        Self { limiter: RateLimiter::new(quota, ledger.clone(), Ticks(clock.clone())), ledger, every }
    }

    /// Takes one try from `key`'s budget. One that is refused costs nothing.
    pub fn spend(&self, key: &K) -> Result<(), Wait> {
        let now = self.limiter.clock().now();
        self.limiter.check_key(key).map_err(|until| Wait(until.wait_time_from(now)))
    }

    /// Gives one try back.
    pub fn refund(&self, key: &K) {
        let one = Nanos::from(self.every);
        let _: Result<(), ()> = self.ledger.measure_and_replace(key, |spent| match spent {
            Some(spent) => Ok(((), spent.saturating_sub(one))),
            None => Err(()),
        });
    }
}

/// Our clock, as the limiter reads it.
struct Ticks(Clock);

impl Instants for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().timestamp_micros()).unwrap_or_default();
        Nanos::new(micros.saturating_mul(1_000))
    }
}

/// What was spent, by key; the limiter's state, in a bounded cache.
#[derive(Clone)]
struct Ledger<K: Hash + Eq + Send + Sync + 'static>(Cache<K, Nanos>);

impl<K: Hash + Eq + Clone + Send + Sync + 'static> Ledger<K> {
    fn new() -> Self {
        // Least recently used, not least frequently: a newcomer is always remembered, whoever fills the memory.
        Self(Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build())
    }
}

impl<K: Hash + Eq + Clone + Send + Sync + 'static> StateStore for Ledger<K> {
    type Key = K;

    /// Decides and replaces while no one else decides on the same key.
    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut decided = None;
        self.0.entry_by_ref(key).and_compute_with(|entry| match decide(entry.map(moka::Entry::into_value)) {
            Ok((value, spent)) => {
                decided = Some(Ok(value));
                Op::Put(spent)
            }
            Err(refused) => {
                decided = Some(Err(refused));
                Op::Nop
            }
        });
        decided.unwrap_or_else(|| decide(None).map(|(value, _)| value))
    }
}

/// One subscriber's network: an IPv4 address, or the /64 of an IPv6 address, whose owner has all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            address => address,
        })
    }
}

/// How often clients may register themselves, from one network and all together: a room full of people who all connect at
/// once is fine, a flood is not.
pub struct RegistrationLimit {
    networks: Budget<Network>,
    everybody: Budget<()>,
}

impl RegistrationLimit {
    /// Nobody has registered yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            networks: Budget::new(60, Duration::from_secs(10), clock),
            // A flood from everywhere at once adds no more than a thousand rows, and then as many an hour.
            everybody: Budget::new(1000, Duration::from_secs(4), clock),
        }
    }

    /// Pays for one registration.
    pub fn spend(&self, address: IpAddr) -> Result<(), Wait> {
        let network = address.into();
        self.networks.spend(&network)?;
        self.everybody.spend(&()).inspect_err(|_| self.networks.refund(&network))
    }
}

/// How often clients that nobody vouches for may push requests from one network (RFC 9126): what is pushed is kept for a while.
pub struct PushLimit(Budget<Network>);

impl PushLimit {
    /// Nobody has pushed yet.
    pub fn new(clock: &Clock) -> Self {
        Self(Budget::new(120, Duration::from_secs(1), clock))
    }

    /// Pays for one request.
    pub fn spend(&self, address: IpAddr) -> Result<(), Wait> {
        self.0.spend(&address.into())
    }
}

/// How often one person may have a connection tried: each time, some ten requests go out and come back in here.
pub struct TrialLimit(Budget<UserId>);

impl TrialLimit {
    /// Nobody has tried anything yet.
    pub fn new(clock: &Clock) -> Self {
        Self(Budget::new(30, Duration::from_secs(4), clock))
    }

    /// Pays for one try.
    pub fn spend(&self, person: UserId) -> Result<(), Wait> {
        self.0.spend(&person)
    }
}

/// How often somebody in one network may make us read a client's metadata document before anybody has signed in.
pub struct DocumentLimit(Budget<Network>);

impl DocumentLimit {
    /// Nothing has been read yet.
    pub fn new(clock: &Clock) -> Self {
        // What is read is kept for minutes at least, so an honest app comes once.
        Self(Budget::new(10, Duration::from_secs(30), clock))
    }

    /// Pays for one document.
    pub fn spend(&self, address: IpAddr) -> Result<(), Wait> {
        self.0.spend(&address.into())
    }
}

/// How often somebody may be refused for a proof that is none: a client's of itself, or what is to buy a token. Each time is
/// recorded, so whoever is beyond it has to wait, and only failures cost.
pub struct RefusalLimit {
    networks: Budget<Network>,
    everybody: Budget<()>,
}

impl RefusalLimit {
    /// Nobody has failed yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            networks: Budget::new(120, Duration::from_secs(1), clock),
            // From everywhere at once: a thousand rows, and then 900 an hour from a node.
            everybody: Budget::new(1000, Duration::from_secs(4), clock),
        }
    }

    /// Pays for one failure.
    pub fn spend(&self, address: IpAddr) -> Result<(), Wait> {
        let network = address.into();
        self.networks.spend(&network)?;
        self.everybody.spend(&()).inspect_err(|_| self.networks.refund(&network))
    }
}

/// How often somebody in one network, whom no secret and no administrator tells from anybody else, may prove possession of a
/// key where tokens are asked for: each proof is kept for the minutes for which it could be repeated (RFC 9449 §11.1).
pub struct ProofLimit(Budget<Network>);

impl ProofLimit {
    /// Nobody has proved anything yet.
    pub fn new(clock: &Clock) -> Self {
        Self(Budget::new(120, Duration::from_secs(1), clock))
    }

    /// Pays for one proof.
    pub fn spend(&self, address: IpAddr) -> Result<(), Wait> {
        self.0.spend(&address.into())
    }
}

/// How often API keys may be used that somebody limited, and how often somebody in one network may present keys that this
/// node does not know: each of those costs a query.
pub struct KeyLimits {
    strangers: Budget<Network>,
    uses: Cache<ApiKeyId, Duration>,
    clock: Clock,
}

impl KeyLimits {
    /// Nobody has come yet.
    pub fn new(clock: &Clock) -> Self {
        let uses = Cache::builder().max_capacity(REMEMBERED).eviction_policy(EvictionPolicy::lru()).build();
        Self { strangers: Budget::new(120, Duration::from_secs(1), clock), uses, clock: clock.clone() }
    }

    /// Pays for asking the database about a key.
    pub fn ask(&self, address: IpAddr) -> Result<(), Wait> {
        self.strangers.spend(&address.into())
    }

    /// The key was one of ours: asking costs nothing.
    pub fn known(&self, address: IpAddr) {
        self.strangers.refund(&address.into());
    }

    /// Pays for a use of a key: as many as its rate at once, and as many again within each minute. One that is refused costs
    /// nothing.
    pub fn spend(&self, key: ApiKeyId, rate: Rate) -> Result<(), Wait> {
        const MINUTE: Duration = Duration::from_secs(60);
        let every = MINUTE / rate.a_minute();
        let now = Duration::from_micros(u64::try_from(self.clock.now().timestamp_micros()).unwrap_or_default());
        let mut wait = None;
        // The time at which everything that was spent has come back (GCRA, the generic cell rate algorithm).
        self.uses.entry(key).and_compute_with(|entry| {
            let whole_at = entry.map_or(now, |entry| entry.into_value().max(now)) + every;
            wait = (whole_at - now).checked_sub(MINUTE).filter(|over| !over.is_zero());
            if wait.is_some() { Op::Nop } else { Op::Put(whole_at) }
        });
        wait.map_or(Ok(()), |over| Err(Wait(over)))
    }
}

/// How guessing passwords is slowed without locking anybody out.
///
/// Only failures cost. An account has a budget for every network that it signed in from lately, and one other for all
/// the rest of the world together: a guesser uses up that one, and the person at home notices nothing.
pub struct SignInLimits {
    networks: Budget<Network>,
    strangers: Budget<Username>,
    familiar: Budget<(Username, Network)>,
}

/// A try that was paid for in advance.
#[must_use = "a try that neither failed nor is given back costs like a failure"]
pub struct Try<'a> {
    limits: &'a SignInLimits,
    network: Network,
    account: Option<(Username, bool)>,
}

impl SignInLimits {
    /// Nobody has failed yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            // An office behind one address mistypes this often on a Monday; a list of leaked passwords is far longer.
            networks: Budget::new(50, Duration::from_secs(20), clock),
            // Ten guesses, then 720 a day from anywhere at all: hopeless even against a poor password of ten letters.
            strangers: Budget::new(10, Duration::from_secs(120), clock),
            familiar: Budget::new(10, Duration::from_secs(30), clock),
        }
    }

    /// Pays for one try. `account` is what was typed, whether or not anybody has that name, so that waiting does not tell
    /// who exists; `is_familiar` when it signed in from this network lately.
    pub fn begin(&self, address: IpAddr, account: Option<&Username>, is_familiar: bool) -> Result<Try<'_>, Wait> {
        let paid = Try { limits: self, network: address.into(), account: None };
        self.networks.spend(&paid.network)?;
        let Some(account) = account else { return Ok(paid) };
        let spent = match is_familiar {
            true => self.familiar.spend(&(account.clone(), paid.network)),
            false => self.strangers.spend(account),
        };
        match spent {
            Ok(()) => Ok(Try { account: Some((account.clone(), is_familiar)), ..paid }),
            Err(wait) => {
                paid.give_back();
                Err(wait)
            }
        }
    }
}

impl Try<'_> {
    /// The password was right, or was not looked at: that costs nothing.
    pub fn give_back(self) {
        self.limits.networks.refund(&self.network);
        match self.account {
            Some((account, true)) => self.limits.familiar.refund(&(account, self.network)),
            Some((account, false)) => self.limits.strangers.refund(&account),
            None => {}
        }
    }

    /// The password was wrong: the try is used up.
    pub fn failed(self) {}
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const HOME: &str = "198.51.100.7";

    fn name(text: &str) -> Username {
        text.parse().unwrap()
    }

    fn fail(limits: &SignInLimits, address: &str, account: &str, is_familiar: bool) -> Option<Wait> {
        let paid = limits.begin(address.parse().unwrap(), Some(&name(account)), is_familiar);
        paid.map(Try::failed).err()
    }

    #[test]
    fn a_spent_budget_says_how_long_to_wait_and_fills_again() {
        let clock = Clock::adjustable();
        let budget = Budget::new(2, Duration::from_secs(60), &clock);
        assert_eq!((budget.spend(&1), budget.spend(&1)), (Ok(()), Ok(())));
        let wait = budget.spend(&1).unwrap_err();
        assert!((59..=60).contains(&wait.seconds()), "{wait:?}");
        assert_eq!(budget.spend(&2), Ok(()), "another key has its own budget");
        clock.advance(TimeDelta::seconds(61));
        assert_eq!(budget.spend(&1), Ok(()));
        assert!(budget.spend(&1).is_err(), "one came back, not all");
    }

    #[test]
    fn what_is_given_back_can_be_spent_again_and_no_more_than_that() {
        let budget = Budget::new(1, Duration::from_secs(60), &Clock::adjustable());
        budget.refund(&1);
        for _ in 0..3 {
            assert_eq!(budget.spend(&1), Ok(()));
            budget.refund(&1);
        }
        budget.refund(&1);
        budget.refund(&1);
        assert_eq!(budget.spend(&1), Ok(()));
        assert!(budget.spend(&1).is_err(), "refunds never add up to more than the budget");
    }

    #[test]
    fn a_key_is_used_as_often_as_its_rate_says_and_no_more() {
        let clock = Clock::adjustable();
        let limits = KeyLimits::new(&clock);
        let (key, other) = (ApiKeyId::fresh(), ApiKeyId::fresh());
        let uses = |key| (0..100).filter(|_| limits.spend(key, Rate::new(7).unwrap()).is_ok()).count();
        assert_eq!(uses(key), 7);
        let wait = limits.spend(key, Rate::new(7).unwrap()).unwrap_err();
        assert!((8..=9).contains(&wait.seconds()), "{wait:?}");
        assert_eq!(uses(other), 7, "another key has its own");
        clock.advance(TimeDelta::seconds(i64::try_from(wait.seconds()).unwrap()));
        assert_eq!(uses(key), 1, "one came back");
        clock.advance(TimeDelta::hours(1));
        assert_eq!(uses(key), 7, "and no more than all");
    }

    #[test]
    fn keys_that_nobody_knows_are_looked_up_only_so_often_for_one_network() {
        let limits = KeyLimits::new(&Clock::adjustable());
        let (one, other): (IpAddr, IpAddr) = ("203.0.113.9".parse().unwrap(), HOME.parse().unwrap());
        assert_eq!((0..500).filter(|_| limits.ask(one).is_ok()).count(), 120);
        for _ in 0..500 {
            limits.ask(other).unwrap();
            limits.known(other);
        }
    }

    /// Denial of service by wrong passwords: who guesses from elsewhere must not keep the person out.
    #[test]
    fn a_guesser_elsewhere_is_stopped_and_the_person_at_home_is_not() {
        let limits = SignInLimits::new(&Clock::adjustable());
        let guesses = (0..200).filter(|n| fail(&limits, &format!("203.0.113.{n}"), "alice", false).is_none()).count();
        assert_eq!(guesses, 10, "from however many addresses");
        assert_eq!(fail(&limits, HOME, "alice", true), None);
        assert_eq!(fail(&limits, "203.0.113.250", "bob", false), None, "and others sign in from where they like");
    }

    #[test]
    fn somebody_at_a_familiar_place_cannot_guess_for_ever_either() {
        let clock = Clock::adjustable();
        let limits = SignInLimits::new(&clock);
        let guesses = (0..100).filter(|_| fail(&limits, HOME, "alice", true).is_none()).count();
        assert_eq!(guesses, 10);
        clock.advance(TimeDelta::hours(1));
        assert_eq!(fail(&limits, HOME, "alice", true), None);
    }

    /// Password spraying: one guess for each of many accounts.
    #[test]
    fn one_address_cannot_try_many_accounts() {
        let limits = SignInLimits::new(&Clock::adjustable());
        let guesses = (0..200).filter(|n| fail(&limits, HOME, &format!("user{n}"), false).is_none()).count();
        assert_eq!(guesses, 50);
    }

    /// An IPv6 subscriber has 2^64 addresses; they are one.
    #[test]
    fn a_whole_ipv6_subnet_has_one_budget() {
        let limits = SignInLimits::new(&Clock::adjustable());
        let guesses =
            (0..200).filter(|n| fail(&limits, &format!("2001:db8:1:2::{n:x}"), &format!("u{n}"), false).is_none());
        assert_eq!(guesses.count(), 50);
        assert_eq!(fail(&limits, "2001:db8:1:3::1", "alice", false), None);
        assert_eq!(Network::from("::ffff:192.0.2.1".parse::<IpAddr>().unwrap()), Network("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn f1_a_flood_of_registrations_waits_by_network_and_as_a_whole() {
        let clock = Clock::adjustable();
        let limit = RegistrationLimit::new(&clock);
        let register = |address: String| limit.spend(address.parse().unwrap());
        let from_one = (0..200).filter(|n| register(format!("2001:db8:1:2::{n:x}")).is_ok()).count();
        assert_eq!(from_one, 60, "an IPv6 /64 is one network");
        let from_many = (0..2000).filter(|n| register(format!("2001:db8:2:{n:x}::1")).is_ok()).count();
        assert_eq!(from_many, 940, "a thousand from everywhere");
        let wait = register("198.51.100.1".to_owned()).unwrap_err();
        assert!((1..=4).contains(&wait.seconds()), "{wait:?}");
        clock.advance(TimeDelta::hours(1));
        assert!(register("198.51.100.1".to_owned()).is_ok());
    }

    /// Denial of service: the audit trail grows by a known amount at most, from however many addresses.
    #[test]
    fn all_who_fail_together_are_recorded_up_to_a_limit() {
        let clock = Clock::adjustable();
        let limit = RefusalLimit::new(&clock);
        let fail = |address: String| limit.spend(address.parse().unwrap());
        let from_one = (0..500).filter(|_| fail(HOME.to_owned()).is_ok()).count();
        assert!((120..130).contains(&from_one), "one network: {from_one}, a few of which came back meanwhile");
        let from_many = (0..2000).filter(|n| fail(format!("2001:db8:2:{n:x}::1")).is_ok()).count();
        assert!((1000..1010).contains(&(from_one + from_many)), "a thousand from everywhere: {from_many}");
        let wait = fail("203.0.113.9".to_owned()).unwrap_err();
        assert!((1..=4).contains(&wait.seconds()), "{wait:?}");
        clock.advance(TimeDelta::hours(1));
        let later = (0..2000).filter(|n| fail(format!("2001:db8:3:{n:x}::1")).is_ok()).count();
        assert!((900..910).contains(&later), "{later}");
    }

    #[test]
    fn signing_in_costs_nothing() {
        let limits = SignInLimits::new(&Clock::adjustable());
        for _ in 0..500 {
            limits
                .begin(HOME.parse().unwrap(), Some(&name("alice")), false)
                .unwrap_or_else(|_| panic!("limited"))
                .give_back();
        }
    }

    #[test]
    fn being_told_to_wait_does_not_make_the_wait_longer() {
        let clock = Clock::adjustable();
        let limits = SignInLimits::new(&clock);
        for _ in 0..500 {
            fail(&limits, HOME, "alice", false);
        }
        clock.advance(TimeDelta::seconds(121));
        assert_eq!(fail(&limits, HOME, "alice", false), None);
        assert_eq!(fail(&limits, HOME, "bob", false), None, "the address was charged for ten tries, not for 500");
    }
}
