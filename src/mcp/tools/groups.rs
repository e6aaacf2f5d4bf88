//! The tools by which those who administer make groups and let them use services. They are called as in the MCP Gateway Registry.

use serde_json::{Value, json};

use super::{CHANGES, Call, DESTROYS, Hints, LOOKS, Outcome, Tool, no_arguments};
use crate::mcp::manage::{Task, plain};
use crate::mcp::schema;
use crate::types::{Thing, Verb};

pub(super) const CREATE: Tool = Tool {
    name: "create_group",
    title: "Make a group",
    description: "Makes a group of people and programs. Nobody is in it and it may use nothing until somebody says so: see \
                  add_server_to_scopes_groups.",
    hints: CHANGES,
    manages: Some((Thing::People, Verb::Write)),
    input: new_group,
    output: made,
    run: create,
};

pub(super) const DELETE: Tool = Tool {
    name: "delete_group",
    title: "Remove a group",
    description: "Removes a group, and everybody from it. Policies that name it stay.",
    hints: DESTROYS,
    manages: Some((Thing::People, Verb::Delete)),
    input: name_alone,
    output: removed,
    run: |call| Outcome::Managing(Task::DeleteGroup { name: named(call) }),
};

pub(super) const LIST: Tool = Tool {
    name: "list_groups",
    title: "List groups",
    description: "Lists the groups of people and programs, and how many are in each.",
    hints: LOOKS,
    manages: Some((Thing::People, Verb::Read)),
    input: no_arguments,
    output: groups,
    run: |_| Outcome::Managing(Task::ListGroups),
};

pub(super) const ADD_SERVER: Tool = Tool {
    name: "add_server_to_scopes_groups",
    title: "Let groups use a service",
    description: "Lets groups use a registered MCP server: all its tools, or only those that you name. It goes into the policies \
                  that have the groups' names, in place of what those allowed there before; a group that has none gets one.",
    hints: Hints { idempotent: true, ..CHANGES },
    manages: Some((Thing::Policies, Verb::Write)),
    input: server_and_tools,
    output: let_in,
    run: add_server,
};

pub(super) const REMOVE_SERVER: Tool = Tool {
    name: "remove_server_from_scopes_groups",
    title: "Let groups use a service no more",
    description: "Takes what the policies with the groups' names allow at an MCP server out of them. Other policies of the groups \
                  stay as they are.",
    hints: Hints { idempotent: true, ..CHANGES },
    manages: Some((Thing::Policies, Verb::Write)),
    input: server_alone,
    output: let_in,
    run: remove_server,
};

const LONGEST: u64 = 512;
const MOST: u64 = 100;

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description, "maxLength": LONGEST })
}

fn texts(description: &str, least: u64) -> Value {
    let item = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST });
    json!({ "type": "array", "items": item, "minItems": least, "maxItems": MOST, "description": description })
}

fn new_group() -> Value {
    let properties = json!({ "group_name": text("What it is called."), "description": text("What it is for.") });
    schema::object(properties, &["group_name"])
}

fn name_alone() -> Value {
    schema::object(json!({ "group_name": text("What it is called.") }), &["group_name"])
}

fn server_alone() -> Value {
    let properties = json!({ "server_name": text("The name of the server."), "group_names": texts("The groups.", 1) });
    schema::object(properties, &["server_name", "group_names"])
}

fn server_and_tools() -> Value {
    let mut schema = server_alone();
    schema["properties"]["tools"] = texts("The tools that they may call there; all of them when nothing is said.", 1);
    schema
}

fn group() -> Value {
    let (text, count) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let properties = json!({ "name": text, "description": text, "people": count, "programs": count });
    schema::object(properties, &["name", "description", "people", "programs"])
}

fn made() -> Value {
    schema::object(json!({ "group": group() }), &["group"])
}

fn groups() -> Value {
    schema::object(json!({ "groups": { "type": "array", "items": group() } }), &["groups"])
}

fn removed() -> Value {
    let properties = json!({ "name": { "type": "string" }, "removed": { "type": "boolean" } });
    schema::object(properties, &["name", "removed"])
}

fn let_in() -> Value {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let properties =
        json!({ "server_name": { "type": "string" }, "group_names": names, "may_use": { "type": "boolean" } });
    schema::object(properties, &["server_name", "group_names", "may_use"])
}

fn named(call: &Call<'_>) -> String {
    call.text("group_name").unwrap_or_default().to_owned()
}

fn create(call: &Call<'_>) -> Outcome {
    let description = call.text("description").unwrap_or_default().to_owned();
    Outcome::Managing(Task::CreateGroup { name: named(call), description })
}

fn add_server(call: &Call<'_>) -> Outcome {
    let tools = call.texts("tools").unwrap_or_else(|| vec!["*".to_owned()]);
    letting(call, Some(tools))
}

fn remove_server(call: &Call<'_>) -> Outcome {
    letting(call, None)
}

fn letting(call: &Call<'_>, tools: Option<Vec<String>>) -> Outcome {
    let server = plain(call.text("server_name").unwrap_or_default());
    let groups = call.texts("group_names").unwrap_or_default();
    Outcome::Managing(Task::LetIn { server, groups, tools })
}
