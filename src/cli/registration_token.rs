//! `portcullis registration-token-*`: who may register clients where not everybody may (RFC 7591 §3).

use chrono::TimeDelta;
use clap::Args;
use serde_json::json;

use super::installation::{self, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::{self, Config, RegistrationMode};
use crate::grants::initial_access_token;
use crate::grants::invite::{self, Invitation};

/// What to hand out.
#[derive(Debug, Args)]
pub struct Create {
    /// What to call it
    #[arg(long)]
    label: String,
    /// How many clients it may register; as many as wanted without this
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    uses: Option<i32>,
    /// How long it is good
    #[arg(long, default_value = "7d", value_parser = lifetime)]
    expires: TimeDelta,
}

/// Which to withdraw.
#[derive(Debug, Args)]
pub struct Revoke {
    /// What it is called
    #[arg(long)]
    label: String,
}

fn lifetime(text: &str) -> Result<TimeDelta, String> {
    let span = config::duration(text).filter(|span| *span > TimeDelta::zero() && *span <= TimeDelta::days(3650));
    span.ok_or_else(|| "it must be a length of time such as 7d, at most 3650d".to_owned())
}

impl Create {
    /// Makes it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        if !(1..=128).contains(&self.label.chars().count()) || self.label.contains('\0') {
            return Err(Failure::usage("the label must have 1 to 128 characters"));
        }
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let invitation = Invitation { label: self.label, uses: self.uses, expires_at: now + self.expires };
            let makers = (&*open.keys, &open.random);
            let made = open.db.write(async |conn| invite::invite(conn, makers, &invitation, &origin, now).await).await;
            let Some(token) = made.map_err(Failure::refused)? else {
                return Err(Failure::refused(format!("there is a token called {} already", invitation.label)));
            };
            let note = match open.config.registration.mode {
                RegistrationMode::Token => "",
                RegistrationMode::Open => "; it is not needed while PORTCULLIS_REGISTRATION is open",
                RegistrationMode::Off => "; it is of no use while PORTCULLIS_REGISTRATION is off",
            };
            let until = invitation.expires_at.format("%Y-%m-%d %H:%M UTC");
            let words = format!("{}\ngood until {until}, and shown this once{note}", token.reveal());
            let facts = json!({
                "label": invitation.label, "token": token.reveal(), "expires_at": invitation.expires_at,
            });
            Ok(Report::new(words, facts))
        })
    }
}

impl Revoke {
    /// Withdraws it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, now, label) = (Origin::operator(), open.clock.now(), self.label);
            let done = open.db.write(async |conn| invite::withdraw(conn, &label, &origin, now).await).await;
            match done.map_err(Failure::refused)? {
                true => Ok(Report::new(format!("{label} registers nobody any more"), json!({ "revoked": label }))),
                false => Err(Failure::refused(format!("no token that still stands is called {label}"))),
            }
        })
    }
}

/// Lists them, newest first.
pub fn list(config: Config) -> Result<Report, Failure> {
    installation::with(config, Role::Verb, async |open| {
        open.prepare().await?;
        let mut conn = open.db.read().await.map_err(Failure::refused)?;
        let tokens = initial_access_token::all(&mut conn).await.map_err(Failure::refused)?;
        let (mut words, mut facts) = (String::new(), Vec::new());
        for token in tokens {
            let state = match (token.revoked_at, token.uses_left) {
                (Some(_), _) => "revoked",
                (None, Some(0)) => "used up",
                (None, _) if token.expires_at <= open.clock.now() => "expired",
                (None, _) => "good",
            };
            let left = token.uses_left.map_or_else(|| "any number".to_owned(), |left| left.to_string());
            let until = token.expires_at.format("%Y-%m-%d %H:%M UTC");
            words += &format!("{}  {state}  until {until}  uses left: {left}\n", token.label);
            let mut fact = json!({ "label": token.label, "state": state, "expires_at": token.expires_at });
            if let Some(left) = token.uses_left {
                fact["uses_left"] = left.into();
            }
            facts.push(fact);
        }
        Ok(Report::new(words, json!({ "items": facts })))
    })
}
