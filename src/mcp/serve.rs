//! From a message to its answer: no clock, no database, no socket.
//!
//! The credential has been checked by the time anything here runs. What an answer still has to bring about comes out as an
//! [`Effect`], which the endpoint carries out before it answers.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::access::Principal;
use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::http::caller::Resource;
use crate::http::challenge::Challenge;
use crate::mcp::era::{self, Era};
use crate::mcp::error::{Failure, shown};
use crate::mcp::message::{self, Id, Message, Object, Request};
use crate::mcp::tools::{self, Call, Outcome};
use crate::mcp::{guide, media};
use crate::types::{GrantId, PublicUrl};
use crate::upstreams::Server;

/// What there is to know while a message is answered.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What we are called.
    pub public_url: &'a PublicUrl,
    /// The time.
    pub now: DateTime<Utc>,
    /// The registered servers that are switched on, by name.
    pub servers: &'a [Server],
    /// What the caller's client calls itself, if we know it.
    pub client_name: Option<&'a str>,
}

/// What has to happen before the answer is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The grant that the call was made under ends.
    EndGrant(GrantId),
    /// The caller's note goes into the audit trail.
    LeaveNote(String),
}

/// What goes back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// 202: taken note of.
    Accepted,
    /// One JSON-RPC response.
    Message(StatusCode, Value),
    /// 403, with what to ask for.
    Challenge(Challenge),
}

/// An answer, and what it takes to make it true.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What goes back.
    pub reply: Reply,
    /// What must have happened by then.
    pub effect: Option<Effect>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, effect: None }
    }
}

