//! The tools of all servers as `/mcp` offers them: under the server's name, and only what the caller may find.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::Answered;
use crate::access::policy::Decision;
use crate::access::visit::{Target, Visit, judge};
use crate::access::{Policies, Principal};
use crate::mcp::era::Era;
use crate::mcp::message::{Id, Object, Request};
use crate::upstreams::{Offered, Server};

/// Between the name of a server and that of its tool: models take letters, digits, `_` and `-` in names, and nothing else.
const BETWEEN: &str = "__";

/// A tool of a server behind us.
#[derive(Clone, Copy, Debug)]
pub struct Gathered<'a> {
    /// Whose it is.
    pub server: &'a Server,
    /// What it is called there.
    pub tool: &'a str,
    /// As it is offered.
    pub offered: &'a Offered,
}

impl Gathered<'_> {
    /// What it is called here.
    pub fn name(&self) -> String {
        format!("{}{BETWEEN}{}", self.server.name, self.tool)
    }

    /// What `tools/list` says of it.
    pub fn definition(&self) -> Value {
        let mut definition = Value::clone(&self.offered.definition);
        if definition.is_object() {
            definition["name"] = self.name().into();
            if definition.get("inputSchema").is_none() {
                definition["inputSchema"] = json!({ "type": "object" });
            }
        }
        definition
    }

    /// May this caller call it, with nothing said?
    pub fn may_be_called(&self, principal: &Principal, policies: &Policies) -> bool {
        let target = Target::CallTool { tool: self.tool, class: self.offered.class, arguments: &Object::new() };
        self.judged(principal, policies, target) == Decision::Allowed
    }

    fn judged(&self, principal: &Principal, policies: &Policies, target: Target<'_>) -> Decision {
        let Self { server, .. } = self;
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target };
        judge(principal, &visit, policies).decision
    }

    /// What a person or a model reads of it.
    pub fn text(&self, member: &str) -> &str {
        self.offered.definition[member].as_str().unwrap_or_default()
    }
}

/// The tools of all servers that this caller may find, in the order of servers and names.
pub fn visible<'a>(
    principal: &'a Principal,
    servers: &'a [Server],
    policies: &'a Policies,
) -> impl Iterator<Item = Gathered<'a>> {
    let all = servers
        .iter()
        .flat_map(|server| server.upstream.tools.iter().map(move |(tool, offered)| Gathered { server, tool, offered }));
    all.filter(|tool| tool.judged(principal, policies, Target::SeeTool(tool.tool)) == Decision::Allowed)
}

/// The server and the tool there that a name means here. Where two servers could be meant, it is the one with the longer name.
pub fn meant<'s, 'n>(servers: &'s [Server], name: &'n str) -> Option<(&'s Server, &'n str)> {
    let tool_of = |server: &Server| name.strip_prefix(server.name.as_str())?.strip_prefix(BETWEEN);
    let meant = servers.iter().filter_map(|server| Some((server, tool_of(server)?)));
    meant.filter(|(server, tool)| server.upstream.tools.contains_key(*tool)).max_by_key(|(server, _)| server.name.len())
}

/// A call that a server behind us is to answer, as it came to `/mcp`.
#[derive(Clone, Debug, PartialEq)]
pub struct Onward {
    /// Under which it is answered.
    pub id: Id,
    /// How the caller speaks.
    pub era: Era,
    /// Whose tool it is.
    pub server: String,
    /// What it is called there.
    pub tool: String,
    /// The parameters as they came, but for the name.
    pub params: Arc<Object>,
}

impl Onward {
    /// The call of that name with those parameters, if it means a tool of one of these servers.
    pub fn of(servers: &[Server], era: Era, request: &Request, name: &str) -> Option<Self> {
        let (server, tool) = meant(servers, name)?;
        let mut params = request.params.clone();
        params.insert("name".to_owned(), tool.into());
        Some(Self {
            id: request.id.clone(),
            era,
            server: server.name.clone(),
            tool: tool.to_owned(),
            params: Arc::new(params),
        })
    }

    /// What the server said, as the response to the call that came.
    pub(super) fn response(&self, answered: Answered) -> Value {
        let mut response = json!({ "jsonrpc": "2.0", "id": self.id });
        match answered {
            Ok(mut result) => {
                if self.era == Era::Modern && result.is_object() && result.get("resultType").is_none() {
                    result["resultType"] = "complete".into();
                }
                response["result"] = result;
            }
            Err(error) => response["error"] = error,
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::places::PlacePath;
    use crate::types::{Class, PlaceId, ServerId};
    use crate::upstreams::Upstream;

    fn server(name: &str, tools: &[&str]) -> Server {
        let offered = || Offered { class: Class::Read, definition: Arc::default() };
        let tools: BTreeMap<_, _> = tools.iter().map(|tool| ((*tool).to_owned(), offered())).collect();
        Server {
            id: ServerId::fresh(),
            name: name.to_owned(),
            description: String::new(),
            transport: String::new(),
            place: PlacePath::workspace_itself(PlaceId::fresh()),
            upstream: Upstream { tools, ..Upstream::default() },
        }
    }

    #[test]
    fn a_name_means_one_tool_of_one_server() {
        let servers = [server("a", &["b", "b__c"]), server("a__b", &["c", "d"]), server("z", &[])];
        let meant = |name| meant(&servers, name).map(|(server, tool)| (server.name.as_str(), tool));
        for (name, expected) in [
            ("a__b", Some(("a", "b"))),
            ("a__b__c", Some(("a__b", "c"))),
            ("a__b__d", Some(("a__b", "d"))),
            ("a__x", None),
            ("a_b", None),
            ("a__", None),
            ("z__b", None),
            ("b", None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
    }
}
