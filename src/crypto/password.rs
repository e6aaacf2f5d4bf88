//! Passwords at rest (argon2id), and the few hands that hash them.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{Output, ToSql};
use diesel::sql_types::Text;
use diesel::{deserialize, serialize};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::Random;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// An argon2id PHC string: the only form of a password the database ever sees. It is never printed.
#[derive(Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password with a fresh salt. Takes a core for several milliseconds: go through [`Passwords`].
    fn make(password: &SecretString, salt: [u8; 16]) -> Option<Self> {
        let hash: phc::PasswordHash =
            hasher()?.hash_password_with_salt(password.expose_secret().as_bytes(), &salt).ok()?;
        Some(Self(hash.to_string()))
    }

    /// True when `password` is the one that was hashed, at whatever cost it was hashed then.
    fn matches(&self, password: &SecretString) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else { return false };
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
    }

    /// True when it was made by another algorithm or at another cost than today's.
    fn is_dated(&self) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else { return true };
        let cost = Params::try_from(&hash).map(|params| (params.m_cost(), params.t_cost(), params.p_cost()));
        hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || cost != Ok(COST)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl ToSql<Text, Pg> for PasswordHash {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.0, out)
    }
}

impl deserialize::FromSql<Text, Pg> for PasswordHash {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <String as deserialize::FromSql<Text, Pg>>::from_sql(value).map(Self)
    }
}

/// What a presented password turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The right one. `renewed` is a hash of it at today's cost when the stored one is dated.
    Right {
        /// To be stored instead of the hash that was checked.
        renewed: Option<PasswordHash>,
    },
    /// Not the one; or there is nothing that it could be compared with.
    Wrong,
}

/// So many passwords wait to be hashed that one more would wait too long. Nothing was checked; come back in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at once")]
pub struct Busy;

/// Hashes passwords away from the async threads, never more at once than there are cores; cheap to clone.
///
/// Beyond that number every hash only slows the others, so the rest queue; beyond the queue they are told to come back.
#[derive(Clone)]
pub struct Passwords {
    random: Random,
    hands: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// How many may wait for each core: a third of a second of work.
const QUEUE: usize = 32;

impl Passwords {
    /// Hashes at most `cores` at once.
    pub fn new(cores: usize, random: Random) -> Self {
        let cores = cores.max(1);
        let places = Arc::new(Semaphore::new(cores * (1 + QUEUE)));
        Self { random, hands: Arc::new(Semaphore::new(cores)), places }
    }

    /// Checks `password` against what is stored. With nothing stored it takes just as long and is wrong, so that time
    /// does not tell whether somebody exists.
    pub async fn check(&self, stored: Option<PasswordHash>, password: SecretString) -> Result<Verdict, Busy> {
        let salt = self.random.bytes();
        self.by_hand(move || check(stored.as_ref(), &password, salt)).await
    }

    /// The hash under which a chosen password is stored.
    pub async fn hash(&self, password: SecretString) -> Result<PasswordHash, Busy> {
        let salt = self.random.bytes();
        self.by_hand(move || PasswordHash::make(&password, salt)).await?.ok_or(Busy)
    }

    /// Runs `work` on a blocking thread. Its permits go with it: work whose request is gone still counts until it ends.
    async fn by_hand<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let hand = Arc::clone(&self.hands).acquire_owned().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permits = (place, hand);
            work()
        });
        done.await.map_err(|_| Busy)
    }
}

fn check(stored: Option<&PasswordHash>, password: &SecretString, salt: [u8; 16]) -> Verdict {
    match stored {
        Some(hash) if hash.matches(password) => {
            Verdict::Right { renewed: hash.is_dated().then(|| PasswordHash::make(password, salt)).flatten() }
        }
        Some(_) => Verdict::Wrong,
        None => {
            // The same work for nobody's password.
            std::hint::black_box(PasswordHash::make(password, salt));
            Verdict::Wrong
        }
    }
}

fn hasher() -> Option<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(2, Random::seeded(5))
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn the_right_password_is_right_and_any_other_is_wrong() {
        let hash = passwords().hash(secret("correct horse battery")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        for (tried, verdict) in [
            ("correct horse battery", Verdict::Right { renewed: None }),
            ("correct horse batterz", Verdict::Wrong),
            ("", Verdict::Wrong),
        ] {
            assert_eq!(passwords().check(Some(hash.clone()), secret(tried)).await, Ok(verdict), "{tried:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_lower_cost_still_works_and_is_renewed() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let old: phc::PasswordHash = cheap.hash_password_with_salt(b"correct horse", &[7; 16]).unwrap();
        let old = PasswordHash(old.to_string());
        let verdict = passwords().check(Some(old.clone()), secret("correct horse")).await.unwrap();
        let Verdict::Right { renewed: Some(new) } = verdict else { panic!("{verdict:?}") };
        assert!(new != old && !new.is_dated() && new.matches(&secret("correct horse")));
    }

    #[tokio::test]
    async fn a_damaged_hash_is_wrong_and_never_an_error() {
        for text in ["", "plain", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"] {
            let stored = Some(PasswordHash(text.to_owned()));
            assert_eq!(passwords().check(stored, secret("plain")).await, Ok(Verdict::Wrong), "{text:?}");
        }
    }

    /// User enumeration by time: nobody's password costs as much as somebody's.
    #[tokio::test]
    async fn an_unknown_person_takes_as_long_as_a_wrong_password() {
        let passwords = passwords();
        let hash = passwords.hash(secret("correct horse")).await.unwrap();
        let mut fastest = [u128::MAX; 2];
        for _ in 0..5 {
            for (place, stored) in [Some(hash.clone()), None].into_iter().enumerate() {
                let start = Instant::now();
                passwords.check(stored, secret("wrong horse")).await.unwrap();
                fastest[place] = fastest[place].min(start.elapsed().as_micros());
            }
        }
        let [known, unknown] = fastest;
        assert!(unknown * 2 > known, "unknown {unknown} µs, known {known} µs");
    }

    #[tokio::test]
    async fn a_flood_of_passwords_queues_a_little_and_is_then_turned_away() {
        let passwords = Passwords::new(1, Random::seeded(6));
        let flood: Vec<_> = (0..200)
            .map(|_| {
                tokio::spawn({
                    let p = passwords.clone();
                    async move { p.check(None, secret("x")).await }
                })
            })
            .collect();
        let mut turned_away = 0;
        for one in flood {
            turned_away += usize::from(one.await.unwrap() == Err(Busy));
        }
        assert!((1..200).contains(&turned_away), "{turned_away}");
        assert_eq!(passwords.check(None, secret("x")).await, Ok(Verdict::Wrong), "and then there is room again");
    }

    #[test]
    fn a_hash_is_never_printed() {
        assert_eq!(format!("{:?}", PasswordHash("$argon2id$…".to_owned())), "PasswordHash(…)");
    }
}
