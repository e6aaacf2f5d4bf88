//! Workspaces and what is in them, as the operator arranges them.

use diesel_async::SimpleAsyncConnection;
use portcullis::audit::Origin;
use portcullis::identity::add_person::NewPerson;
use portcullis::identity::membership::{self, Membership};
use portcullis::places::arrange::{self, Arranged, NewPlace};
use portcullis::places::{Actor, Role};
use portcullis::types::{PlaceId, UserId};

use super::Browser;
use super::app::Node;
use super::owned::EVERYBODY;

impl Node {
    /// A place of that path: `acme`, `acme/apps` or `acme/apps/web`; those above it are there.
    pub async fn place(&self, path: &str) -> PlaceId {
        let (parent, name) = path.rsplit_once('/').map_or((None, path), |(parent, name)| (Some(parent), name));
        let tree = self.app().tree().await.unwrap();
        let parent = parent.map(|parent| tree.find(parent).unwrap().id);
        let new = NewPlace { parent, name: name.to_owned(), title: Some(name.to_uppercase()) };
        let (origin, now) = (Origin::operator(), self.clock().now());
        let make = async |conn: &mut _| arrange::make(conn, Actor::Operator, new, &origin, now).await;
        match self.app().arrange(make).await.unwrap() {
            Arranged::Done(place) => place.id,
            Arranged::Refused(refusal) => panic!("{refusal}"),
        }
    }

    /// Puts somebody into a workspace.
    pub async fn join(&self, workspace: PlaceId, person: &Browser, role: Role) {
        let (origin, now) = (Origin::operator(), self.clock().now());
        let who = (person.username.as_str(), role);
        let add = async |conn: &mut _| membership::add(conn, Actor::Operator, workspace, who, &origin, now).await;
        assert_eq!(self.app().cut(add).await.unwrap(), Membership::Done);
    }

    /// Takes somebody out of a workspace.
    pub async fn part(&self, workspace: PlaceId, user: UserId) {
        let (origin, now) = (Origin::operator(), self.clock().now());
        let remove =
            async |conn: &mut _| membership::remove(conn, Actor::Operator, workspace, user, &origin, now).await;
        assert_eq!(self.app().cut(remove).await.unwrap(), Membership::Done);
    }

    /// A server that is switched on, there.
    pub async fn server(&self, name: &str, place: PlaceId) {
        let insert = format!(
            "INSERT INTO servers (id, name, url, place_id, created_at) \
             VALUES (gen_random_uuid(), '{name}', 'https://{name}.example/mcp', '{place}', now());
             {EVERYBODY}"
        );
        self.app()
            .arrange(async |conn: &mut _| SimpleAsyncConnection::batch_execute(conn, &insert).await)
            .await
            .unwrap();
        self.app().access.reload_policies(&self.app().db).await.unwrap();
    }

    /// A system administrator.
    pub async fn administrator(&self, username: &str) -> Browser {
        self.add(NewPerson { username: username.to_owned(), is_admin: true, ..NewPerson::default() }).await
    }

    /// The names of the servers that a token finds at `/mcp`.
    pub async fn finds(&self, token: &str) -> Vec<String> {
        let answer = self.call_mcp(token).await.assert(200).json();
        let services = answer["result"]["structuredContent"]["services"].as_array().unwrap().clone();
        services.iter().map(|service| service["name"].as_str().unwrap().to_owned()).collect()
    }
}
