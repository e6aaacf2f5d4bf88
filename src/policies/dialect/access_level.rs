//! A document for each name: `servers`, each with its tools and an `access_level`, which is `read` or `execute`.

use serde_json::{Value, json};

use super::server_access::{head, keep};
use super::{Dialect, Import, Unsayable, rule_at, sayable};
use crate::policies::draft::Draft;
use crate::policies::pattern::{Pattern, any_is_all};
use crate::policies::reading::{Fault, Reading};
use crate::policies::rule::{Rule, patterns};

const FIELDS: [&str; 5] = ["scope_name", "description", "servers", "group_mappings", "create_in_idp"];

/// What `read` means: to list and to read, never to call a tool (row U-22).
pub const READ: [&str; 9] = [
    "initialize",
    "notifications/*",
    "ping",
    "tools/list",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];
/// What `execute` means beside that.
pub const CALL: &str = "tools/call";

/// The methods of a level.
pub fn methods(executes: bool) -> Vec<Pattern> {
    let call = executes.then_some(CALL);
    READ.into_iter().chain(call).map(Pattern::new).collect()
}

pub(super) fn read(reading: &Reading<'_>, import: &mut Import) -> Result<(), Fault> {
    reading.members(&FIELDS)?;
    reading.need("scope_name")?;
    let mut draft = head(reading)?;
    reading.need("description")?;
    for server in reading.need("servers")?.list()? {
        server.members(&["server_name", "tools", "access_level"])?;
        let mut rule = rule_at(&server.need("server_name")?, import)?;
        let level = server.need("access_level")?;
        rule.methods = match level.text()? {
            "read" => methods(false),
            "execute" => methods(true),
            _ => return Err(level.fault("an access level is read or execute")),
        };
        rule.tools = patterns(&server.need("tools")?)?;
        draft.rules.push(rule);
    }
    keep(reading, &mut draft, import)?;
    draft.check(reading)?;
    import.drafts.push(draft);
    Ok(())
}

pub(super) fn write(draft: &Draft) -> Result<Value, Unsayable> {
    let dialect = Dialect::AccessLevel;
    if let Some(name) = draft.permissions.keys().find(|name| *name != "create_in_idp") {
        return Err(Unsayable { name: draft.name.clone(), dialect, why: format!("there is no word for its {name}") });
    }
    let server = |(place, rule): (usize, &Rule)| {
        let unsayable =
            |why: &str| Unsayable { name: format!("{}#{}", draft.name, place + 1), dialect, why: why.into() };
        let level =
            level(rule).ok_or_else(|| unsayable("its methods are neither those of read nor those of execute"))?;
        Ok(json!({ "server_name": rule.server, "tools": rule.tools, "access_level": level }))
    };
    let servers = sayable(draft, dialect)?.iter().enumerate().map(server).collect::<Result<Vec<_>, _>>()?;
    let mut document = json!({ "scope_name": draft.name, "description": draft.description, "servers": servers });
    if draft.groups != [draft.name.clone()] {
        document["group_mappings"] = json!(draft.groups);
    }
    if let Some(said) = draft.permissions.get("create_in_idp") {
        document["create_in_idp"] = said.clone();
    }
    Ok(document)
}

fn level(rule: &Rule) -> Option<&'static str> {
    let sorted = |mut methods: Vec<Pattern>| {
        methods.sort_unstable();
        methods.dedup();
        methods
    };
    let said = sorted(rule.methods.clone());
    let is_whole = any_is_all(&rule.prompts) && any_is_all(&rule.resources);
    match () {
        () if !is_whole => None,
        () if said == sorted(methods(false)) => Some("read"),
        () if said == sorted(methods(true)) => Some("execute"),
        () => None,
    }
}
