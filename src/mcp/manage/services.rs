//! Services: registered, switched, looked at and removed.

use serde_json::{Value, json};

use super::{Errand, Told};
use crate::db;
use crate::errands::register_server;
use crate::http::managed::{self, ServerItem, Which};
use crate::types::{DEFAULT_WORKSPACE, Verb};
use crate::upstreams::described::{Described, Read};
use crate::upstreams::register::{Registration, Said};
use crate::upstreams::server::{self, Registered, Sought};
use crate::upstreams::tool;

impl Errand<'_> {
    pub(super) async fn register(&self, described: &Described, place: Option<&str>) -> Result<Told, db::Error> {
        let Read { said, proof } = described.clone().read();
        if let Some(kind) = proof {
            return Ok(Told::Refused(format!(
                "`auth_type` {kind:?} takes a credential, which does not go through this tool: register the service with \
                 \"none\" and let an administrator enter it in the web settings or with `portcullis register`"
            )));
        }
        let words = place.unwrap_or(DEFAULT_WORKSPACE);
        let Some(place) = managed::place_for_servers(self.app, self.by, words).await? else {
            return Ok(Told::Refused(format!("there is no place {words:?} that you manage; say another `place`")));
        };
        let actor = self.by.subject.actor();
        self.registered(register_server::add(self.app, actor, self.origin, place.innermost(), &said).await?).await
    }

    pub(super) async fn toggle(&self, service: &str, enabled: Option<bool>) -> Result<Told, db::Error> {
        let Some(server) = self.found(service, Verb::Write).await? else { return Ok(nothing_like(service)) };
        let said = Said { enabled: Some(enabled.unwrap_or(!server.enabled)), ..Said::default() };
        let actor = self.by.subject.actor();
        self.registered(register_server::change(self.app, actor, self.origin, (&server, None), said).await?).await
    }

    pub(super) async fn remove(&self, service: &str) -> Result<Told, db::Error> {
        let Some(server) = self.found(service, Verb::Delete).await? else { return Ok(nothing_like(service)) };
        let actor = self.by.subject.actor();
        Ok(match register_server::remove(self.app, actor, self.origin, server.id).await? {
            Registration::Done(server) => Told::Done(json!({ "name": server.name, "removed": true })),
            Registration::Refused(refusal) => Told::Refused(refusal.to_string()),
        })
    }

    pub(super) async fn refresh(&self, service: &str) -> Result<Told, db::Error> {
        let Some(server) = self.found(service, Verb::Write).await? else { return Ok(nothing_like(service)) };
        register_server::refresh(self.app, server.id).await?;
        let Some(server) = self.found(service, Verb::Write).await? else { return Ok(nothing_like(service)) };
        let tools = tool::of_server(&mut *self.app.db.read().await?, server.id).await?;
        let listed = tools.iter().filter(|tool| tool.is_listed_by(&server));
        let listed: Vec<Value> =
            listed.map(|tool| json!({ "name": tool.name, "class": tool.judged().name() })).collect();
        let mut told = self.shown(server).await?;
        told["tools"] = listed.into();
        Ok(Told::Done(told))
    }

    pub(super) async fn health(&self) -> Result<Told, db::Error> {
        let tree = self.app.tree().await?;
        let places = tree.those(|path| managed::reaches(self.by, Verb::Read, path));
        let sought = Sought { places: &places, only: self.by.narrowing.server, ..Sought::default() };
        let found = server::after(&mut *self.app.db.read().await?, sought, usize::MAX).await?;
        let services: Vec<Value> = found.into_iter().map(how_it_is).collect();
        Ok(Told::Done(json!({ "services": services })))
    }

    /// The service of that name, if the caller may do that to it.
    pub(super) async fn found(&self, name: &str, verb: Verb) -> Result<Option<Registered>, db::Error> {
        let found = managed::server(self.app, self.by, Which::Name(name), verb).await?;
        Ok(found.map(|(server, _)| server))
    }

    async fn registered(&self, outcome: Registration) -> Result<Told, db::Error> {
        Ok(match outcome {
            Registration::Done(server) => Told::Done(self.shown(*server).await?),
            Registration::Refused(refusal) => Told::Refused(refusal.to_string()),
        })
    }

    async fn shown(&self, server: Registered) -> Result<Value, db::Error> {
        let tree = self.app.tree().await?;
        Ok(json!({ "service": ServerItem::new(self.app, server, &tree) }))
    }
}

/// The same words whether it is not there or somebody else's.
pub(super) fn nothing_like(service: &str) -> Told {
    Told::Refused(format!("there is no service {service:?} that you manage; healthcheck lists those that you do"))
}

fn how_it_is(server: Registered) -> Value {
    let mut told = json!({ "name": server.name, "enabled": server.enabled, "health": server.health.name() });
    if !server.health_detail.is_empty() {
        told["health_detail"] = server.health_detail.into();
    }
    if let Some(at) = server.checked_at {
        told["checked_at"] = json!(at);
    }
    told
}
