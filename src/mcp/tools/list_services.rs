//! `list_services`: which servers stand behind this gate.

use serde_json::{Value, json};

use super::{Call, LOOKS, Outcome, Tool, no_arguments};
use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::mcp::schema;
use crate::upstreams::Server;

pub(super) const TOOL: Tool = Tool {
    name: "list_services",
    title: "List services",
    description: "Lists the MCP servers registered behind this gate that you may see, with what each is for.",
    hints: LOOKS,
    input: no_arguments,
    output,
    run,
};

fn output() -> Value {
    schema::object(json!({ "services": { "type": "array", "items": service_schema() } }), &["services"])
}

fn service_schema() -> Value {
    let properties = json!({
        "name": { "type": "string" },
        "description": { "type": "string" },
        "transport": { "type": "string" },
    });
    schema::object(properties, &["name", "description", "transport"])
}

fn run(call: &Call<'_>) -> Outcome {
    let services: Vec<Value> = visible(call.principal, call.world.servers).map(service).collect();
    Outcome::Done(json!({ "services": services }))
}

fn service(server: &Server) -> Value {
    json!({ "name": server.name, "description": server.description, "transport": server.transport })
}

/// The servers that this caller may find.
pub(super) fn visible<'a>(principal: &Principal, servers: &'a [Server]) -> impl Iterator<Item = &'a Server> {
    let may_see = |server: &&Server| {
        let see = Action::SeeServer { id: server.id, server: &server.name, at: &server.place };
        policy::decide(principal, &see) == Decision::Allowed
    };
    servers.iter().filter(move |server| may_see(server))
}
