//! Somebody who calls tools.

use portcullis::app::App;
use portcullis::audit::Origin;
use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::identity::add_person::{AddPerson, NewPerson, add_person};
use portcullis::types::{GrantId, Scope, SubjectId, Words, known_scopes};
use serde_json::json;

/// An access token of a new person's by a new client, good for ten hours.
pub async fn token(app: &App, audience: &str, scopes: &[&str]) -> String {
    let now = app.clock.now();
    let person = NewPerson { username: "ada".to_owned(), ..NewPerson::default() };
    let added = app.db.write(async |conn| add_person(conn, person, &Origin::operator(), now).await).await.unwrap();
    let AddPerson::Added(user) = added else { panic!("a person") };
    let client = NewClient {
        id: "bench".to_owned(),
        origin: ClientOrigin::Administrator,
        name: "Bench".to_owned(),
        secret: None,
        auth_method: AuthMethod::None,
        application_type: ApplicationType::Native,
        redirect_uris: Vec::new(),
        grant_types: Words::from_iter(["authorization_code"]),
        scope: Scope::of(&known_scopes::SELF_REGISTERED),
        metadata: json!({}),
        metadata_hash: [0; 32],
        created_from: None,
        fresh_until: None,
        options: ClientOptions::default(),
    };
    app.db.write(async |conn| client::insert(conn, &client, now).await).await.unwrap();
    let claims = json!({
        "iss": app.issuer(), "sub": SubjectId::Person(user.id), "aud": audience, "exp": now.timestamp() + 36_000,
        "iat": now.timestamp(), "jti": "bench", "client_id": "bench", "scope": scopes.join(" "), "scopes": scopes,
        "token_use": "access", "grant_id": GrantId::fresh(), "auth_time": now.timestamp(), "amr": ["pwd"],
    });
    app.signing.access_token(&serde_json::from_value(claims).unwrap()).unwrap()
}
