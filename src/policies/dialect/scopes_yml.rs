//! One YAML file: `UI-Scopes` says what names allow in the other system's pages, `group_mappings` which names a group has, and
//! every other name is that of a list of servers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::server_access::{read_server, server};
use super::{Dialect, Import, Unsayable, sayable};
use crate::policies::draft::Draft;
use crate::policies::reading::{Fault, Reading};

const UI: &str = "UI-Scopes";
const GROUPS: &str = "group_mappings";
/// Where what a name allows in pages is kept.
const PERMISSIONS: &str = "ui_permissions";

/// True for an object of lists of servers.
pub(super) fn looks_like_one(document: &Value) -> bool {
    let is_servers = |list: &Value| {
        list.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(|entry| entry.get("server").is_some()))
    };
    document.as_object().is_some_and(|names| !names.is_empty() && names.values().all(is_servers))
}

pub(super) fn read(reading: &Reading<'_>, import: &mut Import) -> Result<(), Fault> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (name, servers) in reading.entries()?.filter(|(name, _)| ![UI, GROUPS].contains(name)) {
        let draft = named(&mut drafts, name);
        if !servers.value().is_null() {
            for entry in servers.list()? {
                draft.rules.push(read_server(&entry, import)?);
            }
        }
    }
    if let Some(ui) = reading.get(UI) {
        for (name, permissions) in ui.entries()? {
            permissions.object()?;
            import.note(
                &permissions,
                "permissions in the other system's pages are kept for export; they mean nothing here",
            );
            named(&mut drafts, name).permissions.insert(PERMISSIONS.to_owned(), permissions.value().clone());
        }
    }
    if let Some(groups) = reading.get(GROUPS) {
        for (group, names) in groups.entries()? {
            for name in names.list()? {
                match drafts.get_mut(name.text()?) {
                    Some(draft) => draft.groups.push(group.to_owned()),
                    None => {
                        import.note(
                            &name,
                            "this file does not say what it is: the policy of that name is given to the group",
                        );
                        import.given.push((name.text()?.to_owned(), group.to_owned()));
                    }
                }
            }
        }
    }
    for draft in drafts.values() {
        draft.check(reading)?;
    }
    import.drafts.extend(drafts.into_values());
    Ok(())
}

fn named<'d>(drafts: &'d mut BTreeMap<String, Draft>, name: &str) -> &'d mut Draft {
    drafts.entry(name.to_owned()).or_insert_with(|| Draft { name: name.to_owned(), ..Draft::default() })
}

pub(super) fn write(drafts: &[&Draft]) -> Result<String, Unsayable> {
    let dialect = Dialect::ScopesYml;
    let (mut ui, mut groups, mut servers) = (Map::new(), BTreeMap::<&str, Vec<&str>>::new(), Map::new());
    for draft in drafts {
        let unsayable = |why: String| Unsayable { name: draft.name.clone(), dialect, why };
        if [UI, GROUPS].contains(&draft.name.as_str()) {
            return Err(unsayable("that name means something else there".to_owned()));
        }
        if let Some(other) =
            draft.permissions.keys().find(|name| ![PERMISSIONS, "create_in_idp"].contains(&name.as_str()))
        {
            return Err(unsayable(format!("there is no word for its {other}")));
        }
        let rules: Vec<Value> = sayable(draft, dialect)?.iter().map(server).collect();
        let permissions = draft.permissions.get(PERMISSIONS);
        if let Some(permissions) = permissions {
            ui.insert(draft.name.clone(), permissions.clone());
        }
        if permissions.is_none() || !rules.is_empty() {
            servers.insert(draft.name.clone(), rules.into());
        }
        for group in &draft.groups {
            groups.entry(group).or_default().push(&draft.name);
        }
    }
    // There is no word for what a policy is for.
    let told = drafts.iter().filter(|draft| !draft.description.is_empty());
    let comments: String =
        told.map(|draft| format!("# {}: {}\n", draft.name, draft.description.replace(['\r', '\n'], " "))).collect();
    let mut document = Map::new();
    document.insert(UI.to_owned(), ui.into());
    document.insert(GROUPS.to_owned(), json!(groups));
    document.extend(servers);
    serde_saphyr::to_string(&document).map(|document| comments + &document).map_err(|error| Unsayable {
        name: "the file".to_owned(),
        dialect,
        why: error.to_string(),
    })
}
