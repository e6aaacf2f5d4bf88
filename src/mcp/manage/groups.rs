//! Groups: made, listed, removed, and let in at servers.

use serde_json::{Value, json};

use super::services::nothing_like;
use super::{Errand, Told};
use crate::db::{self, Connection};
use crate::identity::add_group::{AddGroup, add_group};
use crate::identity::change_group::{self, Changed};
use crate::identity::group::{self, Counted};
use crate::policies::save::{self, By};
use crate::types::{UserId, Verb};

impl Errand<'_> {
    pub(super) async fn list_groups(&self) -> Result<Told, db::Error> {
        let all = group::counted(&mut *self.app.db.read().await?).await?;
        let groups: Vec<Value> = all.iter().map(told).collect();
        Ok(Told::Done(json!({ "groups": groups })))
    }

    pub(super) async fn create_group(&self, name: &str, description: &str) -> Result<Told, db::Error> {
        let (origin, now) = (self.origin, self.app.clock.now());
        Ok(match self.app.rule(async |conn| add_group(conn, name, description, origin, now).await).await? {
            AddGroup::Added(group) => Told::Done(json!({ "group": told(&Counted { group, people: 0, programs: 0 }) })),
            AddGroup::Refused(refusal) => Told::Refused(refusal.to_string()),
        })
    }

    pub(super) async fn delete_group(&self, name: &str) -> Result<Told, db::Error> {
        let (origin, now, person) = (self.origin, self.app.clock.now(), self.person());
        let remove = async |conn: &mut Connection| change_group::remove_group(conn, name, person, origin, now).await;
        Ok(match self.app.rule(remove).await? {
            Changed::Done => Told::Done(json!({ "name": name, "removed": true })),
            Changed::Refused(refusal) => Told::Refused(format!("{refusal}; list_groups lists them")),
        })
    }

    /// Only a server that the caller finds is let in; one that is gone can still be taken out.
    pub(super) async fn let_in(
        &self,
        server: &str,
        groups: &[String],
        tools: Option<&[String]>,
    ) -> Result<Told, db::Error> {
        if tools.is_some() && self.found(server, Verb::Read).await?.is_none() {
            return Ok(nothing_like(server));
        }
        let by = By { user: self.person(), origin: self.origin, now: self.app.clock.now() };
        let set = async |conn: &mut Connection| save::set_server(conn, groups, (server, tools), by).await;
        let missing = self.app.rule(set).await?;
        Ok(match missing.as_slice() {
            [] => Told::Done(json!({ "server_name": server, "group_names": groups, "may_use": tools.is_some() })),
            missing => Told::Refused(format!(
                "neither a group nor a policy is called {}, so nothing was changed: make it first, with create_group",
                missing.join(", ")
            )),
        })
    }

    fn person(&self) -> Option<UserId> {
        self.by.subject.actor().person()
    }
}

fn told(counted: &Counted) -> Value {
    let Counted { group, people, programs } = counted;
    json!({ "name": group.name, "description": group.description, "people": people, "programs": programs })
}
