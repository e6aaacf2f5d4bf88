//! A policy as somebody wants it, in our own words or those of a dialect.

use serde_json::{Map, Value, json};

use super::reading::{Fault, Reading};
use super::rule::Rule;

/// The most rules of one policy.
pub const MOST_RULES: usize = 10_000;
/// The longest name of a policy or group, in characters.
const LONGEST_NAME: usize = 128;

/// A policy that is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its rules, in no order that matters.
    pub rules: Vec<Rule>,
    /// The groups that it is for.
    pub groups: Vec<String>,
    /// What it allows in another system; kept for export.
    pub permissions: Map<String, Value>,
}

/// Every field of a policy in our own words; the last three are said of one and not taken.
const FIELDS: [&str; 8] = ["name", "description", "rules", "groups", "permissions", "id", "created_at", "changed_at"];

impl Draft {
    /// A policy in our own words.
    pub fn read(reading: &Reading<'_>) -> Result<Self, Fault> {
        reading.members(&FIELDS)?;
        let name = reading.need("name")?;
        let rules = reading
            .get("rules")
            .map_or(Ok(Vec::new()), |rules| rules.list()?.map(|rule| checked(&rule)).collect::<Result<Vec<_>, _>>())?;
        let permissions = reading.get("permissions").map_or(Ok(Map::new()), |all| all.object().cloned())?;
        let draft = Self {
            name: name.text()?.to_owned(),
            description: reading.text_of("description")?,
            rules,
            groups: reading.texts_of("groups")?,
            permissions,
        };
        draft.check(reading)?;
        Ok(draft)
    }

    /// Judges what every dialect could get wrong.
    pub fn check(&self, reading: &Reading<'_>) -> Result<(), Fault> {
        if !may_be_called(&self.name) {
            return Err(reading.fault(format!("{:?} cannot be the name of a policy: {RULE_OF_NAMES}", self.name)));
        }
        if let Some(group) = self.groups.iter().find(|group| !may_be_called(group)) {
            return Err(reading.fault(format!("{group:?} cannot be the name of a group: {RULE_OF_NAMES}")));
        }
        if self.rules.len() > MOST_RULES {
            return Err(reading.fault(format!("a policy has {MOST_RULES} rules at most")));
        }
        let kept = [self.description.clone(), Value::Object(self.permissions.clone()).to_string()];
        if kept.iter().any(|text| text.contains('\0') || text.contains("\\u0000")) {
            return Err(reading.fault("the character U+0000 cannot be stored"));
        }
        Ok(())
    }

    /// In our own words.
    pub fn in_own_words(&self) -> Value {
        let Self { name, description, rules, groups, permissions } = self;
        let mut own = json!({ "name": name, "description": description, "groups": groups, "rules": rules });
        if !permissions.is_empty() {
            own["permissions"] = Value::Object(permissions.clone());
        }
        own
    }
}

const RULE_OF_NAMES: &str = "it has 1 to 128 characters, without commas, line breaks and spaces at its ends";

/// True for what a policy or group may be called.
pub fn may_be_called(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(|character| character == ',' || character.is_control())
}

fn checked(reading: &Reading<'_>) -> Result<Rule, Fault> {
    let rule = Rule::read(reading)?;
    match rule.condition_fault() {
        Some(what) => Err(reading.need("condition")?.fault(what)),
        None => Ok(rule),
    }
}
