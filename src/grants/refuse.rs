//! VERB: what was to buy a token bought nothing.
//!
//! That changes nothing, so there is no transaction to be part of; how often it may be recorded is for the face to say.

use diesel::QueryResult;
use serde_json::{Map, Value};

use super::Terms;
use crate::audit::{self, Entry, Event};
use crate::db::Connection;

/// The longest part of a stranger's word that is kept.
const LONGEST_WORD: usize = 200;

/// A refusal, and what is known of it.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    /// What was refused.
    pub event: Event,
    /// The client that authenticated, if one did.
    pub client: Option<&'a str>,
    /// The error that it was told (RFC 6749 §5.2).
    pub error: &'a str,
    /// Why, in our words.
    pub why: &'a str,
    /// What it said of itself, by name. Nobody has checked it.
    pub said: Vec<(&'static str, String)>,
}

/// Records it.
pub async fn refuse(conn: &mut Connection, terms: &Terms<'_>, refusal: &Refusal<'_>) -> QueryResult<()> {
    let Refusal { event, client, error, why, said } = refusal;
    let ours = [("error", (*error).to_owned()), ("why", (*why).to_owned())];
    let theirs = said.iter().map(|(name, word)| (*name, kept(word)));
    let detail: Map<String, Value> =
        ours.into_iter().chain(theirs).map(|(name, word)| (name.into(), word.into())).collect();
    let entry = Entry::new(*event).detail(detail.into());
    let entry = client.iter().fold(entry, |entry, client| entry.client(client));
    audit::record(conn, entry, terms.origin, terms.now).await
}

/// PostgreSQL takes no NUL in a text, and nobody needs more than the beginning of a very long one.
fn kept(word: &str) -> String {
    word.chars().filter(|character| !character.is_control()).take(LONGEST_WORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_word_is_short_and_plain() {
        assert_eq!(kept("repo:acme/app"), "repo:acme/app");
        assert_eq!(kept("a\0b\nc"), "abc");
        assert_eq!(kept(&"é".repeat(1000)).chars().count(), LONGEST_WORD);
    }
}
