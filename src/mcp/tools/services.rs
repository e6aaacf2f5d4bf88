//! The tools by which those who manage register services, switch them on and off, look at them and remove them. They are called as
//! in the MCP Gateway Registry.

use serde_json::{Value, json};

use super::{CHANGES, Call, DESTROYS, Hints, LOOKS, Outcome, Tool};
use crate::mcp::manage::{Task, plain};
use crate::mcp::schema;
use crate::types::{Thing, Verb};

pub(super) const REGISTER: Tool = Tool {
    name: "register_service",
    title: "Register a service",
    description: "Registers an MCP server behind this gate and looks at once which tools it has. Clients then connect to \
                  /PATH/mcp. It takes no credential for that server: an administrator enters one in the web settings or on \
                  the command line, so that it passes through no model.",
    hints: Hints { open_world: true, ..CHANGES },
    manages: Some((Thing::Servers, Verb::Write)),
    input: registration,
    output: one_service,
    run: register,
};

pub(super) const TOGGLE: Tool = Tool {
    name: "toggle_service",
    title: "Switch a service on or off",
    description: "Switches a registered MCP server on or off, or to the other of the two when `enabled` is not said. While it \
                  is off, nobody reaches it and its tools are in no list.",
    hints: Hints { open_world: true, ..CHANGES },
    manages: Some((Thing::Servers, Verb::Write)),
    input: switch,
    output: one_service,
    run: toggle,
};

pub(super) const REMOVE: Tool = Tool {
    name: "remove_service",
    title: "Remove a service",
    description: "Removes a registered MCP server for good, with what is known of its tools; whoever uses it gets 404 from then \
                  on. To stop it for a while, use toggle_service.",
    hints: DESTROYS,
    manages: Some((Thing::Servers, Verb::Delete)),
    input: path_alone,
    output: removed,
    run: |call| managing(call, |service| Task::Remove { service }),
};

pub(super) const REFRESH: Tool = Tool {
    name: "refresh_service",
    title: "Look at a service again",
    description: "Asks a registered MCP server now how it is and which tools it has, and tells what it answered.",
    hints: Hints { idempotent: true, open_world: true, ..CHANGES },
    manages: Some((Thing::Servers, Verb::Write)),
    input: path_alone,
    output: service_and_tools,
    run: |call| managing(call, |service| Task::Refresh { service }),
};

pub(super) const HEALTHCHECK: Tool = Tool {
    name: "healthcheck",
    title: "How services are",
    description: "Tells of every registered MCP server that you manage, switched on or not, how it was found when it was looked \
                  at last. To look at one now, use refresh_service.",
    hints: LOOKS,
    manages: Some((Thing::Servers, Verb::Read)),
    input: super::no_arguments,
    output: health,
    run: |_| Outcome::Managing(Task::Health),
};

const LONGEST_NAME: u64 = 128;
const LONGEST: u64 = 2048;

fn text(description: &str, longest: u64) -> Value {
    json!({ "type": "string", "description": description, "maxLength": longest })
}

/// The path of a service, which is its name, with slashes around it or without.
fn path() -> Value {
    text("The path of the service, such as \"/fininfo\".", LONGEST_NAME)
}

fn path_alone() -> Value {
    schema::object(json!({ "service_path": path() }), &["service_path"])
}

fn switch() -> Value {
    let enabled = json!({ "type": "boolean", "description": "Whether it is to be on." });
    schema::object(json!({ "service_path": path(), "enabled": enabled }), &["service_path"])
}

fn registration() -> Value {
    let transport = json!({ "type": "string", "description": "streamable-http or sse.", "maxLength": LONGEST_NAME });
    let tag = json!({ "type": "string", "maxLength": LONGEST_NAME });
    let properties = json!({
        "server_name": text("What people call it; its description where that is not said.", LONGEST),
        "path": text("Its path, such as \"/fininfo\": small letters, digits, _ and -.", LONGEST_NAME),
        "proxy_pass_url": text("Where it lives. Without /mcp or /sse at its end, that is added.", LONGEST),
        "description": text("What it is for.", LONGEST),
        "tags": { "type": "array", "items": tag, "maxItems": 50, "description": "Words by which it is found." },
        "supported_transports": { "type": "array", "items": transport, "maxItems": 2 },
        "auth_type": text("Only \"none\" here.", LONGEST_NAME),
        "place": text("Where it is to be: WORKSPACE, WORKSPACE/PROJECT or WORKSPACE/PROJECT/FOLDER.", LONGEST),
    });
    schema::object(properties, &["path", "proxy_pass_url"])
}

fn service() -> Value {
    let (text, words) = (json!({ "type": "string" }), json!({ "type": "array", "items": { "type": "string" } }));
    let properties = json!({
        "id": text,
        "name": text,
        "url": text,
        "command": text,
        "description": text,
        "transport": text,
        "enabled": { "type": "boolean" },
        "workspace": text,
        "place": text,
        "auth": schema::object(json!({ "type": text, "header": text }), &["type"]),
        "forwarded_headers": words,
        "tags": words,
        "mcp_url": text,
        "health": text,
        "health_detail": text,
        "checked_at": text,
        "created_at": text,
    });
    schema::object(properties, &["id", "name", "enabled", "place", "auth", "mcp_url", "health"])
}

fn one_service() -> Value {
    schema::object(json!({ "service": service() }), &["service"])
}

fn service_and_tools() -> Value {
    let text = json!({ "type": "string" });
    let tool = schema::object(json!({ "name": text, "class": text }), &["name", "class"]);
    let tools = json!({ "type": "array", "items": tool });
    schema::object(json!({ "service": service(), "tools": tools }), &["service", "tools"])
}

fn removed() -> Value {
    let properties = json!({ "name": { "type": "string" }, "removed": { "type": "boolean" } });
    schema::object(properties, &["name", "removed"])
}

fn health() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({
        "name": text,
        "enabled": { "type": "boolean" },
        "health": text,
        "health_detail": text,
        "checked_at": text,
    });
    let one = schema::object(properties, &["name", "enabled", "health"]);
    schema::object(json!({ "services": { "type": "array", "items": one } }), &["services"])
}

fn managing(call: &Call<'_>, task: fn(String) -> Task) -> Outcome {
    Outcome::Managing(task(plain(call.text("service_path").unwrap_or_default())))
}

fn toggle(call: &Call<'_>) -> Outcome {
    let service = plain(call.text("service_path").unwrap_or_default());
    Outcome::Managing(Task::Toggle { service, enabled: call.flag("enabled") })
}

fn register(call: &Call<'_>) -> Outcome {
    match serde_json::from_value(Value::Object(call.arguments.clone())) {
        Ok(described) => {
            let place = call.text("place").map(str::to_owned);
            Outcome::Managing(Task::Register { described: Box::new(described), place })
        }
        Err(error) => Outcome::Mistake(error.to_string()),
    }
}
