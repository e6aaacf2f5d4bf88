//! API keys, made past the server.

use diesel_async::SimpleAsyncConnection;
use portcullis::audit::Origin;
use portcullis::credentials::issue::{Issued, NewKey, issue};
use portcullis::credentials::{Terms, replace, revoke};
use portcullis::db::changes;
use portcullis::places::{self, Reach, place};
use portcullis::types::{ApiKeyId, DEFAULT_WORKSPACE, KeyTag, Networks, Permissions, PlaceId, SubjectId};

use super::Browser;
use super::app::Node;

/// A key as a test holds it.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: ApiKeyId,
    pub secret: String,
    pub prefix: String,
}

impl Node {
    /// The workspace that everybody is in.
    pub async fn workspace(&self) -> PlaceId {
        self.write(async |conn| place::workspace(conn, DEFAULT_WORKSPACE).await).await.unwrap().id
    }

    /// Another workspace, which nobody is in.
    pub async fn another_workspace(&self, name: &str) -> PlaceId {
        let id = PlaceId::fresh();
        let insert = format!(
            "INSERT INTO places (id, kind, name, title, created_at) VALUES ('{id}', 'workspace', '{name}', '{name}', now())"
        );
        self.write(async |conn| {
            conn.batch_execute(&insert).await?;
            changes::announce(conn, places::CHANGED).await
        })
        .await;
        self.app().places.reload(&self.app().db).await.unwrap();
        id
    }

    /// A key of somebody's: to read and write, everywhere in the one workspace, for ever.
    pub async fn key(&self, person: &Browser) -> Key {
        self.key_as(person, |usual| usual).await
    }

    /// The same, changed as said.
    pub async fn key_as(&self, person: &Browser, change: impl FnOnce(NewKey) -> NewKey) -> Key {
        self.key_of(SubjectId::Person(person.user), change).await
    }

    /// A key of anybody's.
    pub async fn key_of(&self, owner: SubjectId, change: impl FnOnce(NewKey) -> NewKey) -> Key {
        let tag = self.app().config.tokens.api_key_tag.clone();
        self.key_tagged(&tag, owner, change).await
    }

    /// The same, made while another tag was configured.
    pub async fn key_tagged(&self, tag: &KeyTag, owner: SubjectId, change: impl FnOnce(NewKey) -> NewKey) -> Key {
        let workspace = self.workspace().await;
        let new = change(NewKey {
            name: "CI/CD Pipeline".parse().unwrap(),
            workspace,
            owner,
            reach: Reach::of([workspace]),
            permissions: Permissions::write(),
            expires_at: None,
            networks: Networks::default(),
            rate: None,
        });
        let issued = self.on_key_terms(async |terms| {
            let terms = Terms { tag, ..*terms };
            self.write(async |conn| issue(conn, &terms, ApiKeyId::fresh(), &new).await).await.unwrap().unwrap()
        });
        self.holds(issued.await)
    }

    /// Revokes a key on this node: false when it was before.
    pub async fn revoke_key(&self, key: &Key) -> bool {
        self.on_key_terms(async |terms| {
            self.app().cut(async |conn| revoke::revoke(conn, terms, key.id).await).await.unwrap()
        })
        .await
    }

    /// Lets another key take the place of one, which lives on for so many days.
    pub async fn rotate_key(&self, key: &Key, days: i64) -> Option<Key> {
        let overlap = replace::Overlap::days(days).unwrap();
        let rotated = self.on_key_terms(async |terms| {
            self.app().cut(async |conn| replace::rotate(conn, terms, key.id, overlap).await).await.unwrap().unwrap()
        });
        rotated.await.map(|issued| self.holds(issued))
    }

    /// Lets another key take the place of one, whether or not that works.
    pub async fn replace_key(&self, key: &Key) -> Option<Key> {
        let replaced = self.on_key_terms(async |terms| {
            self.app().cut(async |conn| replace::replace(conn, terms, key.id).await).await.unwrap().unwrap()
        });
        replaced.await.map(|issued| self.holds(issued))
    }

    fn holds(&self, Issued { key, secret }: Issued) -> Key {
        self.is_secret(secret.reveal());
        Key { id: key.id, secret: secret.reveal().to_owned(), prefix: key.prefix }
    }

    async fn on_key_terms<T>(&self, work: impl AsyncFnOnce(&Terms<'_>) -> T) -> T {
        let (app, origin) = (self.app(), Origin::operator());
        let (keys, random, tag) = (&*app.keys, &app.random, &app.config.tokens.api_key_tag);
        let terms = Terms { keys, random, tag, origin: &origin, by: None, now: app.clock.now() };
        work(&terms).await
    }
}
