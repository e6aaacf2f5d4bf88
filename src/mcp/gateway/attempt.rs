//! What a message attempts at the server that it is for.

use std::sync::LazyLock;

use serde_json::Value;

use crate::access::visit::Target;
use crate::mcp::error::Failure;
use crate::mcp::message::{Message, Object, Request};
use crate::upstreams::Upstream;

/// Nothing was said.
static NO_ARGUMENTS: LazyLock<Object> = LazyLock::new(Object::new);

/// What a message attempts; an error where that cannot be told, since nothing that we do not understand is passed on.
pub(super) fn target<'m>(message: &'m Message, upstream: &Upstream) -> Result<Target<'m>, Failure> {
    match message {
        Message::Notification { .. } | Message::Response { .. } => Ok(Target::Enter),
        Message::Request(request) => of_request(request, upstream),
    }
}

fn of_request<'m>(request: &'m Request, upstream: &Upstream) -> Result<Target<'m>, Failure> {
    Ok(match request.method.as_str() {
        "initialize" | "ping" | "server/discover" => Target::Enter,
        "tools/call" => {
            let tool = named(request, "name")?;
            Target::CallTool { tool, class: upstream.class_of(tool), arguments: arguments(&request.params)? }
        }
        "prompts/get" => Target::GetPrompt(named(request, "name")?),
        // What follows nothing is for the server to refuse: in the later era there are no such methods (MCP 2026-07-28).
        method @ ("resources/subscribe" | "resources/unsubscribe") if !request.params.contains_key("uri") => {
            Target::Method(method)
        }
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            Target::ReadResource(named(request, "uri")?)
        }
        "completion/complete" => completed(request)?,
        method => Target::Method(method),
    })
}

fn named<'m>(request: &'m Request, parameter: &str) -> Result<&'m str, Failure> {
    request.text(parameter).ok_or_else(|| Failure::invalid_params(format!("`{parameter}` must be a string")))
}

/// A call may come without arguments, but never with what is no object: then there would be two readings of it.
pub(super) fn arguments(params: &Object) -> Result<&Object, Failure> {
    match params.get("arguments") {
        None => Ok(&NO_ARGUMENTS),
        Some(Value::Object(arguments)) => Ok(arguments),
        Some(_) => Err(Failure::invalid_params("`arguments` must be an object")),
    }
}

/// Who has arguments completed learns something of what they are for (MCP, server/utilities/completion).
fn completed(request: &Request) -> Result<Target<'_>, Failure> {
    let reference = request.params.get("ref");
    let part = |name: &str| reference.and_then(|reference| reference.get(name)).and_then(Value::as_str);
    match (part("type"), part("name"), part("uri")) {
        (Some("ref/prompt"), Some(name), _) => Ok(Target::GetPrompt(name)),
        (Some("ref/resource"), _, Some(uri)) => Ok(Target::ReadResource(uri)),
        _ => Err(Failure::invalid_params("`ref` must name a prompt or a resource")),
    }
}

/// What the answer to a message may list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Nothing.
    Nothing,
    /// Tools, prompts, resources or templates.
    Something,
}

impl Listing {
    /// What an answer to this message may list.
    pub(super) fn of(message: &Message) -> Self {
        match message {
            Message::Request(request) if request.method.ends_with("/list") => Self::Something,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mcp::message::parse;
    use crate::types::Class;
    use crate::upstreams::Offered;

    fn attempted(body: &str) -> Result<String, i64> {
        let message = parse(body.as_bytes()).unwrap();
        let mut upstream = Upstream::default();
        let look = Offered { class: Class::Read, definition: Arc::default() };
        upstream.tools.insert("look".to_owned(), look);
        target(&message, &upstream).map(|target| format!("{target:?}")).map_err(|failure| failure.code)
    }

    #[test]
    fn every_message_is_an_attempt_at_something() {
        let request = |method: &str, params: &str| {
            attempted(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
        };
        for (method, params, expected) in [
            ("initialize", "{}", "Enter"),
            ("server/discover", "{}", "Enter"),
            ("tools/list", "{}", r#"Method("tools/list")"#),
            ("tools/call", r#"{"name":"look"}"#, r#"CallTool { tool: "look", class: Read, arguments: {} }"#),
            (
                "tools/call",
                r#"{"name":"new","arguments":{"a":1}}"#,
                r#"CallTool { tool: "new", class: Delete, arguments: {"a": Number(1)} }"#,
            ),
            ("prompts/get", r#"{"name":"p"}"#, r#"GetPrompt("p")"#),
            ("resources/read", r#"{"uri":"a:b"}"#, r#"ReadResource("a:b")"#),
            ("resources/subscribe", r#"{"uri":"a:b"}"#, r#"ReadResource("a:b")"#),
            ("resources/subscribe", "{}", r#"Method("resources/subscribe")"#),
            ("resources/unsubscribe", r#"{"_meta":{}}"#, r#"Method("resources/unsubscribe")"#),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, r#"GetPrompt("p")"#),
            ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"a:b"}}"#, r#"ReadResource("a:b")"#),
            ("logging/setLevel", "{}", r#"Method("logging/setLevel")"#),
        ] {
            assert_eq!(request(method, params).as_deref(), Ok(expected), "{method}");
        }
        for (method, params) in [
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":7}"#),
            ("tools/call", r#"{"name":"look","arguments":[]}"#),
            ("resources/read", r#"{"name":"a:b"}"#),
            ("resources/subscribe", r#"{"uri":["a:b"]}"#),
            ("completion/complete", r#"{"ref":{"type":"ref/other","name":"p"}}"#),
        ] {
            assert_eq!(request(method, params), Err(-32602), "{method} {params}");
        }
        assert_eq!(attempted(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).as_deref(), Ok("Enter"));
        assert_eq!(attempted(r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#).as_deref(), Ok("Enter"));
    }
}
