//! One rule: who is not in it, only what is allowed or denied, and where.

use serde::Serialize;
use serde_json::Value;

use super::condition::{Condition, LONGEST};
use super::pattern::Pattern;
use super::reading::{Fault, Reading};

/// The longest name in a rule, in characters.
const LONGEST_NAME: usize = 512;

/// What is allowed or denied, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Which of both.
    pub effect: Effect,
    /// At which servers.
    pub server: Pattern,
    /// Which methods. They are always looked at: a list of tools grants no method.
    pub methods: Vec<Pattern>,
    /// Which tools, of those that a method is about.
    pub tools: Vec<Pattern>,
    /// Which prompts.
    pub prompts: Vec<Pattern>,
    /// Which resources, by their URIs.
    pub resources: Vec<Pattern>,
    /// Which tools are shown.
    #[serde(skip_serializing_if = "Listing::is_default")]
    pub list: Listing,
    /// When; always, when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies, whatever else allows.
    Deny,
}

/// Which tools a rule shows in lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// Those that it is about.
    #[default]
    Tools,
    /// All of the server, as some systems do.
    All,
}

impl Effect {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl Listing {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Every field of a rule.
const FIELDS: [&str; 8] = ["effect", "server", "methods", "tools", "prompts", "resources", "list", "condition"];

impl Rule {
    /// A rule that allows nothing yet.
    pub fn at(server: &str) -> Self {
        Self {
            effect: Effect::Allow,
            server: Pattern::new(server),
            methods: Vec::new(),
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            list: Listing::Tools,
            condition: None,
        }
    }

    /// A rule in our own words.
    pub fn read(reading: &Reading<'_>) -> Result<Self, Fault> {
        reading.members(&FIELDS)?;
        let patterns = |name: &str| reading.get(name).map_or(Ok(Vec::new()), |list| patterns(&list));
        let server = reading.need("server")?;
        Ok(Self {
            effect: reading.get("effect").map_or(Ok(Effect::Allow), |effect| match effect.text()? {
                "allow" => Ok(Effect::Allow),
                "deny" => Ok(Effect::Deny),
                _ => Err(effect.fault("an effect is allow or deny")),
            })?,
            server: Pattern::new(judged(&server)?),
            methods: patterns("methods")?,
            tools: patterns("tools")?,
            prompts: patterns("prompts")?,
            resources: patterns("resources")?,
            list: reading.get("list").map_or(Ok(Listing::Tools), |list| match list.text()? {
                "tools" => Ok(Listing::Tools),
                "all" => Ok(Listing::All),
                _ => Err(list.fault("list is tools or all")),
            })?,
            condition: reading.get("condition").map(|text| text.text().map(str::to_owned)).transpose()?,
        })
    }

    /// A rule as it is stored.
    pub fn stored(value: &Value) -> Result<Self, Fault> {
        Self::read(&Reading::of(value))
    }

    /// What is wrong with its condition, if anything is.
    pub fn condition_fault(&self) -> Option<String> {
        Condition::of(self.condition.as_deref()?).error().map(ToString::to_string)
    }
}

/// A list of names as patterns.
pub fn patterns(list: &Reading<'_>) -> Result<Vec<Pattern>, Fault> {
    list.list()?.map(|item| judged(&item).map(Pattern::new)).collect()
}

/// A name that can be stored, shown and compared.
pub fn judged<'a>(name: &Reading<'a>) -> Result<&'a str, Fault> {
    let text = name.text()?;
    if text.is_empty() || text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(name.fault(format!("a name has 1 to {LONGEST_NAME} characters that can be seen")));
    }
    Ok(text)
}

/// The most characters of a condition, for forms.
pub const LONGEST_CONDITION: usize = LONGEST;
