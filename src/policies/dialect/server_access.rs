//! A document for each name: `server_access` has the servers, and agents beside them.

use serde_json::{Map, Value, json};

use super::{Dialect, Import, Unsayable, rule_at, sayable};
use crate::policies::draft::Draft;
use crate::policies::reading::{Fault, Reading};
use crate::policies::rule::{Rule, patterns};

const FIELDS: [&str; 10] = [
    "_id",
    "scope_name",
    "description",
    "group_mappings",
    "server_access",
    "ui_permissions",
    "create_in_idp",
    "custom_scopes",
    "created_at",
    "updated_at",
];
/// What is kept for export as it is.
const KEPT: [&str; 3] = ["ui_permissions", "create_in_idp", "custom_scopes"];

pub(super) fn read(reading: &Reading<'_>, import: &mut Import) -> Result<(), Fault> {
    reading.members(&FIELDS)?;
    let mut draft = head(reading)?;
    let mut agents = Vec::new();
    if let Some(list) = reading.get("server_access") {
        for entry in list.list()? {
            match entry.get("agents") {
                Some(said) => {
                    entry.members(&["agents"])?;
                    said.object()?;
                    import.note(&said, "agents are kept for export; they mean nothing here");
                    agents.push(said.value().clone());
                }
                None => draft.rules.push(read_server(&entry, import)?),
            }
        }
    }
    keep(reading, &mut draft, import)?;
    if !agents.is_empty() {
        draft.permissions.insert("agents".to_owned(), Value::Array(agents));
    }
    draft.check(reading)?;
    import.drafts.push(draft);
    Ok(())
}

/// Name, description and groups. A document that names no groups is for the one that has its name.
pub(super) fn head(reading: &Reading<'_>) -> Result<Draft, Fault> {
    let name = match (reading.get("scope_name"), reading.get("_id")) {
        (Some(name), Some(id)) if name.value() != id.value() => {
            return Err(id.fault("this is another name than scope_name"));
        }
        (Some(name), _) | (None, Some(name)) => name.text()?.to_owned(),
        (None, None) => return Err(reading.fault("the field \"scope_name\" is missing")),
    };
    let groups = match reading.get("group_mappings") {
        Some(groups) => groups.texts()?,
        None => vec![name.clone()],
    };
    Ok(Draft { name, description: reading.text_of("description")?, groups, ..Draft::default() })
}

/// What means nothing here and something where it comes from.
pub(super) fn keep(reading: &Reading<'_>, draft: &mut Draft, import: &mut Import) -> Result<(), Fault> {
    for name in KEPT {
        let Some(said) = reading.get(name) else { continue };
        draft.permissions.insert(name.to_owned(), said.value().clone());
        match name {
            "create_in_idp" if said.flag()? => import.note(
                &said,
                "the group is made here; in an identity provider of yours it is not, make it there by hand if people come from it",
            ),
            "create_in_idp" => {}
            _ => import.note(&said, format!("{name} is kept for export; it means nothing here")),
        }
    }
    for name in ["created_at", "updated_at"] {
        if let Some(said) = reading.get(name) {
            import.note(&said, format!("{name} is not kept: it is another system's"));
        }
    }
    Ok(())
}

/// One server: `server`, `methods`, `tools`.
pub(super) fn read_server(entry: &Reading<'_>, import: &mut Import) -> Result<Rule, Fault> {
    entry.members(&["server", "methods", "tools"])?;
    let mut rule = rule_at(&entry.need("server")?, import)?;
    rule.methods = entry.get("methods").map_or(Ok(Vec::new()), |list| patterns(&list))?;
    rule.tools = entry.get("tools").map_or(Ok(Vec::new()), |list| patterns(&list))?;
    let calls = rule.methods.iter().any(|method| method.matches("tools/call"));
    if rule.methods.is_empty() {
        import.note(entry, "it names no methods, so it allows nothing: a list of tools grants no method here");
    } else if !calls && !rule.tools.is_empty() {
        import.note(entry, "tools/call is not among its methods, so its tools are seen and not called here");
    }
    Ok(rule)
}

pub(super) fn write(draft: &Draft) -> Result<Value, Unsayable> {
    let rules = sayable(draft, Dialect::ServerAccess)?;
    let mut access: Vec<Value> = rules.iter().map(server).collect();
    let agents = draft.permissions.get("agents").and_then(Value::as_array);
    access.extend(agents.into_iter().flatten().map(|agents| json!({ "agents": agents })));
    let mut document = Map::new();
    document.insert("scope_name".to_owned(), draft.name.as_str().into());
    document.insert("description".to_owned(), draft.description.as_str().into());
    document.insert("group_mappings".to_owned(), json!(draft.groups));
    document.insert("server_access".to_owned(), access.into());
    let kept = KEPT.iter().filter_map(|name| draft.permissions.get_key_value(*name));
    document.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    Ok(Value::Object(document))
}

/// A rule as a server of a list.
pub(super) fn server(rule: &Rule) -> Value {
    json!({ "server": rule.server, "methods": rule.methods, "tools": rule.tools })
}
