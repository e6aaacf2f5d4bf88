//! A question that an administrator asks: might they, there? Answered from the same policies as calls are.

use serde_json::{Map, Value};

use crate::access::Subject;
use crate::access::explanation::{Explanation, explain, supposed};
use crate::access::visit::{Target, Visit};
use crate::app::App;
use crate::db;
use crate::identity::change_group;
use crate::upstreams::server::named_in;

/// Who, where and what.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// A user name, or the name of a program.
    pub user: String,
    /// The name of a server.
    pub server: String,
    /// The tool to be called; to come in, without one.
    pub tool: Option<String>,
    /// With what.
    pub arguments: Map<String, Value>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Simulated {
    /// A decision, and how it is reached.
    Explained(Box<Explanation>),
    /// Nobody has that name.
    Nobody,
    /// No server that is switched on has that name.
    NoServer,
}

/// Answers it. Who calls has every scope and no narrowing: only who they are decides.
pub async fn simulate(app: &App, question: &Question) -> Result<Simulated, db::Error> {
    let (servers, policies) = (app.enabled_servers().await?, app.policies().await?);
    let mut conn = app.db.read().await?;
    let subject = match change_group::somebody(&mut conn, &question.user).await? {
        Some(id) => Subject::find(&mut conn, id).await?,
        None => None,
    };
    let Some(subject) = subject else { return Ok(Simulated::Nobody) };
    let Some(server) = named_in(&servers, &question.server) else { return Ok(Simulated::NoServer) };
    let arguments = &question.arguments;
    let target = question.tool.as_deref().map_or(Target::Enter, |tool| Target::CallTool {
        tool,
        class: server.upstream.class_of(tool),
        arguments,
    });
    let visit = Visit { id: server.id, server: &server.name, at: &server.place, target };
    Ok(Simulated::Explained(Box::new(explain(&supposed(subject, app.clock.now()), &visit, &policies))))
}
