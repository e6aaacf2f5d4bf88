//! The tools that we have ourselves.

use serde_json::{Value, json};

use crate::access::action::{Action, Class};
use crate::access::policy::{self, Decision};
use crate::access::{Principal, manage};
use crate::mcp::manage::Task;
use crate::mcp::message::Object;
use crate::mcp::schema;
use crate::mcp::serve::{Effect, World};
use crate::types::{Thing, Verb};

mod debug_auth_context;
mod disconnect_me;
mod groups;
mod intelligent_tool_finder;
mod leave_note;
mod list_services;
mod services;

/// A built-in tool: what lists say about it, and what it does.
pub struct Tool {
    /// The name that it is called by.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is for, in one or two sentences.
    pub description: &'static str,
    hints: Hints,
    /// What calling it manages; a tool that manages nothing takes the scope of its class.
    manages: Option<(Thing, Verb)>,
    input: fn() -> Value,
    output: fn() -> Value,
    run: fn(&Call<'_>) -> Outcome,
}

/// Its annotations (MCP 2026-07-28, `ToolAnnotations`); policy reads them too.
struct Hints {
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    /// True when it leads to others than us.
    open_world: bool,
}

const LOOKS: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: false };
const CHANGES: Hints = Hints { read_only: false, destructive: false, idempotent: false, open_world: false };
const DESTROYS: Hints = Hints { read_only: false, destructive: true, idempotent: true, open_world: false };

/// One call of a tool whose arguments keep to its schema.
pub struct Call<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// With what.
    pub arguments: &'a Object,
    /// What there is to know.
    pub world: &'a World<'a>,
}

impl Call<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).and_then(Value::as_str)
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.arguments.get(name)?.as_array()?.iter();
        Some(texts.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.arguments.get(name).and_then(Value::as_bool)
    }

    fn count(&self, name: &str, default: usize) -> usize {
        self.arguments.get(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok()).unwrap_or(default)
    }
}

/// What came of a call.
pub enum Outcome {
    /// This, as the output schema has it.
    Done(Value),
    /// This, once the effect has taken place.
    Doing(Value, Effect),
    /// Whatever comes of this task.
    Managing(Task),
    /// The arguments make no sense, in words that let a model correct itself.
    Mistake(String),
}

/// Every tool, in the order of their names.
pub static ALL: [Tool; 15] = [
    groups::ADD_SERVER,
    groups::CREATE,
    debug_auth_context::TOOL,
    groups::DELETE,
    disconnect_me::TOOL,
    services::HEALTHCHECK,
    intelligent_tool_finder::TOOL,
    leave_note::TOOL,
    groups::LIST,
    list_services::TOOL,
    services::REFRESH,
    services::REGISTER,
    groups::REMOVE_SERVER,
    services::REMOVE,
    services::TOGGLE,
];

/// The tools that this caller may find: all but those that policy denies. Missing scope hides none, save of those that manage:
/// few clients can ever have that scope, and the others are better off without ten tools that they cannot call.
pub fn visible_to(principal: &Principal) -> impl Iterator<Item = &'static Tool> {
    let sees = |tool: &&Tool| policy::decide(principal, &Action::SeeTool { tool: tool.name }) == Decision::Allowed;
    let manages = |tool: &&Tool| {
        tool.manages.is_none_or(|(thing, verb)| manage::may(principal, thing, verb) == Decision::Allowed)
    };
    ALL.iter().filter(move |tool| sees(tool) && manages(tool))
}

/// The tools that take the scope of their class, for whoever explains what that scope allows.
pub fn by_class() -> impl Iterator<Item = (&'static str, Class)> {
    ALL.iter().filter(|tool| tool.manages.is_none()).map(|tool| (tool.name, tool.class()))
}

impl Tool {
    /// What a call of it does to the world.
    pub fn class(&self) -> Class {
        Class::of(Some(self.hints.read_only), Some(self.hints.destructive))
    }

    /// The attempt to call it.
    pub fn action(&self) -> Action<'static> {
        match self.manages {
            None => Action::CallTool { tool: self.name, class: self.class() },
            Some((thing, verb)) => Action::Manage { thing, verb, at: None },
        }
    }

    /// What `tools/list` says about it.
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": (self.input)(),
            "outputSchema": (self.output)(),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.hints.read_only,
                "destructiveHint": self.hints.destructive,
                "idempotentHint": self.hints.idempotent,
                "openWorldHint": self.hints.open_world,
            },
        })
    }

    /// Does it, if the arguments keep to its schema. Whether the caller may is not asked here.
    pub fn call(&self, call: &Call<'_>) -> Outcome {
        let violations = schema::violations(&(self.input)(), call.arguments);
        if violations.is_empty() { (self.run)(call) } else { Outcome::Mistake(violations.join("; ")) }
    }
}

fn no_arguments() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_listed_by_name_and_describe_themselves_fully() {
        assert!(ALL.is_sorted_by_key(|tool| tool.name));
        for tool in &ALL {
            let definition = tool.definition();
            for schema in ["inputSchema", "outputSchema"] {
                assert_eq!(definition[schema]["type"], "object", "{} {schema}", tool.name);
                assert_eq!(definition[schema]["additionalProperties"], false, "{} {schema}", tool.name);
            }
            assert!(tool.description.len() > 40, "{}", tool.name);
        }
    }

    #[test]
    fn there_is_a_tool_of_every_class() {
        for class in [Class::Read, Class::Write, Class::Delete] {
            assert!(ALL.iter().any(|tool| tool.class() == class), "{class:?}");
        }
    }
}
