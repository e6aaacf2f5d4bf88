//! `portcullis issuer-*`: whose signed statements buy tokens here.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use url::Url;

use super::installation::{self, Installation, Role};
use super::issuer_tokens;
use super::key_file;
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::crypto::statement::{KeySet, StatementAlgorithm};
use crate::db::Connection;
use crate::errands;
use crate::grants::accepted_tokens::{self, AcceptedTokens};
use crate::grants::assertion::LONGEST_SUBJECT;
use crate::grants::trust::{self, Linked, NewRule, RuleAdded};
use crate::grants::trust_rule::{self, Matches, TrustRule};
use crate::grants::trusted_issuer::{self, IssuerKind, TrustedIssuer};
use crate::identity::{Username, linked_account};
use crate::types::{Scope, known_scopes};

/// Which issuer, and what it may say.
#[derive(Debug, Args)]
pub struct Add {
    /// The issuer, exactly as it stands in `iss`
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What it is trusted to say
    #[arg(long, value_enum)]
    kind: Kind,
    /// Where its public keys are; without it, where its metadata says
    #[arg(long, value_name = "URL", conflicts_with = "jwks_file")]
    jwks_uri: Option<String>,
    /// A file with its public keys, for an issuer that publishes none
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// The only signature algorithms that it may use, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    algorithms: Vec<String>,
    /// For workloads: the audience of their tokens, instead of this server's issuer or token endpoint
    #[arg(long)]
    audience: Option<String>,
    /// For id-jag and access-tokens: add a person of its that nobody knows here
    #[arg(long)]
    provision: bool,
    /// For id-jag and access-tokens: the claim from which such a person gets a user name
    #[arg(long, value_name = "CLAIM", requires = "provision")]
    username_claim: Option<String>,
}

/// What an issuer is trusted to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Which person lets which client in
    IdJag,
    /// Which workload it runs
    Workload,
    /// Nothing that buys a token: its own access tokens are accepted as issuer-accept-tokens says
    AccessTokens,
}

impl From<Kind> for IssuerKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::IdJag => Self::IdJag,
            Kind::Workload => Self::Workload,
            Kind::AccessTokens => Self::AccessTokens,
        }
    }
}

impl Add {
    /// Trusts it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        if !is_issuer(&self.issuer) {
            return Err(Failure::usage(format!("--issuer {:?} is not an absolute http or https URL", self.issuer)));
        }
        if self.provision && self.kind == Kind::Workload {
            return Err(Failure::usage("--provision is for --kind id-jag and access-tokens: a workload is no person"));
        }
        if self.audience.is_some() && self.kind != Kind::Workload {
            return Err(Failure::usage("--audience is for --kind workload; issuer-accept-tokens has one of its own"));
        }
        let (algorithms, jwks) = (self.algorithms()?, self.jwks()?);
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let jwks_uri = self.jwks_uri(&open, jwks.is_some()).await?;
            let new = TrustedIssuer {
                issuer: self.issuer.clone(),
                kind: self.kind.into(),
                jwks_uri,
                jwks,
                algorithms: algorithms.iter().map(|algorithm| algorithm.name()).collect(),
                audience: self.audience.clone(),
                provision: self.provision,
                username_claim: self.username_claim.clone(),
                created_at: open.clock.now(),
                disabled_at: None,
            };
            let added = open.db.write(async |conn| trust::add(conn, &new, &Origin::operator()).await).await;
            match added.map_err(Failure::refused)? {
                true => {
                    let words = format!("{} is trusted from now on", new.issuer);
                    let listed = Listed { issuer: new, accepted: None, rules: Vec::new(), people: Vec::new() };
                    Ok(Report::new(words, listed.facts()))
                }
                false => Err(Failure::refused(format!("{} is trusted already", new.issuer))),
            }
        })
    }

    fn algorithms(&self) -> Result<Vec<StatementAlgorithm>, Failure> {
        if self.algorithms.is_empty() {
            return Ok(StatementAlgorithm::ALL.to_vec());
        }
        let named = |name: &String| {
            let known = StatementAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
            known.ok_or_else(|| {
                let all = StatementAlgorithm::ALL.map(StatementAlgorithm::name).join(", ");
                Failure::usage(format!("--algorithms {name} is none of {all}"))
            })
        };
        self.algorithms.iter().map(named).collect()
    }

    fn jwks(&self) -> Result<Option<Value>, Failure> {
        let Some(path) = &self.jwks_file else { return Ok(None) };
        let json = key_file::read(path)?;
        match KeySet::parse(&json) {
            Ok(keys) if keys.is_empty() => Err(key_file::unusable(path, "it has no key that verifies signatures")),
            Ok(_) => Ok(Some(json)),
            Err(error) => Err(key_file::unusable(path, error)),
        }
    }

    async fn jwks_uri(&self, open: &Installation, has_keys: bool) -> Result<Option<String>, Failure> {
        match &self.jwks_uri {
            _ if has_keys => Ok(None),
            Some(uri) if !is_issuer(uri) => {
                Err(Failure::usage(format!("--jwks-uri {uri:?} is not an absolute http or https URL")))
            }
            Some(uri) => Ok(Some(uri.clone())),
            None => {
                let found = errands::issuer::discover(&open.config.outbound, &self.issuer).await;
                found.map(Some).map_err(|why| Failure::refused(format!("{why}; say --jwks-uri or --jwks-file")))
            }
        }
    }
}

