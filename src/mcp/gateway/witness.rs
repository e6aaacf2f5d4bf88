//! What is written down of a request, and whether its caller is still welcome while the answer is under way.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde_json::json;

use super::at_once::Place;
use super::{Call, Refusal};
use crate::access::policy::Decision;
use crate::access::visit::{Judgement, Target, Visit, judge};
use crate::app::App;
use crate::audit::{Entry, Event};
use crate::http::caller::{Caller, Resource};
use crate::http::challenge::Challenge;
use crate::http::origin::origin_of;
use crate::mcp::error::shown;
use crate::upstreams::server;

/// Writes a decision down (`decisions` 25): who, by what, what, and by whose word.
pub(super) async fn note(call: &Call<'_>, target: &Target<'_>, judged: &Judgement<'_>) -> Result<(), Refusal> {
    let (event, decision) = match judged.decision {
        // What only goes along with something else.
        Decision::Allowed if matches!(target, Target::Enter) => return Ok(()),
        Decision::Allowed => (Event::GatewayAllowed, "allowed"),
        Decision::NeedsScope(_) => (Event::GatewayDenied, "needs_scope"),
        Decision::Denied(_) => (Event::GatewayDenied, "denied"),
    };
    let mut detail = json!({
        "server": call.server.name,
        "method": shown(target.method()),
        "decision": decision,
        "rule": judged.rule,
        "credential": call.principal.credential.kind(),
    });
    if let Some(object) = target.object() {
        detail["object"] = shown(object).into();
    }
    let principal = call.principal;
    let entry = Entry::new(event).subject(principal.subject.id()).client(principal.credential.client_id());
    let entry = entry.grant(principal.credential.grant()).detail(detail);
    let noted = call.app.audit.note(entry, &origin_of(call.request), call.app.clock.now()).await;
    noted.map_err(|error| {
        tracing::warn!(%error, "a decision could not be written down");
        Refusal::Challenge(Challenge::unavailable())
    })
}

/// Whoever watches over an answer that is under way, and holds its place.
pub(super) struct Witness {
    app: Data<App>,
    request: HttpRequest,
    server: String,
    _place: Place,
}

impl Witness {
    pub(super) fn new(call: &Call<'_>, place: Place) -> Self {
        Self {
            app: Data::clone(call.app),
            request: call.request.clone(),
            server: call.server.name.clone(),
            _place: place,
        }
    }

    /// True while the credential is good, the server is there, and the caller may come in.
    pub(super) async fn is_still_welcome(&self) -> bool {
        let Ok(servers) = self.app.enabled_servers().await else { return false };
        let Some(server) = server::named_in(&servers, &self.server) else { return false };
        let Some(Caller(principal)) = Caller::again(&self.app, &self.request, Resource::Server(&self.server)).await
        else {
            return false;
        };
        let Ok(policies) = self.app.policies().await else { return false };
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target: Target::Enter };
        judge(&principal, &visit, &policies).decision == Decision::Allowed
    }

    /// What of a list the caller may find, as things are now; nothing when that cannot be told.
    pub(super) async fn view(&self) -> Option<View> {
        let servers = self.app.enabled_servers().await.ok()?;
        let Caller(principal) = Caller::again(&self.app, &self.request, Resource::Server(&self.server)).await?;
        let policies = self.app.policies().await.ok()?;
        Some(View { servers, name: self.server.clone(), principal, policies })
    }
}

/// What one caller may find at one server.
pub(super) struct View {
    servers: Arc<Vec<server::Server>>,
    name: String,
    principal: Arc<crate::access::Principal>,
    policies: Arc<crate::access::Policies>,
}

impl View {
    /// May they find this?
    pub(super) fn shows(&self, target: Target<'_>) -> bool {
        let Some(server) = server::named_in(&self.servers, &self.name) else { return false };
        let visit = Visit { id: server.id, server: &server.name, at: &server.place, target };
        judge(&self.principal, &visit, &self.policies).decision == Decision::Allowed
    }
}
