//! VERB: write down what a server answered when somebody asked it for its tools.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryResult;
use serde_json::{Value, json};

use super::server::{self, Health};
use super::tool::{self, Tool};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::{Connection, changes};
use crate::types::{Class, ServerId};

/// So long a tool is remembered that is not listed any more: one that goes and comes back is not a new one, which could call
/// itself harmless at once.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
/// So many tools of one server are known, those that it had before among them.
const MOST: i64 = 2000;
/// So many of those that it lists are taken.
pub const MOST_LISTED: usize = 1000;
/// The longest name of a tool, and the largest description of one, in bytes.
const LONGEST: (usize, usize) = (128, 64 * 1024);
/// So many names the trail tells of.
const TOLD: usize = 50;

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// These are its tools, as it describes them.
    Tools(Vec<Value>),
    /// It does not answer without the credential of a caller; and so nobody can say.
    Unsaid(String),
    /// It did not answer, or not as it should.
    Failed(String),
}

/// What was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How the server is.
    pub health: Health,
    /// Why it is not healthy.
    pub detail: String,
    /// How many tools it lists, where it said so.
    pub tools: Option<usize>,
    /// True when what its tools do is not what it was.
    pub changed: bool,
}

/// Writes down what was found at that URL; nothing where the server does not live there any more.
pub async fn note_tools(
    conn: &mut Connection,
    id: ServerId,
    (url, found): (&str, Found),
    now: DateTime<Utc>,
) -> QueryResult<Option<Noted>> {
    let Some((kept, _)) = server::hold(conn, id).await?.filter(|(kept, _)| kept.url == url) else { return Ok(None) };
    let (health, detail, tools, changed) = match found {
        Found::Tools(definitions) => {
            let listed = listed(definitions);
            let count = listed.len();
            let changed = take(conn, (id, &kept.name), listed, now).await?;
            (Health::Healthy, String::new(), Some(count), changed)
        }
        Found::Unsaid(why) => (Health::Unknown, words(&why), None, false),
        Found::Failed(why) => (Health::Failing, words(&why), None, false),
    };
    server::note_health(conn, id, (health, &detail), now).await?;
    Ok(Some(Noted { health, detail, tools, changed }))
}

/// Takes over what is listed. True when what tools do is not what it was.
async fn take(
    conn: &mut Connection,
    (id, name): (ServerId, &str),
    listed: BTreeMap<String, (Class, Value)>,
    now: DateTime<Utc>,
) -> QueryResult<bool> {
    let known = tool::of_server(conn, id).await?;
    let known: HashMap<&str, &Tool> = known.iter().map(|tool| (tool.name.as_str(), tool)).collect();
    let newest = known.values().map(|tool| tool.seen_at).max();
    let was_listed = |tool: &&&Tool| Some(tool.seen_at) == newest;
    let gone = known.values().filter(was_listed).filter(|tool| !listed.contains_key(&tool.name));
    let gone: Vec<&str> = gone.map(|tool| tool.name.as_str()).take(TOLD).collect();
    let (mut added, mut worse, mut lesser, mut tools) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, (stated, definition)) in listed {
        let before = known.get(name.as_str()).copied();
        let (class, proposed, chosen) = weighed(before, stated);
        match before {
            None => added.push(name.clone()),
            Some(before) if class > before.class => worse.push(name.clone()),
            Some(before) if proposed.is_some() && proposed != before.proposed => lesser.push(name.clone()),
            Some(_) => {}
        }
        tools.push(Tool { name, definition, class, proposed, chosen, seen_at: now });
    }
    if !tools.is_empty() {
        tool::note(conn, id, &tools).await?;
    }
    tool::forget(conn, id, now - REMEMBERED, MOST).await?;
    let changed = !added.is_empty() || !worse.is_empty();
    if changed || !lesser.is_empty() || !gone.is_empty() {
        for names in [&mut added, &mut worse, &mut lesser] {
            names.truncate(TOLD);
        }
        let detail = json!({
            "id": id, "server": name, "added": added, "gone": gone, "worse": worse, "lesser": lesser,
        });
        audit::record(conn, Entry::new(Event::ServerToolsChanged).detail(detail), &Origin::default(), now).await?;
    }
    if changed {
        changes::announce(conn, super::CHANGED).await?;
    }
    Ok(changed)
}