fn is_issuer(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Every issuer with its rules.
#[derive(Debug, Args)]
pub struct List;

impl List {
    /// Lists them.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let Self = self;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let listed = open.db.write(async |conn| {
                let mut listed = Vec::new();
                for issuer in trusted_issuer::all(conn).await? {
                    let rules = trust_rule::of_issuer(conn, &issuer.issuer).await?;
                    let people = linked_account::of_issuer(conn, &issuer.issuer).await?;
                    let accepted = accepted_tokens::of_issuer(conn, &issuer.issuer).await?;
                    listed.push(Listed { issuer, accepted, rules, people });
                }
                Ok(listed)
            });
            let listed = listed.await.map_err(Failure::refused)?;
            let words = match listed.is_empty() {
                true => "nobody is trusted; add an issuer with `portcullis issuer-add`".to_owned(),
                false => listed.iter().map(Listed::words).collect::<Vec<_>>().join("\n"),
            };
            Ok(Report::new(words, listed.iter().map(Listed::facts).collect()))
        })
    }
}

/// An issuer, which tokens of its are accepted, what its workloads may do, and who its people are here.
struct Listed {
    issuer: TrustedIssuer,
    accepted: Option<AcceptedTokens>,
    rules: Vec<TrustRule>,
    /// Its subject and our name of each.
    people: Vec<(String, String)>,
}

impl Listed {
    fn words(&self) -> String {
        let Self { issuer, accepted, rules, people } = self;
        let keys = issuer.jwks_uri.as_deref().unwrap_or("keys given");
        let line = format!("{}  {}  {keys}", issuer.issuer, issuer.kind.name());
        let rule = |rule: &TrustRule| format!("  {} -> {} ({})", rule.matches, rule.client_id, rule.scope);
        // Subjects are another's words.
        let person = |(subject, username): &(String, String)| format!("  {subject:?} -> {username}");
        let tokens = accepted.iter().map(|accepted| format!("  {}", issuer_tokens::words(accepted)));
        let below = tokens.chain(rules.iter().map(rule)).chain(people.iter().map(person));
        std::iter::once(line).chain(below).collect::<Vec<_>>().join("\n")
    }

    /// What is not there is left out.
    fn facts(&self) -> Value {
        let Self { issuer, accepted, rules, people } = self;
        let people = people.iter().map(|(subject, username)| json!({ "subject": subject, "username": username }));
        let mut facts = json!({
            "issuer": issuer.issuer, "kind": issuer.kind.name(), "algorithms": issuer.algorithms,
            "provision": issuer.provision, "rules": rules.iter().map(rule_facts).collect::<Vec<_>>(),
            "people": people.collect::<Vec<_>>(),
        });
        if let Some(accepted) = accepted {
            facts["accepted_tokens"] = issuer_tokens::facts(accepted);
        }
        for (name, value) in
            [("jwks_uri", &issuer.jwks_uri), ("audience", &issuer.audience), ("username_claim", &issuer.username_claim)]
        {
            if let Some(value) = value {
                facts[name] = value.as_str().into();
            }
        }
        facts
    }
}

fn rule_facts(rule: &TrustRule) -> Value {
    let mut facts = json!({
        "id": rule.id, "matches": rule.matches.to_string(), "client_id": rule.client_id, "scope": rule.scope,
    });
    if let Some(resource) = &rule.resource {
        facts["resource"] = resource.as_str().into();
    }
    facts
}

/// Which issuer.
#[derive(Debug, Args)]
pub struct Remove {
    /// The issuer
    #[arg(long, value_name = "URL")]
    issuer: String,
}

impl Remove {
    /// Trusts it no more.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let now = open.clock.now();
            let verb = open.db.write(async |conn| trust::remove(conn, &self.issuer, &Origin::operator(), now).await);
            match verb.await.map_err(Failure::refused)? {
                true => {
                    let words = format!("{} buys no more tokens here; its rules are gone", self.issuer);
                    Ok(Report::new(words, json!({ "issuer": self.issuer })))
                }
                false => Err(Failure::refused(format!("{} was not trusted", self.issuer))),
            }
        })
    }
}

