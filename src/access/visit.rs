//! What is attempted at a server behind us, and the one decision on it: pure, and the same for a list as for a call.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Principal;
use super::action::Action;
use super::policies::{Policies, Word};
use super::policy::{self, Decision};
use crate::places::PlacePath;
use crate::types::{Class, ServerId};

/// One thing that a caller tries to do at a server behind us.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Names the server, whatever it is called.
    pub id: ServerId,
    /// Its name.
    pub server: &'a str,
    /// Where it is.
    pub at: &'a PlacePath,
    /// What is tried there.
    pub target: Target<'a>,
}

/// What is tried at a server.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// To come in at all: shake hands, ping, notify, open and end a session.
    Enter,
    /// A method that names no object, such as `tools/list` or `logging/setLevel`.
    Method(&'a str),
    /// To find a tool in a list.
    SeeTool(&'a str),
    /// To call a tool.
    CallTool {
        /// Its name.
        tool: &'a str,
        /// What calling it does to the world.
        class: Class,
        /// With what; empty when nothing was said.
        arguments: &'a Map<String, Value>,
    },
    /// To find a prompt in a list.
    SeePrompt(&'a str),
    /// To get a prompt, or to have its arguments completed.
    GetPrompt(&'a str),
    /// To find a resource or a template of some in a list.
    SeeResource(&'a str),
    /// To read a resource, to follow it, or to have the arguments of its template completed.
    ReadResource(&'a str),
}

impl<'a> Target<'a> {
    /// The method that it is, as rules name it: seeing is part of the method that lists.
    pub fn method(&self) -> &'a str {
        match self {
            Self::Enter => "initialize",
            Self::Method(method) => method,
            Self::SeeTool(_) => "tools/list",
            Self::CallTool { .. } => "tools/call",
            Self::SeePrompt(_) => "prompts/list",
            Self::GetPrompt(_) => "prompts/get",
            Self::SeeResource(_) => "resources/list",
            Self::ReadResource(_) => "resources/read",
        }
    }

    /// The tool, prompt or resource that it is about.
    pub fn object(&self) -> Option<&'a str> {
        match self {
            Self::Enter | Self::Method(_) => None,
            Self::SeeTool(name) | Self::CallTool { tool: name, .. } => Some(name),
            Self::SeePrompt(name) | Self::GetPrompt(name) => Some(name),
            Self::SeeResource(uri) | Self::ReadResource(uri) => Some(uri),
        }
    }

    /// What it does to the world.
    pub fn class(&self) -> Class {
        match self {
            Self::CallTool { class, .. } => *class,
            _ => Class::Read,
        }
    }
}

/// A decision, and whose word it was: the name of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement<'p> {
    /// What came out.
    pub decision: Decision,
    /// The rule that decided, for the audit trail and for people who wonder.
    pub rule: Cow<'p, str>,
}

/// May this caller do this there? Everything has to agree: the person, the client, the token, the place, and the policies of
/// their groups. More scope is asked for only where it would help.
pub fn judge<'p>(principal: &Principal, visit: &Visit<'_>, policies: &'p Policies) -> Judgement<'p> {
    let action = Action::AtServer { id: visit.id, server: visit.server, at: visit.at, class: visit.target.class() };
    let (decision, asked) = policy::decide_by(principal, &action);
    if let Decision::Denied(_) = decision {
        return Judgement { decision, rule: asked.into() };
    }
    match policies.word(principal, visit) {
        Word::Allows(_) if decision != Decision::Allowed => Judgement { decision, rule: asked.into() },
        Word::Allows(rule) => Judgement { decision, rule },
        Word::Denies(rule, why) => Judgement { decision: Decision::Denied(why), rule },
    }
}