/// Why a request gets no result.
enum Refusal {
    Failure(Failure),
    Challenge(Challenge),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Refusal {
    fn reply(self, id: Option<&Id>) -> Reply {
        match self {
            Self::Failure(failure) => Reply::Message(failure.status, failure.body(id)),
            Self::Challenge(challenge) => Reply::Challenge(challenge),
        }
    }
}

/// Answers one POST.
pub fn serve(principal: &Principal, headers: &HeaderMap, body: &[u8], world: &World<'_>) -> Answer {
    if let Err(refusal) = enter(principal, world) {
        return refusal.into();
    }
    match read(headers, body) {
        Ok(Message::Request(request)) => answer(principal, headers, &request, world),
        Ok(Message::Notification { .. }) => match era::check_notification(headers) {
            Ok(()) => Reply::Accepted.into(),
            Err(failure) => Refusal::from(failure).reply(None).into(),
        },
        Ok(Message::Response { id }) => {
            let failure = Failure::invalid_request("We sent no request, so this can be no response");
            Refusal::from(failure).reply(id.as_ref()).into()
        }
        Err(rejected) => Refusal::from(rejected.failure).reply(rejected.id.as_ref()).into(),
    }
}

/// May this caller come in at all? Asked before anything of the message is looked at.
pub fn enter(principal: &Principal, world: &World<'_>) -> Result<(), Reply> {
    allowed(principal, &Action::Enter, world).map_err(|refusal| refusal.reply(None))
}

fn allowed(principal: &Principal, action: &Action<'_>, world: &World<'_>) -> Result<(), Refusal> {
    match policy::decide(principal, action) {
        Decision::Allowed => Ok(()),
        Decision::NeedsScope(scope) => {
            let metadata = Resource::Mcp.metadata_url(world.public_url);
            Err(Refusal::Challenge(Challenge::insufficient_scope(metadata, principal, scope)))
        }
        Decision::Denied(why) => Err(Failure::denied(why).into()),
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Message, message::Rejected> {
    if !media::is_json(headers) {
        let message = "Content-Type must be application/json";
        return Err(Failure::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, message).into());
    }
    if !media::accepts_json(headers) {
        let message = "Accept must list application/json and text/event-stream";
        return Err(Failure::http(StatusCode::NOT_ACCEPTABLE, message).into());
    }
    message::parse(body)
}

fn answer(principal: &Principal, headers: &HeaderMap, request: &Request, world: &World<'_>) -> Answer {
    let era = match era::of(headers, request) {
        Ok(era) => era,
        Err(failure) => return Refusal::from(failure).reply(Some(&request.id)).into(),
    };
    match dispatch(principal, era, request, world) {
        Ok(mut done) => {
            let effect = done.effect.take();
            let mut body = json!({ "jsonrpc": "2.0", "id": request.id });
            // Assigned, not written above: `json!` would copy it whole.
            body["result"] = done.result(era);
            Answer { reply: Reply::Message(StatusCode::OK, body), effect }
        }
        Err(refusal) => refusal.reply(Some(&request.id)).into(),
    }
}

/// A result before its era's clothes.
struct Done {
    members: Value,
    /// True for lists and reads, which say how long they may be kept.
    cacheable: bool,
    effect: Option<Effect>,
}

/// How long a list or a page may be kept by the one client that it was made for.
const KEPT_MS: u64 = 60_000;

impl Done {
    fn once(members: Value) -> Self {
        Self { members, cacheable: false, effect: None }
    }

    fn kept(members: Value) -> Self {
        Self { members, cacheable: true, effect: None }
    }

    /// The result in its era's clothes.
    fn result(self, era: Era) -> Value {
        let mut result = self.members;
        if era == Era::Modern {
            result["resultType"] = "complete".into();
            result["_meta"] = json!({ era::META_SERVER: about_us() });
            if self.cacheable {
                result["ttlMs"] = KEPT_MS.into();
                result["cacheScope"] = "private".into();
            }
        }
        result
    }
}

fn dispatch(principal: &Principal, era: Era, request: &Request, world: &World<'_>) -> Result<Done, Refusal> {
    match (era, request.method.as_str()) {
        (Era::Modern, "server/discover") => Ok(Done::kept(discover(world))),
        (Era::Legacy, "initialize") => initialize(request, world),
        (Era::Legacy, "ping") => Ok(Done::once(json!({}))),
        (_, "tools/list") => {
            let tools: Vec<Value> = tools::visible_to(principal).map(tools::Tool::definition).collect();
            whole_list(request, json!({ "tools": tools }))
        }
        (_, "tools/call") => call_tool(principal, request, world),
        (_, "resources/list") => whole_list(request, json!({ "resources": [guide::resource()] })),
        (_, "resources/templates/list") => whole_list(request, json!({ "resourceTemplates": [] })),
        (_, "resources/read") => read_resource(principal, era, request, world),
        (_, "prompts/list") => whole_list(request, json!({ "prompts": [guide::prompt()] })),
        (_, "prompts/get") => get_prompt(request),
        (_, method) => Err(Failure::method_not_found(era, method).into()),
    }
}

fn about_us() -> Value {
    json!({ "name": "portcullis", "title": "Portcullis", "version": env!("CARGO_PKG_VERSION") })
}

/// Nothing here changes by itself, so nothing announces that it does.
fn capabilities() -> Value {
    json!({ "tools": {}, "resources": {}, "prompts": {} })
}

fn instructions(world: &World<'_>) -> String {
    format!(
        "Portcullis guards the MCP servers behind it. Read {} for what this caller may do; call intelligent_tool_finder to \
         find a tool by what it is for. People see and end what they granted at {}.",
        guide::URI,
        world.public_url.at(crate::http::urls::APPS),
    )
}

fn discover(world: &World<'_>) -> Value {
    json!({
        "supportedVersions": era::SUPPORTED,
        "capabilities": capabilities(),
        "instructions": instructions(world),
    })
}

fn initialize(request: &Request, world: &World<'_>) -> Result<Done, Refusal> {
    let requested = request.text("protocolVersion");
    let requested = requested.ok_or_else(|| Failure::invalid_params("`protocolVersion` must be a string"))?;
    Ok(Done::once(json!({
        "protocolVersion": era::negotiate(requested),
        "capabilities": capabilities(),
        "serverInfo": about_us(),
        "instructions": instructions(world),
    })))
}

/// Every list fits one page, so a cursor can only be somebody else's.
fn whole_list(request: &Request, list: Value) -> Result<Done, Refusal> {
    match request.params.get("cursor") {
        None => Ok(Done::kept(list)),
        Some(_) => Err(Failure::invalid_params("Invalid cursor").into()),
    }
}

fn call_tool(principal: &Principal, request: &Request, world: &World<'_>) -> Result<Done, Refusal> {
    let name = request.text("name").ok_or_else(|| Failure::invalid_params("`name` must be a string"))?;
    let nothing = Object::new();
    let arguments = match request.params.get("arguments") {
        None => &nothing,
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(Failure::invalid_params("`arguments` must be an object").into()),
    };
    // We never ask for input half-way, so no state of ours can come back.
    if request.params.contains_key("requestState") {
        return Err(Failure::invalid_params("`requestState` is not one of ours").into());
    }
    let tool = tools::visible_to(principal).find(|tool| tool.name == name);
    let tool = tool.ok_or_else(|| Failure::invalid_params(format!("Unknown tool: {}", shown(name))))?;
    allowed(principal, &tool.action(), world)?;
    Ok(match tool.call(&Call { principal, arguments, world }) {
        Outcome::Done(value) => Done::once(structured(value)),
        Outcome::Doing(value, effect) => Done { effect: Some(effect), ..Done::once(structured(value)) },
        Outcome::Mistake(why) => Done::once(json!({
            "content": [{ "type": "text", "text": format!("Invalid arguments: {why}") }],
            "isError": true,
        })),
    })
}

/// Structured content with its serialisation beside it, for clients from before 2025-06-18.
fn structured(value: Value) -> Value {
    let mut result = json!({ "content": [{ "type": "text", "text": value.to_string() }] });
    result["structuredContent"] = value;
    result
}

fn read_resource(principal: &Principal, era: Era, request: &Request, world: &World<'_>) -> Result<Done, Refusal> {
    match request.text("uri") {
        Some(guide::URI) => Ok(Done::kept(json!({ "contents": [guide::contents(principal, world)] }))),
        Some(uri) => Err(Failure::resource_not_found(era, uri).into()),
        None => Err(Failure::invalid_params("`uri` must be a string").into()),
    }
}

fn get_prompt(request: &Request) -> Result<Done, Refusal> {
    match request.text("name") {
        Some(guide::PROMPT) => {
            let invitation = guide::invitation(request.params.get("arguments"));
            Ok(Done::once(invitation.map_err(Failure::invalid_params)?))
        }
        Some(name) => Err(Failure::invalid_params(format!("Unknown prompt: {}", shown(name))).into()),
        None => Err(Failure::invalid_params("`name` must be a string").into()),
    }
}
