//! `list_services`: which servers stand behind this gate.

use serde_json::{Value, json};

use super::{Call, LOOKS, Outcome, Tool, no_arguments};
use crate::access::Principal;
use crate::access::policy::Decision;
use crate::access::visit::{Target, Visit, judge};
use crate::mcp::schema;
use crate::mcp::serve::World;
use crate::upstreams::Server;

pub(super) const TOOL: Tool = Tool {
    name: "list_services",
    title: "List services",
    description: "Lists the services behind this gate, MCP servers that you may see, with what each is for.",
    hints: LOOKS,
    manages: None,
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
    let services: Vec<Value> = visible(call.principal, call.world).map(service).collect();
    Outcome::Done(json!({ "services": services }))
}

fn service(server: &Server) -> Value {
    json!({ "name": server.name, "description": server.description, "transport": server.transport })
}

/// The servers that this caller may enter.
pub(super) fn visible<'a>(principal: &Principal, world: &World<'a>) -> impl Iterator<Item = &'a Server> {
    let policies = world.policies;
    world.servers.iter().filter(move |server| {
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target: Target::Enter };
        judge(principal, &visit, policies).decision == Decision::Allowed
    })
}
