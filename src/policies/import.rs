//! VERB: everything that a document says, at once or not at all.

use diesel::QueryResult;
use serde_json::{Value, json};

use super::Draft;
use super::dialect::{Import, Note};
use super::save::{self, By, Saved};
use super::seeds::make_groups;
use crate::db::Connection;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The policies that are new.
    pub made: Vec<String>,
    /// Those that were there and are as the document says now.
    pub changed: Vec<String>,
    /// The groups that were made.
    pub groups: Vec<String>,
    /// What there is to know.
    pub notes: Vec<Note>,
}

impl Imported {
    /// For programs.
    pub fn facts(&self) -> Value {
        let notes: Vec<Value> = self.notes.iter().map(|note| json!({ "at": note.at, "what": note.what })).collect();
        json!({ "made": self.made, "changed": self.changed, "groups_made": self.groups, "notes": notes })
    }

    /// For people.
    pub fn words(&self) -> String {
        let told = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
        let done = [told("made", &self.made), told("changed", &self.changed), told("made the groups", &self.groups)];
        let noted = self.notes.iter().map(|note| format!("note: {}: {}", note.at, note.what));
        done.into_iter().flatten().chain(noted).collect::<Vec<_>>().join("\n")
    }
}

/// Saves what a document says. A policy of the same name is replaced, whole.
pub async fn import(conn: &mut Connection, document: &Import, by: By<'_>) -> QueryResult<Imported> {
    let mut imported = Imported { notes: document.notes.clone(), ..Imported::default() };
    for draft in &document.drafts {
        match save::put(conn, draft, by).await? {
            Saved::Made(_) => imported.made.push(draft.name.clone()),
            Saved::Changed(_) | Saved::Taken | Saved::Gone => imported.changed.push(draft.name.clone()),
        }
        imported.groups.extend(make_groups(conn, &draft.groups, by).await?);
    }
    for (policy, group) in &document.given {
        if !save::map(conn, policy, (group, true), by).await? {
            let draft = Draft { name: policy.clone(), groups: vec![group.clone()], ..Draft::default() };
            save::make(conn, &draft, by).await?;
            imported.made.push(policy.clone());
        }
        imported.groups.extend(make_groups(conn, std::slice::from_ref(group), by).await?);
    }
    Ok(imported)
}
