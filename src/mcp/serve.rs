//! From a message to its answer: no clock, no database, no socket.
//!
//! The credential has been checked by the time anything here runs. What an answer still has to bring about comes out as an
//! [`Effect`], which the endpoint carries out before it answers.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::access::action::Action;
use crate::access::policy::{self, Decision};
use crate::access::{Policies, Principal};
use crate::http::caller::Resource;
use crate::http::challenge::Challenge;
use crate::mcp::era::{self, Era};
use crate::mcp::error::{Failure, shown};
use crate::mcp::gateway::gathered::{self, Gathered, Onward};
use crate::mcp::listen::Listening;
use crate::mcp::manage::{Asked, Task, Told};
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
    /// What its groups allow the caller at them.
    pub policies: &'a Policies,
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
    /// What a server behind us makes of it.
    Onward(Onward),
    /// What comes of a task for those who manage.
    Manage(Asked),
    /// A stream of news.
    Listen(Listening),
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
    if let Some(onward) = onward(era, request, world) {
        return Reply::Onward(onward).into();
    }
    if (era, request.method.as_str()) == (Era::Modern, "subscriptions/listen") {
        return match Listening::of(request) {
            Ok(listening) => Reply::Listen(listening).into(),
            Err(failure) => Refusal::from(failure).reply(Some(&request.id)).into(),
        };
    }
    match dispatch(principal, era, request, world) {
        Ok(Done { task: Some(task), .. }) => Reply::Manage(Asked { id: request.id.clone(), era, task }).into(),
        Ok(mut done) => {
            let effect = done.effect.take();
            Answer { reply: Reply::Message(StatusCode::OK, done.response(&request.id, era)), effect }
        }
        Err(refusal) => refusal.reply(Some(&request.id)).into(),
    }
}

/// The response to a call that took a task.
pub(super) fn told(asked: &Asked, told: Told) -> Value {
    let done = match told {
        Told::Done(value) => Done::once(structured(value)),
        Told::Refused(why) => Done::once(failure(&why)),
    };
    done.response(&asked.id, asked.era)
}

/// A call that is for a server behind us; whether the caller may is asked where it goes on.
fn onward(era: Era, request: &Request, world: &World<'_>) -> Option<Onward> {
    let name = request.text("name").filter(|_| request.method == "tools/call")?;
    Onward::of(world.servers, era, request, name)
}

/// A result before its era's clothes.
struct Done {
    members: Value,
    /// True for lists and reads, which say how long they may be kept.
    cacheable: bool,
    effect: Option<Effect>,
    /// What has to be done before there is a result.
    task: Option<Task>,
}

/// How long a list or a page may be kept by the one client that it was made for.
const KEPT_MS: u64 = 60_000;

impl Done {
    fn once(members: Value) -> Self {
        Self { members, cacheable: false, effect: None, task: None }
    }

    fn kept(members: Value) -> Self {
        Self { members, cacheable: true, effect: None, task: None }
    }

    /// The whole response to the request of that id.
    fn response(self, id: &Id, era: Era) -> Value {
        let mut body = json!({ "jsonrpc": "2.0", "id": id });
        // Assigned, not written above: `json!` would copy it whole.
        body["result"] = self.result(era);
        body
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
        (_, "tools/list") => list_tools(principal, request, world),
        (_, "tools/call") => call_tool(principal, request, world),
        (_, "resources/list") => whole_list(request, json!({ "resources": [guide::resource()] })),
        (_, "resources/templates/list") => whole_list(request, json!({ "resourceTemplates": [] })),
        (_, "resources/read") => read_resource(principal, era, request, world),
        (_, "prompts/list") => whole_list(request, json!({ "prompts": [guide::prompt()] })),
        (_, "prompts/get") => get_prompt(request),
        (_, method) => Err(Failure::method_not_found(era, method).into()),
    }
}

pub(super) fn about_us() -> Value {
    json!({ "name": "portcullis", "title": "Portcullis", "version": env!("CARGO_PKG_VERSION") })
}

/// The list of tools is all that changes by itself.
fn capabilities() -> Value {
    json!({ "tools": { "listChanged": true }, "resources": {}, "prompts": {} })
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

/// As many tools are on one page.
const ON_A_PAGE: usize = 200;

/// Our own tools, and those of every server that the caller may find, by name (MCP 2026-07-28, server/utilities/pagination).
fn list_tools(principal: &Principal, request: &Request, world: &World<'_>) -> Result<Done, Refusal> {
    let after = match request.params.get("cursor") {
        None => String::new(),
        Some(cursor) => cursor.as_str().and_then(name_in).ok_or_else(|| Failure::invalid_params("Invalid cursor"))?,
    };
    let mut found = found(principal, world.servers, world.policies);
    found.retain(|(name, _)| *name > after);
    let is_more = found.len() > ON_A_PAGE;
    found.truncate(ON_A_PAGE);
    let tools: Vec<Value> = found.iter().map(|(_, tool)| tool.definition()).collect();
    let mut list = json!({ "tools": tools });
    if let Some((last, _)) = found.last().filter(|_| is_more) {
        list["nextCursor"] = BASE64_URL_SAFE_NO_PAD.encode(last).into();
    }
    Ok(Done::kept(list))
}

/// Everything of the list, in its order.
fn found<'a>(principal: &'a Principal, servers: &'a [Server], policies: &'a Policies) -> Vec<(String, Found<'a>)> {
    let own = tools::visible_to(principal).map(|tool| (tool.name.to_owned(), Found::Own(tool)));
    let gathered = gathered::visible(principal, servers, policies).map(|tool| (tool.name(), Found::Behind(tool)));
    let mut found: Vec<(String, Found<'_>)> = own.chain(gathered).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    // The same name twice could only be called once; the server with the longer name is meant.
    found.dedup_by(|(one, _), (other, _)| one == other);
    found
}

/// What `tools/list` says to this caller, as one number: another, as soon as it says something else.
pub(super) fn fingerprint(principal: &Principal, servers: &[Server], policies: &Policies) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, found) in found(principal, servers, policies) {
        name.hash(&mut hasher);
        if let Found::Behind(tool) = found {
            tool.offered.definition.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// The name behind which a page begins.
fn name_in(cursor: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok().filter(|name| !name.is_empty())
}

/// A tool that a caller may find.
enum Found<'a> {
    Own(&'static tools::Tool),
    Behind(Gathered<'a>),
}

impl Found<'_> {
    fn definition(&self) -> Value {
        match self {
            Self::Own(tool) => tool.definition(),
            Self::Behind(tool) => tool.definition(),
        }
    }
}

/// Every other list fits one page, so a cursor can only be somebody else's.
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
        Outcome::Managing(task) => Done { task: Some(task), ..Done::once(Value::Null) },
        Outcome::Mistake(why) => Done::once(failure(&format!("Invalid arguments: {why}"))),
    })
}

/// What went wrong, as the result of a call: a model reads it and can do better.
fn failure(why: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": why }], "isError": true })
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
