//! `portcullis issuer-accept-tokens`: whose access tokens open the MCP servers here as they are.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::installation::{self, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::grants::accepted_tokens::AcceptedTokens;
use crate::grants::trust;
use crate::types::{Scope, Words, known_scopes};

/// Whose, and which of them. What is said replaces what was said before.
#[derive(Debug, Args)]
pub struct Accept {
    /// The issuer
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// To whom a token may be addressed (`aud`); without it, to the URL of the server at which it is presented
    #[arg(long = "audience", value_name = "AUDIENCE", value_parser = word)]
    audiences: Vec<String>,
    /// The only clients to which a token may have been issued; Cognito's tokens without `aud` need it
    #[arg(long = "client-id", value_name = "ID", value_parser = word)]
    client_ids: Vec<String>,
    /// The most that a token gets
    #[arg(long, default_value = "mcp:read mcp:write")]
    scope: String,
    /// The claim whose groups a person has beside their own, for that call: `groups`, `cognito:groups`, `realm_access.roles`
    #[arg(long, value_name = "CLAIM")]
    groups_claim: Option<String>,
}

/// What can stand in a list of words.
fn word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_word { Ok(text.to_owned()) } else { Err("it must be one word".to_owned()) }
}

impl Accept {
    /// Accepts them.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let scope = self.scope()?;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let accepted = AcceptedTokens {
                issuer: self.issuer,
                id: Uuid::now_v7(),
                audiences: Words(self.audiences),
                client_ids: Words(self.client_ids),
                scope,
                groups_claim: self.groups_claim,
                accepted_at: open.clock.now(),
            };
            let verb = open.db.write(async |conn| trust::accept_tokens(conn, &accepted, &Origin::operator()).await);
            match verb.await.map_err(Failure::refused)? {
                true => {
                    let mut facts = facts(&accepted);
                    facts["issuer"] = accepted.issuer.as_str().into();
                    Ok(Report::new(format!("{}: {}", accepted.issuer, words(&accepted)), facts))
                }
                false => Err(Failure::refused(format!(
                    "{} is not trusted for tokens; add it with `portcullis issuer-add --kind access-tokens`",
                    accepted.issuer
                ))),
            }
        })
    }

    fn scope(&self) -> Result<Scope, Failure> {
        let scope = self.scope.parse::<Scope>().ok().filter(|scope| !scope.is_empty());
        let scope = scope.ok_or_else(|| Failure::usage(format!("--scope {:?} is no scope", self.scope)))?;
        let using = Scope::of(&[known_scopes::MCP_DELETE]);
        if let Some(other) = scope.tokens().find(|token| !using.grants(token)) {
            return Err(Failure::usage(format!("--scope: {other} is not for tokens of others; mcp:* is")));
        }
        Ok(scope)
    }
}

/// What is accepted, in one line.
pub fn words(accepted: &AcceptedTokens) -> String {
    let or = |words: &Words, none: &str| if words.0.is_empty() { none.to_owned() } else { words.0.join(", ") };
    let audiences = or(&accepted.audiences, "the server's URL");
    let clients = or(&accepted.client_ids, "any client");
    let groups = accepted.groups_claim.as_deref().map(|claim| format!(", groups by {claim}")).unwrap_or_default();
    format!("access tokens for {audiences}, of {clients}, with {}{groups}", accepted.scope)
}

/// The same for programs.
pub fn facts(accepted: &AcceptedTokens) -> Value {
    let mut facts = json!({
        "audiences": accepted.audiences, "client_ids": accepted.client_ids, "scope": accepted.scope,
    });
    if let Some(claim) = &accepted.groups_claim {
        facts["groups_claim"] = claim.as_str().into();
    }
    facts
}
