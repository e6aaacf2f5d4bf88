//! Policies in the words of other systems, and in our own.
//!
//! Nothing that is said in a document is dropped without a word: what is not known is refused with the way to it, and what means
//! nothing here is kept for export and noted.

use std::fmt;

use serde_json::Value;

use super::draft::Draft;
use super::pattern::Pattern;
use super::reading::{Fault, Reading};
use super::rule::{Effect, Listing, Rule};

mod access_level;
mod own;
mod scopes_yml;
mod server_access;

/// The most bytes of a document.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// A way of writing policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Ours.
    Portcullis,
    /// One YAML file with everything: `UI-Scopes`, `group_mappings`, and a list of servers for each other name.
    ScopesYml,
    /// A document for each name, with `server_access`.
    ServerAccess,
    /// A document for each name, with `servers` and an `access_level` for each.
    AccessLevel,
}

/// What a document says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// The policies.
    pub drafts: Vec<Draft>,
    /// Policies that it gives to groups without saying what they are: the name, and the group.
    pub given: Vec<(String, String)>,
    /// What there is to know.
    pub notes: Vec<Note>,
}

/// Something that somebody should know of a document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where, as a JSON pointer.
    pub at: String,
    /// What.
    pub what: String,
}

/// Why a policy cannot be said in a dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} cannot be said as {dialect}: {why}")]
pub struct Unsayable {
    /// The rule, or the policy.
    pub name: String,
    /// Where.
    pub dialect: Dialect,
    /// Why.
    pub why: String,
}

