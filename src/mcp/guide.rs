//! What a person who explores finds: the guide (a resource) and the invitation to explore (a prompt).

use serde_json::{Value, json};

use crate::access::Principal;
use crate::access::policy::{self, Decision};
use crate::http::urls;
use crate::mcp::message::Object;
use crate::mcp::serve::World;
use crate::mcp::tools;

/// Where the guide is read.
pub const URI: &str = "portcullis://guide";
/// What the invitation is called.
pub const PROMPT: &str = "explore";

const MEDIA_TYPE: &str = "text/markdown";
const LONGEST_GOAL: usize = 500;

/// What `resources/list` says.
pub fn resource() -> Value {
    json!({
        "uri": URI,
        "name": "guide",
        "title": "What you can do here",
        "description": "Who you are to this server, which tools you may call, and how to get more or less access.",
        "mimeType": MEDIA_TYPE,
    })
}

/// The guide's one page, for this caller.
pub fn contents(principal: &Principal, world: &World<'_>) -> Value {
    json!({ "uri": URI, "mimeType": MEDIA_TYPE, "text": text(principal, world) })
}

fn text(principal: &Principal, world: &World<'_>) -> String {
    let name = plain(principal.subject.name());
    let scope = &principal.scope;
    let tools: String = tools::visible_to(principal).map(|tool| tool_line(principal, tool)).collect();
    let apps = world.public_url.at(urls::APPS);
    format!(
        "# What you can do here\n\n\
         This is Portcullis, the gate in front of your MCP servers. It takes you for **{name}**, and this client was granted \
         `{scope}`.\n\n\
         ## Tools\n\n{tools}\n\
         ## More access, or less\n\n\
         - A tool that needs more than was granted answers with a request for it; your client then asks you in the browser.\n\
         - What you granted to which app, and the button that ends it: <{apps}>\n\
         - `debug_auth_context` shows how each decision was reached.\n"
    )
}

fn tool_line(principal: &Principal, tool: &tools::Tool) -> String {
    let more = match policy::decide(principal, &tool.action()) {
        Decision::Allowed => String::new(),
        Decision::NeedsScope(_) => format!(" *(needs `{}`)*", tool.class().scope()),
        Decision::Denied(why) => format!(" *({why})*"),
    };
    format!("- `{}`: {}{more}\n", tool.name, tool.description)
}

/// A name without what Markdown would take for more than text.
fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric() || " .-_@".contains(*character)).collect()
}

/// What `prompts/list` says.
pub fn prompt() -> Value {
    json!({
        "name": PROMPT,
        "title": "Explore this server",
        "description": "Find out who you are here, what you may do, and which tool fits what you have in mind.",
        "arguments": [{
            "name": "goal",
            "title": "Goal",
            "description": "What you would like to get done, in plain words.",
            "required": false,
        }],
    })
}

/// The invitation, or what is wrong with its arguments.
pub fn invitation(arguments: Option<&Value>) -> Result<Value, String> {
    let nothing = Object::new();
    let arguments = match arguments {
        None => &nothing,
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err("`arguments` must be an object".to_owned()),
    };
    let goal = match arguments.get("goal") {
        None => None,
        Some(Value::String(goal)) if goal.chars().count() <= LONGEST_GOAL => Some(goal.trim()),
        Some(_) => return Err(format!("`goal` must be a string of at most {LONGEST_GOAL} characters")),
    };
    Ok(json!({
        "description": "Explore this server",
        "messages": [{ "role": "user", "content": { "type": "text", "text": request(goal) } }],
    }))
}

fn request(goal: Option<&str>) -> String {
    let look =
        "Call `debug_auth_context` to see who I am to this server and `list_services` to see what stands behind it.";
    match goal.filter(|goal| !goal.is_empty()) {
        Some(goal) => format!(
            "{look} Then use `intelligent_tool_finder` to find the tools that help with the following, and tell me in plain \
             words what you would do and which permission is missing, if any, before you change anything:\n\n{goal}"
        ),
        None => format!("{look} Then tell me in plain words, in a short list, what I can do here."),
    }
}
