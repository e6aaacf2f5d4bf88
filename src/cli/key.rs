//! `portcullis key`: the keys that sign tokens.

use std::collections::BTreeSet;

use clap::Subcommand;
use serde_json::json;

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::grants::rotate_keys::{Old, rotate_now};
use crate::grants::sign::Signing;
use crate::grants::signing_key;
use crate::types::Algorithm;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// List the keys that are published, newest first
    List,
    /// Let new keys sign from now on; what the old ones signed stays good until it expires
    Rotate {
        /// Only this algorithm: ES256, RS256 or EdDSA
        #[arg(long, value_parser = algorithm)]
        algorithm: Option<Algorithm>,
        /// The old keys may be in the wrong hands: everything that they signed stops working at once
        #[arg(long)]
        leaked: bool,
    },
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::named(name).ok_or_else(|| "it must be ES256, RS256 or EdDSA".to_owned())
}

impl Key {
    /// Does it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let in_use = open.config.tokens.access_token_algorithm;
            let signing = Signing::start(&open.db, &open.keys, in_use, open.clock.now()).await;
            let signing = signing.map_err(Failure::refused)?;
            match self {
                Self::List => list(&open).await,
                Self::Rotate { algorithm, leaked } => {
                    let algorithms = algorithm.map_or_else(|| signing.algorithms(), |only| BTreeSet::from([only]));
                    rotate(&open, algorithms, if leaked { Old::Leaked } else { Old::Trusted }).await
                }
            }
        })
    }
}

async fn list(open: &Installation) -> Result<Report, Failure> {
    let mut conn = open.db.read().await.map_err(Failure::refused)?;
    let keys = signing_key::published(&mut conn, open.clock.now()).await.map_err(Failure::refused)?;
    let mut words = String::new();
    let mut facts = Vec::new();
    for key in &keys {
        let algorithm = key.algorithm().map_or("unknown", Algorithm::name);
        let state = match key.expires_at {
            None if key.is_next() => "signs next".to_owned(),
            None => "signs".to_owned(),
            Some(until) => format!("published until {}", until.format("%Y-%m-%d %H:%M UTC")),
        };
        words += &format!("{}  {algorithm}  made {}  {state}\n", key.kid, key.created_at.format("%Y-%m-%d"));
        facts.push(json!({
            "kid": key.kid,
            "algorithm": algorithm,
            "active": key.is_active(),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }));
    }
    Ok(Report::new(words, json!({ "items": facts })))
}

async fn rotate(open: &Installation, algorithms: BTreeSet<Algorithm>, old: Old) -> Result<Report, Failure> {
    let mut words = String::new();
    let mut facts = Vec::new();
    for algorithm in algorithms {
        let (origin, now) = (Origin::operator(), open.clock.now());
        let kid = rotate_now(&open.db, &open.keys, algorithm, old, &open.config.lifetimes, &origin, now).await;
        let kid = kid.map_err(Failure::refused)?;
        words += &format!("{} tokens are signed with {kid} from now on\n", algorithm.name());
        facts.push(json!({ "algorithm": algorithm.name(), "kid": kid }));
    }
    Ok(Report::new(words, json!({ "items": facts })))
}