impl Dialect {
    /// All.
    pub const ALL: [Self; 4] = [Self::Portcullis, Self::ScopesYml, Self::ServerAccess, Self::AccessLevel];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portcullis => "portcullis",
            Self::ScopesYml => "scopes-yml",
            Self::ServerAccess => "server-access",
            Self::AccessLevel => "access-level",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// The one that a document seems to be in.
    fn of(document: &Value) -> Self {
        let has = |name: &str| document.get(name).is_some();
        let is_mapping = document.get("group_mappings").is_some_and(Value::is_object);
        match () {
            () if has("UI-Scopes") || is_mapping => Self::ScopesYml,
            () if has("server_access") => Self::ServerAccess,
            () if has("servers") => Self::AccessLevel,
            () if has("rules") || has("policies") || has("name") => Self::Portcullis,
            () if has("_id") || has("scope_name") => Self::ServerAccess,
            () if scopes_yml::looks_like_one(document) => Self::ScopesYml,
            () => Self::Portcullis,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a document, JSON or YAML, in that dialect or in the one that it seems to be in. `list` says which tools the rules of
/// other systems show.
pub fn read(text: &str, dialect: Option<Dialect>, list: Listing) -> Result<Import, Fault> {
    let whole = |what: String| Fault { at: String::new(), what };
    if text.len() > LARGEST {
        return Err(whole(format!("it has more than {LARGEST} bytes")));
    }
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(_) if !text.trim_start().starts_with(['{', '[']) => serde_saphyr::from_str(text)
            .map_err(|error| whole(format!("it is neither JSON nor YAML: {}", first_line(&error))))?,
        Err(error) => return Err(whole(format!("it is no JSON: {error}"))),
    };
    read_value(&document, dialect, list)
}

/// The same for a document that was taken apart already.
pub fn read_value(document: &Value, dialect: Option<Dialect>, list: Listing) -> Result<Import, Fault> {
    let reading = Reading::of(document);
    let mut import = Import::default();
    match document {
        Value::Array(_) => {
            for item in reading.list()? {
                read_one(&item, dialect, &mut import)?;
            }
        }
        _ => read_one(&reading, dialect, &mut import)?,
    }
    if list == Listing::All {
        let rules = import.drafts.iter_mut().flat_map(|draft| &mut draft.rules);
        rules.filter(|rule| rule.effect == Effect::Allow).for_each(|rule| rule.list = Listing::All);
    }
    let names = import.drafts.iter().map(|draft| draft.name.as_str());
    match first_twice(names) {
        Some(name) => Err(reading.fault(format!("the policy {name:?} is there twice"))),
        None => Ok(import),
    }
}

fn read_one(reading: &Reading<'_>, dialect: Option<Dialect>, import: &mut Import) -> Result<(), Fault> {
    reading.object()?;
    match dialect.unwrap_or_else(|| Dialect::of(reading.value())) {
        Dialect::Portcullis => own::read(reading, import),
        Dialect::ScopesYml => scopes_yml::read(reading, import),
        Dialect::ServerAccess => server_access::read(reading, import),
        Dialect::AccessLevel => access_level::read(reading, import),
    }
}

/// The policies in a dialect, as text.
pub fn write(drafts: &[&Draft], dialect: Dialect) -> Result<String, Unsayable> {
    let one_or_all = |documents: Vec<Value>| match <[Value; 1]>::try_from(documents) {
        Ok([only]) => format!("{only:#}\n"),
        Err(several) => format!("{:#}\n", Value::Array(several)),
    };
    let each = |write: fn(&Draft) -> Result<Value, Unsayable>| {
        drafts.iter().map(|draft| write(draft)).collect::<Result<Vec<_>, _>>().map(one_or_all)
    };
    match dialect {
        Dialect::Portcullis => each(|draft| Ok(draft.in_own_words())),
        Dialect::ScopesYml => scopes_yml::write(drafts),
        Dialect::ServerAccess => each(server_access::write),
        Dialect::AccessLevel => each(access_level::write),
    }
}

impl Import {
    fn note(&mut self, at: &Reading<'_>, what: impl Into<String>) {
        self.notes.push(Note { at: at.at().to_owned(), what: what.into() });
    }
}

/// A server as other systems write it: slashes around it and the word of a transport behind it are no part of its name.
fn server_name(written: &str) -> &str {
    let name = written.trim_matches('/');
    ["/mcp", "/sse"].iter().find_map(|transport| name.strip_suffix(transport)).unwrap_or(name).trim_matches('/')
}

/// The rule for a server; what other systems do not tell apart, prompts and resources, follows the methods.
fn rule_at(server: &Reading<'_>, import: &mut Import) -> Result<Rule, Fault> {
    let written = super::rule::judged(server)?;
    let name = server_name(written);
    if name.is_empty() {
        return Err(server.fault("this is no name of a server"));
    }
    if ["api", "v0.1"].contains(&name) {
        import.note(server, format!("{name:?} is the other system's own interface: kept, but it means nothing here"));
    }
    Ok(Rule { prompts: vec![Pattern::ALL], resources: vec![Pattern::ALL], ..Rule::at(name) })
}

/// A rule by which these tools of a server can be called, and all else there be read.
pub fn execute_at(server: &str, tools: &[String]) -> Rule {
    let tools = tools.iter().map(|tool| Pattern::new(tool)).collect();
    let (prompts, resources) = (vec![Pattern::ALL], vec![Pattern::ALL]);
    Rule { methods: access_level::methods(true), tools, prompts, resources, ..Rule::at(server_name(server)) }
}

/// What keeps a rule from being said where there are only servers, methods and tools.
fn why_unsayable(rule: &Rule) -> Option<&'static str> {
    let is_reached = |methods: &[&str]| methods.iter().any(|name| super::pattern::any_matches(&rule.methods, name));
    let is_whole = |list: &[Pattern], methods: &[&str]| super::pattern::any_is_all(list) || !is_reached(methods);
    match () {
        () if rule.effect == Effect::Deny => Some("it denies"),
        () if rule.condition.is_some() => Some("it has a condition"),
        () if !is_whole(&rule.prompts, &["prompts/list", "prompts/get"]) => Some("it is about some prompts alone"),
        () if !is_whole(&rule.resources, &["resources/list", "resources/templates/list", "resources/read"]) => {
            Some("it is about some resources alone")
        }
        () => None,
    }
}

/// Each rule, if it can be said.
fn sayable(draft: &Draft, dialect: Dialect) -> Result<&[Rule], Unsayable> {
    let unsayable = |(place, rule): (usize, &Rule)| {
        let why = why_unsayable(rule)?.to_owned();
        Some(Unsayable { name: format!("{}#{}", draft.name, place + 1), dialect, why })
    };
    draft.rules.iter().enumerate().find_map(unsayable).map_or(Ok(&draft.rules), Err)
}

fn first_twice<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
