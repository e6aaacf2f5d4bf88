//! The fields of the forms that register and edit a server.

use secrecy::SecretString;
use serde::Deserialize;

use super::super::Seen;
use crate::app::App;
use crate::places::Actor;
use crate::types::PlaceId;
use crate::upstreams::STDIO;
use crate::upstreams::register::{Said, SaidAuth};
use crate::upstreams::server::Registered;
use crate::web::components::Choice;

/// What the forms send. The value of the header goes one way only: no page is ever filled with it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServerFields {
    name: String,
    url: String,
    command: String,
    description: String,
    transport: String,
    pub(super) place: Option<PlaceId>,
    auth: String,
    auth_header: String,
    auth_value: String,
    forwarded_headers: String,
    tags: String,
}

/// The fields as a page shows them.
#[derive(Clone, Debug)]
pub struct FieldsView {
    /// What was typed, field by field.
    pub name: String,
    /// The same.
    pub url: String,
    /// The same.
    pub description: String,
    /// The operator's commands, where the person may choose one.
    pub commands: Vec<Choice>,
    /// What there is to choose.
    pub transports: Vec<Choice>,
    /// The same; nothing where it is not asked.
    pub places: Vec<Choice>,
    /// The same.
    pub proofs: Vec<Choice>,
    /// What was typed.
    pub auth_header: String,
    /// What is said of a value that is kept.
    pub value_hint: &'static str,
    /// What was typed.
    pub forwarded_headers: String,
    /// The same.
    pub tags: String,
}

impl ServerFields {
    /// The fields of a server as it is.
    pub(super) fn of(server: &Registered) -> Self {
        Self {
            name: server.name.clone(),
            url: server.url.clone(),
            command: server.command.clone().unwrap_or_default(),
            description: server.description.clone(),
            transport: server.transport.clone(),
            place: None,
            auth: server.auth.clone(),
            auth_header: server.auth_header.clone().unwrap_or_default(),
            auth_value: String::new(),
            forwarded_headers: server.forwarded_headers.join(", "),
            tags: server.tags.join(", "),
        }
    }

    /// What they say.
    pub(super) fn said(&self) -> Said {
        let value = Some(self.auth_value.clone()).filter(|value| !value.is_empty());
        let auth = match self.auth.as_str() {
            "header" => SaidAuth::Header(self.auth_header.clone(), value.map(SecretString::from)),
            "passthrough" => SaidAuth::Passthrough,
            _ => SaidAuth::None,
        };
        let list = |text: &str, is_between: fn(char) -> bool| {
            text.split(is_between).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Said {
            name: Some(self.name.clone()),
            // A program has none, and what is not asked says nothing.
            url: Some(self.url.clone()).filter(|url| self.transport != STDIO || !url.is_empty()),
            command: Some(self.command.clone()).filter(|command| !command.is_empty()),
            description: Some(self.description.clone()),
            transport: Some(self.transport.clone()).filter(|transport| !transport.is_empty()),
            enabled: None,
            auth: Some(auth),
            forwarded_headers: Some(list(&self.forwarded_headers, |c| c == ',' || c.is_whitespace())),
            tags: Some(list(&self.tags, |c| c == ',')),
        }
    }
}

impl FieldsView {
    /// The fields, with what there is to choose; places only where one is asked for.
    pub(super) fn new(fields: &ServerFields, places: Vec<Choice>, keeps_value: bool, commands: &[&str]) -> Self {
        let choice = |value: &'static str, label: &str, chosen: &str| Choice::new(value, label).chosen(value == chosen);
        let mut transports = vec![
            choice("streamable-http", "Streamable HTTP", &fields.transport),
            choice("sse", "HTTP with SSE, the transport before it", &fields.transport),
        ];
        let of_name = |name: &&str| Choice::new(*name, *name).chosen(fields.command == **name);
        let mut commands: Vec<Choice> = commands.iter().map(of_name).collect();
        if !commands.is_empty() {
            commands.insert(0, Choice::new("", "None").chosen(fields.command.is_empty()));
            transports.push(choice(STDIO, "stdio: a command that the operator allows", &fields.transport));
        }
        let auth = if fields.auth.is_empty() { "none" } else { &fields.auth };
        Self {
            name: fields.name.clone(),
            url: fields.url.clone(),
            description: fields.description.clone(),
            commands,
            transports,
            places,
            proofs: vec![
                choice("none", "Nothing", auth).detail("It lets this gateway in as it is."),
                choice("header", "A header", auth).detail("Such as Authorization with a key of its own, or x-api-key."),
                choice("passthrough", "The caller's own Authorization header", auth)
                    .detail("Callers prove themselves to this gateway by X-Authorization."),
            ],
            auth_header: fields.auth_header.clone(),
            value_hint: if keeps_value {
                "Left empty, it stays as it is. It is never shown again."
            } else {
                "The whole value, such as Bearer and the key. It is never shown again."
            },
            forwarded_headers: fields.forwarded_headers.clone(),
            tags: fields.tags.clone(),
        }
    }

    /// The fields for samples.
    pub(super) fn sample(name: &str, description: &str) -> Self {
        let fields =
            ServerFields { name: name.to_owned(), description: description.to_owned(), ..ServerFields::default() };
        Self::new(
            &fields,
            vec![Choice::new("1", "acme"), Choice::new("2", "acme/apps").chosen(true)],
            false,
            &["memory"],
        )
    }
}

/// The commands that somebody may choose for a server: all that the operator allows, for whoever is above all workspaces; for
/// others the one that it has.
pub(super) fn commands<'a>(app: &'a App, actor: Actor, server: Option<&'a Registered>) -> Vec<&'a str> {
    match actor.is_above() {
        true => app.config.stdio.programs.keys().map(String::as_str).collect(),
        false => server.and_then(|server| server.command.as_deref()).into_iter().collect(),
    }
}

/// The places of a workspace, each with its path.
pub(super) fn places(seen: &Seen, chosen: Option<PlaceId>) -> Vec<Choice> {
    let choice =
        |id: PlaceId| Choice::new(id.to_string(), seen.tree.words(id).unwrap_or_default()).chosen(Some(id) == chosen);
    seen.inside().iter().map(|place| choice(place.id)).collect()
}
