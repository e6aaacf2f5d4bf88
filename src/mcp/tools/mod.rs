//! The tools that we have ourselves.

use serde_json::{Value, json};

use crate::access::Principal;
use crate::access::action::{Action, Class};
use crate::access::policy::{self, Decision};
use crate::mcp::message::Object;
use crate::mcp::schema;
use crate::mcp::serve::{Effect, World};

mod debug_auth_context;
mod disconnect_me;
mod intelligent_tool_finder;
mod leave_note;
mod list_services;

/// A built-in tool: what lists say about it, and what it does.
pub struct Tool {
    /// The name that it is called by.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is for, in one or two sentences.
    pub description: &'static str,
    hints: Hints,
    input: fn() -> Value,
    output: fn() -> Value,
    run: fn(&Call<'_>) -> Outcome,
}

/// Its annotations (MCP 2026-07-28, `ToolAnnotations`); policy reads them too.
struct Hints {
    read_only: bool,
    destructive: bool,
    idempotent: bool,
}

const LOOKS: Hints = Hints { read_only: true, destructive: false, idempotent: true };

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
    /// The arguments make no sense, in words that let a model correct itself.
    Mistake(String),
}

/// Every tool, in the order of their names.
pub static ALL: [Tool; 5] = [
    debug_auth_context::TOOL,
    disconnect_me::TOOL,
    intelligent_tool_finder::TOOL,
    leave_note::TOOL,
    list_services::TOOL,
];

/// The tools that this caller may find: all but those that policy denies. Missing scope hides nothing.
pub fn visible_to(principal: &Principal) -> impl Iterator<Item = &'static Tool> {
    ALL.iter().filter(|tool| policy::decide(principal, &Action::SeeTool { tool: tool.name }) == Decision::Allowed)
}

impl Tool {
    /// What a call of it does to the world.
    pub fn class(&self) -> Class {
        Class::of(Some(self.hints.read_only), Some(self.hints.destructive))
    }

    /// The attempt to call it.
    pub fn action(&self) -> Action<'static> {
        Action::CallTool { tool: self.name, class: self.class() }
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
                "openWorldHint": false,
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
