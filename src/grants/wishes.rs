//! How a client wishes its person to be met: signed in anew, asked again, or not at all (OpenID Connect Core §3.1.2.1).

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::types::UserId;

/// What a client wishes of sign-in and consent. None of it widens anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// Which pages the person is to see.
    #[serde(default)]
    pub prompt: Prompt,
    /// How many seconds ago they may have proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// The name that they may want to sign in with. Somebody else's word: it is only written into the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Who they are to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hinted: Option<Hinted>,
}

/// `prompt`. What cannot be wished together cannot be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// No page at all: an answer at once, or an error.
    Silent,
    /// Whatever pages are needed, and these.
    Asking {
        /// Sign in, whoever is signed in.
        sign_in: bool,
        /// Be asked, whatever is remembered.
        consent: bool,
    },
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Asking { sign_in: false, consent: false }
    }
}

/// Whom an `id_token_hint` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hinted {
    /// This person.
    Person(UserId),
    /// Nobody that we could tell: it is no ID token of ours for this client, or of a key that is long gone.
    Unknown,
}

impl Wishes {
    /// True when no page may be shown.
    pub fn is_silent(&self) -> bool {
        self.prompt == Prompt::Silent
    }

    /// True when a remembered answer is not enough.
    pub fn asks_again(&self) -> bool {
        matches!(self.prompt, Prompt::Asking { consent: true, .. })
    }

    /// True when somebody who proved who they are at that time has to do it again.
    pub fn is_too_long_ago(&self, authenticated_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let asked = matches!(self.prompt, Prompt::Asking { sign_in: true, .. });
        // `max_age=0` is `prompt=login`, however fast somebody was (OpenID Connect Core §3.1.2.1).
        let aged = |seconds: u32| seconds == 0 || now - authenticated_at > TimeDelta::seconds(seconds.into());
        asked || self.max_age.is_some_and(aged)
    }

    /// True when this person is not the one who is meant.
    pub fn means_somebody_else(&self, person: UserId) -> bool {
        match self.hinted {
            None => false,
            Some(Hinted::Person(hinted)) => hinted != person,
            // Asked in person, somebody is still somebody; without a page there is nobody to ask.
            Some(Hinted::Unknown) => self.is_silent(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_sign_in_is_old_when_the_client_says_so() {
        let now = Clock::system().now();
        let aged = |max_age| Wishes { max_age, ..Wishes::default() };
        let minute_ago = now - TimeDelta::seconds(60);
        assert!(!aged(None).is_too_long_ago(minute_ago, now));
        assert!(!aged(Some(60)).is_too_long_ago(minute_ago, now));
        assert!(aged(Some(59)).is_too_long_ago(minute_ago, now));
        assert!(aged(Some(0)).is_too_long_ago(now, now));
        assert!(!aged(Some(u32::MAX)).is_too_long_ago(DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH));
        let asked = Wishes { prompt: Prompt::Asking { sign_in: true, consent: false }, ..Wishes::default() };
        assert!(asked.is_too_long_ago(now, now));
    }

    #[test]
    fn what_was_stored_before_there_were_wishes_has_none() {
        assert_eq!(serde_json::from_str::<Wishes>("{}").unwrap(), Wishes::default());
        let all = Wishes {
            prompt: Prompt::Silent,
            max_age: Some(1),
            login_hint: Some("ada".to_owned()),
            hinted: Some(Hinted::Person(UserId::fresh())),
        };
        let stored = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Wishes>(&stored).unwrap(), all);
    }
}
