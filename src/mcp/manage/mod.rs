//! What the tools of those who manage bring about: by the same errands and verbs as the API and the command line, and judged
//! in the same way.
//!
//! Whether the caller may do such a thing at all is decided before ([`tools::visible_to`](super::tools::visible_to)); to which
//! server, here. A refusal is the result of a call, in words that say what to do.

mod groups;
mod services;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::endpoint::failed;
use super::era::Era;
use super::error::Failure;
use super::gateway::Gateway;
use super::message::Id;
use super::serve;
use crate::access::Principal;
use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::http::origin::origin_of;
use crate::upstreams::described::Described;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Register a service.
    Register {
        /// As other systems describe one.
        described: Box<Described>,
        /// Where it is to be.
        place: Option<String>,
    },
    /// Switch a service on or off.
    Toggle {
        /// Its name.
        service: String,
        /// Which of the two; the other one when it is not said.
        enabled: Option<bool>,
    },
    /// Remove a service.
    Remove {
        /// Its name.
        service: String,
    },
    /// Look at a service now.
    Refresh {
        /// Its name.
        service: String,
    },
    /// Tell how services are.
    Health,
    /// List groups.
    ListGroups,
    /// Make a group.
    CreateGroup {
        /// What it is called.
        name: String,
        /// What it is for.
        description: String,
    },
    /// Remove a group.
    DeleteGroup {
        /// What it is called.
        name: String,
    },
    /// Let groups use a server, or no more.
    LetIn {
        /// Its name.
        server: String,
        /// The groups.
        groups: Vec<String>,
        /// The tools that they may call there; nothing any more when there are none.
        tools: Option<Vec<String>>,
    },
}

/// A call that takes a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Under which it is answered.
    pub id: Id,
    /// How the caller speaks.
    pub era: Era,
    /// What to do.
    pub task: Task,
}

/// What came of a task.
pub enum Told {
    /// This, as the output schema has it.
    Done(Value),
    /// Nothing was changed; why, and what to do.
    Refused(String),
}

/// Who does it, here and now.
struct Errand<'a> {
    app: &'a App,
    by: &'a Principal,
    origin: &'a Origin,
}

/// A name as other systems write it: with slashes around it, too.
pub fn plain(name: &str) -> String {
    name.trim().trim_matches('/').to_owned()
}

/// Does it, and answers the call. It takes one of the caller's places, since it may go out.
pub(super) async fn answer(
    request: &HttpRequest,
    app: &App,
    gateway: &Gateway,
    by: &Principal,
    asked: &Asked,
) -> HttpResponse {
    let _place = match gateway.at_once.enter(by.subject.id()) {
        Ok(place) => place,
        Err(failure) => return HttpResponse::build(failure.status).json(failure.body(Some(&asked.id))),
    };
    let origin = origin_of(request);
    match (Errand { app, by, origin: &origin }).run(&asked.task).await {
        Ok(told) => HttpResponse::build(StatusCode::OK).json(serve::told(asked, told)),
        Err(error) => {
            tracing::error!(%error, "what a tool manages could not be done");
            failed(&Failure::unavailable())
        }
    }
}

impl Errand<'_> {
    async fn run(&self, task: &Task) -> Result<Told, db::Error> {
        match task {
            Task::Register { described, place } => self.register(described, place.as_deref()).await,
            Task::Toggle { service, enabled } => self.toggle(service, *enabled).await,
            Task::Remove { service } => self.remove(service).await,
            Task::Refresh { service } => self.refresh(service).await,
            Task::Health => self.health().await,
            Task::ListGroups => self.list_groups().await,
            Task::CreateGroup { name, description } => self.create_group(name, description).await,
            Task::DeleteGroup { name } => self.delete_group(name).await,
            Task::LetIn { server, groups, tools } => self.let_in(server, groups, tools.as_deref()).await,
        }
    }
}