/// Which account is whose.
#[derive(Debug, Args)]
pub struct Link {
    #[command(flatten)]
    account: Account,
    /// The person here
    #[arg(long, value_name = "NAME", value_parser = str::parse::<Username>)]
    username: Username,
}

/// An account at an issuer.
#[derive(Debug, Args)]
pub struct Account {
    /// The issuer
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What it calls the account, exactly as it stands in `sub`
    #[arg(long, value_name = "SUBJECT", value_parser = subject)]
    subject: String,
}

/// A subject as an assertion may have one.
fn subject(text: &str) -> Result<String, String> {
    match text.len() {
        1..=LONGEST_SUBJECT => Ok(text.to_owned()),
        _ => Err(format!("it must be 1 to {LONGEST_SUBJECT} bytes long")),
    }
}

impl Link {
    /// Links it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let Self { account: Account { issuer, subject }, username } = self;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let now = open.clock.now();
            let verb = async |conn: &mut Connection| {
                trust::link(conn, (&issuer, &subject), &username, &Origin::operator(), now).await
            };
            match open.db.write(verb).await.map_err(Failure::refused)? {
                Linked::Linked => {
                    let facts = json!({ "issuer": issuer, "subject": subject, "username": username.as_str() });
                    Ok(Report::new(format!("{subject:?} of {issuer} is {} here from now on", username.as_str()), facts))
                }
                Linked::NoSuchIssuer => Err(Failure::refused(format!(
                    "{issuer} is not trusted to say anything of people; add it with `portcullis issuer-add`"
                ))),
                Linked::NoSuchPerson => {
                    Err(Failure::refused(format!("there is nobody with the user name {:?}", username.as_str())))
                }
                Linked::Taken => Err(Failure::refused(format!(
                    "{subject:?} of {issuer} is linked already; `portcullis issuer-list` says to whom"
                ))),
            }
        })
    }
}

impl Account {
    /// Unlinks it.
    pub fn unlink(self, config: Config) -> Result<Report, Failure> {
        let Self { issuer, subject } = self;
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let now = open.clock.now();
            let verb =
                async |conn: &mut Connection| trust::unlink(conn, (&issuer, &subject), &Origin::operator(), now).await;
            match open.db.write(verb).await.map_err(Failure::refused)? {
                true => {
                    let facts = json!({ "issuer": issuer, "subject": subject });
                    Ok(Report::new(format!("{subject:?} of {issuer} is nobody here any more"), facts))
                }
                false => Err(Failure::refused(format!("{subject:?} of {issuer} was not linked to anybody"))),
            }
        })
    }
}

/// Which workloads act as whom.
#[derive(Debug, Args)]
pub struct RuleAdd {
    /// The issuer
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// A claim and what it must be, where a star stands for anything; all that are given must match
    #[arg(long = "match", value_name = "CLAIM=PATTERN", required = true)]
    matches: Vec<String>,
    /// The service account that they act as
    #[arg(long, value_name = "NAME")]
    service_account: String,
    /// The most that they get
    #[arg(long)]
    scope: String,
    /// The only resource that they may ask for
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
}

impl RuleAdd {
    /// Makes the rule.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let matches = Matches::parse(&self.matches).map_err(|error| Failure::usage(format!("--match: {error}")))?;
        let scope = self.scope.parse::<Scope>().ok().filter(|scope| !scope.is_empty());
        let scope = scope.ok_or_else(|| Failure::usage(format!("--scope {:?} is no scope", self.scope)))?;
        if let Some(unknown) = scope.tokens().find(|token| !known_scopes::ALL.contains(token)) {
            return Err(Failure::usage(format!("--scope: {unknown} does not exist here")));
        }
        let Self { issuer, service_account, resource, .. } = self;
        // In the form in which our resources are compared.
        let resource = resource.map(|resource| resource.trim_end_matches('/').to_owned());
        let new = NewRule { issuer, matches, service_account, scope, resource };
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let now = open.clock.now();
            let words = format!("workloads of {} with {} act as {}", new.issuer, new.matches, new.service_account);
            let (issuer, account) = (new.issuer.clone(), new.service_account.clone());
            let verb = open.db.write(async |conn| trust::add_rule(conn, new, &Origin::operator(), now).await);
            match verb.await.map_err(Failure::refused)? {
                RuleAdded::Added(id) => Ok(Report::new(words, json!({ "id": id, "issuer": issuer }))),
                RuleAdded::NoSuchIssuer => Err(Failure::refused(format!(
                    "{issuer} is not trusted for workloads or tokens of programs; add it with `portcullis issuer-add --kind workload`"
                ))),
                RuleAdded::NoSuchAccount => {
                    Err(Failure::refused(format!("there is no service account with the name {account:?}")))
                }
                RuleAdded::NoClient => Err(Failure::refused(format!(
                    "the service account {account:?} has no client that tokens could be issued to"
                ))),
            }
        })
    }
}