/// What a tool counts as from now on. One that says worse of itself is worse at once, whatever somebody chose for what it was;
/// one that says better of itself waits for somebody who agrees (`decisions` 12).
fn weighed(before: Option<&Tool>, stated: Class) -> (Class, Option<Class>, Option<Class>) {
    match before {
        None => (stated, None, None),
        Some(before) if stated > before.class => (stated, None, before.chosen.filter(|chosen| *chosen >= stated)),
        Some(before) if stated < before.class => (before.class, Some(stated), before.chosen),
        Some(before) => (before.class, None, before.chosen),
    }
}

/// The tools that can be taken as such, by name. One that is described twice is taken at its worst.
fn listed(definitions: Vec<Value>) -> BTreeMap<String, (Class, Value)> {
    let mut listed: BTreeMap<String, (Class, Value)> = BTreeMap::new();
    for definition in definitions.into_iter().take(MOST_LISTED) {
        let Some(name) = name_of(&definition) else { continue };
        let hint = |name: &str| definition["annotations"][name].as_bool();
        let class = Class::of(hint("readOnlyHint"), hint("destructiveHint"));
        match listed.get_mut(&name) {
            Some((worst, _)) => *worst = class.max(*worst),
            None => {
                listed.insert(name, (class, definition));
            }
        }
    }
    listed
}

/// Its name, if it is described in a way that can be kept: the database knows no NUL.
fn name_of(definition: &Value) -> Option<String> {
    let name = definition["name"].as_str()?;
    let fits = (1..=LONGEST.0).contains(&name.len()) && !name.chars().any(char::is_control);
    let written = definition.to_string();
    (fits && written.len() <= LONGEST.1 && !written.contains("\\u0000")).then(|| name.to_owned())
}

/// A reason in a form that can be kept and shown.
fn words(why: &str) -> String {
    why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(class: Class, proposed: Option<Class>, chosen: Option<Class>) -> Tool {
        let seen_at = DateTime::UNIX_EPOCH;
        Tool { name: "t".to_owned(), definition: json!({}), class, proposed, chosen, seen_at }
    }

    /// `decisions` 12: a tool does not become harmless by saying so.
    #[test]
    fn a_class_rises_at_once_and_falls_only_with_somebodys_consent() {
        use Class::{Delete, Read, Write};
        for (before, stated, after) in [
            (None, Read, (Read, None, None)),
            (Some(tool(Write, None, None)), Write, (Write, None, None)),
            (Some(tool(Write, None, None)), Delete, (Delete, None, None)),
            (Some(tool(Delete, None, None)), Write, (Delete, Some(Write), None)),
            (Some(tool(Delete, Some(Write), None)), Read, (Delete, Some(Read), None)),
            (Some(tool(Delete, Some(Read), None)), Delete, (Delete, None, None)),
            (Some(tool(Write, None, Some(Read))), Write, (Write, None, Some(Read))),
            (Some(tool(Write, None, Some(Read))), Delete, (Delete, None, None)),
            (Some(tool(Read, None, Some(Delete))), Write, (Write, None, Some(Delete))),
            (Some(tool(Write, None, Some(Delete))), Read, (Write, Some(Read), Some(Delete))),
        ] {
            assert_eq!(weighed(before.as_ref(), stated), after, "{before:?} {stated:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_left_out_and_a_twin_counts_at_its_worst() {
        let listed = listed(vec![
            json!({ "name": "a", "annotations": { "readOnlyHint": true } }),
            json!({ "name": "a", "annotations": { "destructiveHint": true } }),
            json!({ "name": "" }),
            json!({ "name": 7 }),
            json!("b"),
            json!({ "name": "nul", "description": "\0" }),
            json!({ "name": "line\nbreak" }),
            json!({ "name": "x".repeat(129) }),
            json!({ "name": "huge", "description": "x".repeat(70_000) }),
            json!({ "name": "b", "annotations": "none" }),
        ]);
        let classes: Vec<_> = listed.iter().map(|(name, (class, _))| (name.as_str(), *class)).collect();
        assert_eq!(classes, [("a", Class::Delete), ("b", Class::Write)]);
    }

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(words("a\nb\0"), "a b ");
        assert_eq!(words(&"x".repeat(1000)).len(), 300);
    }
}
