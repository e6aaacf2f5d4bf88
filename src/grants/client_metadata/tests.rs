//! Real clients register; hostile ones do not, or get less than they asked for.

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn request(value: Value) -> Result<Registration, MetadataError> {
    ClientMetadata::from_request(value.to_string().as_bytes())
}

/// A registration with these members besides one good redirect URI.
fn with(members: Value) -> Result<Registration, MetadataError> {
    let mut all = json!({ "redirect_uris": ["https://app.example/cb"] });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request(all)
}

fn url() -> ClientIdUrl {
    ClientIdUrl::parse("https://app.example/client.json", false).unwrap()
}

fn document(members: Value) -> Result<Registration, MetadataError> {
    let mut all = json!({
        "client_id": "https://app.example/client.json",
        "client_name": "App",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
    });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    ClientMetadata::from_document(&url(), all.to_string().as_bytes())
}

fn texts(registration: &Registration) -> Vec<&str> {
    registration.redirect_uris.iter().map(RedirectUri::as_str).collect()
}

const CURSOR: [&str; 3] = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "http://localhost:8787/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
];

#[test]
fn cursor_registers_its_three_uris_at_once() {
    let cursor =
        request(json!({ "client_name": "Cursor", "redirect_uris": CURSOR, "token_endpoint_auth_method": "none" }));
    let cursor = cursor.unwrap();
    assert_eq!(texts(&cursor), CURSOR);
    assert_eq!((cursor.auth_method, cursor.application_type), (AuthMethod::None, ApplicationType::Native));
    // A private-use scheme is for public clients, so a wish for a secret is answered with none.
    let wish = request(json!({ "redirect_uris": CURSOR, "token_endpoint_auth_method": "client_secret_post" })).unwrap();
    assert_eq!(wish.auth_method, AuthMethod::None);
}

#[test]
fn an_unsupported_uri_is_left_out_and_a_dangerous_one_refuses_the_whole() {
    let mixed = request(
        json!({ "redirect_uris": ["http://app.example/cb", "https://app.example/cb", "https://app.example/cb"] }),
    );
    assert_eq!(texts(&mixed.unwrap()), ["https://app.example/cb"]);
    for (uri, why) in [
        ("javascript:alert(1)", RedirectUriError::DangerousScheme),
        ("https://app.example@evil.example/", RedirectUriError::UserInfo),
        ("https://*.example/", RedirectUriError::Wildcard),
        ("https://app.example/cb?code=x", RedirectUriError::ReservedParameter),
    ] {
        let refused = request(json!({ "redirect_uris": ["https://app.example/cb", uri] })).unwrap_err();
        assert_eq!((refused.code(), &refused), ("invalid_redirect_uri", &MetadataError::RedirectUri(why)));
    }
    for none in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": null })] {
        assert_eq!(request(none), Err(MetadataError::NoRedirectUri));
    }
    assert_eq!(
        request(json!({ "redirect_uris": ["http://app.example/cb"] })),
        Err(MetadataError::RedirectUri(RedirectUriError::HttpNotLoopback))
    );
    let many: Vec<String> = (0..21).map(|number| format!("https://app.example/{number}")).collect();
    assert_eq!(request(json!({ "redirect_uris": many })), Err(MetadataError::TooManyRedirectUris));
}

#[test]
fn hostile_bodies_are_refused() {
    let deep = format!("{{\"jwks\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let twice = br#"{"redirect_uris":["https://a.example/1"],"redirect_uris":["https://b.example/2"]}"#;
    for body in [
        &b""[..],
        b"null",
        b"[]",
        b"[[\"https://a.example/\"]]",
        b"{",
        b"{} {}",
        b"\"x\"",
        b"{\"client_name\":\"\xff\"}",
        b"{\"redirect_uris\":\"https://a.example/\"}",
        b"{\"client_name\":7}",
        deep.as_bytes(),
        twice,
    ] {
        assert_eq!(ClientMetadata::from_request(body), Err(MetadataError::Malformed), "{:?}", body.get(..40));
    }
    assert_eq!(ClientMetadata::from_request(&vec![b' '; MAX_REQUEST + 1]), Err(MetadataError::TooLarge));
    assert_eq!(ClientMetadata::from_document(&url(), &vec![b' '; MAX_DOCUMENT + 1]), Err(MetadataError::TooLarge));
}

#[test]
fn privileges_asked_for_are_not_given() {
    let greedy = with(json!({
        "scope": "mcp:read mgmt.admin mgmt.write root",
        "grant_types": ["authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"],
        "client_id": "admin", "client_secret": "chosen", "skip_consent": true, "response_types": ["code", "token"],
    }));
    let greedy = greedy.unwrap();
    assert_eq!(greedy.scope, Scope::of(&["mcp:read"]));
    assert_eq!(greedy.grant_types, Words::from_iter(["authorization_code"]));
    let answer = greedy.response("generated", None, DateTime::UNIX_EPOCH);
    assert_eq!((&answer["client_id"], answer.get("client_secret")), (&json!("generated"), None));
    assert_eq!((&answer["scope"], &answer["response_types"]), (&json!("mcp:read"), &json!(["code"])));

    assert_eq!(with(json!({ "grant_types": ["client_credentials"] })), Err(MetadataError::GrantTypes));
    assert_eq!(with(json!({ "response_types": ["token"] })), Err(MetadataError::ResponseTypes));
    assert_eq!(with(json!({ "scope": "a\"b" })), Err(MetadataError::Scope));
    assert_eq!(
        with(json!({ "token_endpoint_auth_method": "private_key_jwt" })).unwrap_err().code(),
        "invalid_client_metadata"
    );
    let admin = with(json!({ "scope": "mgmt.admin" })).unwrap();
    assert!(!admin.scope.tokens().any(|token| token.starts_with("mgmt")));
}

#[test]
fn what_is_not_said_has_a_default() {
    let web = with(json!({})).unwrap();
    assert_eq!(
        (web.name.as_str(), web.auth_method, web.application_type),
        (UNNAMED, AuthMethod::SecretBasic, ApplicationType::Web)
    );
    assert_eq!(web.grant_types, Words::from_iter(["authorization_code", "refresh_token"]));
    assert_eq!(web.scope, Scope::of(&known_scopes::SELF_REGISTERED));
    let native =
        request(json!({ "redirect_uris": ["http://localhost:33418/"], "application_type": "web", "scope": null }));
    let native = native.unwrap();
    assert_eq!((native.auth_method, native.application_type), (AuthMethod::None, ApplicationType::Native));
    let refresh = with(json!({ "grant_types": ["refresh_token"] })).unwrap();
    assert!(refresh.grant_types.has("authorization_code"));
}

#[test]
fn a_name_is_shown_harmless_and_said_to_be_so() {
    let turned = with(json!({ "client_name": "\u{202e}edualC\u{200b} <b>" })).unwrap();
    assert_eq!((turned.name.as_str(), turned.name_was_cleaned), ("edualC <b>", true));
    assert!(!with(json!({ "client_name": " Honest app " })).unwrap().name_was_cleaned);
    assert!(with(json!({ "client_name": "é".repeat(128) })).is_ok());
    assert_eq!(with(json!({ "client_name": "é".repeat(129) })), Err(MetadataError::NameTooLong));
}

#[test]
fn pages_that_are_not_https_are_left_out() {
    let shown = with(json!({
        "client_uri": "https://app.example", "logo_uri": "data:image/svg+xml,x", "policy_uri": "javascript:alert(1)",
        "tos_uri": "https://user@app.example/", "contacts": ["a@app.example", "\u{202e}", "x".repeat(500)],
        "software_id": " id ", "software_version": null,
    }));
    let expected = json!({ "client_uri": "https://app.example/", "contacts": ["a@app.example"], "software_id": "id" });
    assert_eq!(shown.unwrap().metadata, expected);
}

#[test]
fn the_answer_has_every_effective_value_and_no_null() {
    let answer = with(json!({ "client_name": null })).unwrap().response("id", Some("secret"), DateTime::UNIX_EPOCH);
    for member in [
        "client_id",
        "client_id_issued_at",
        "client_name",
        "redirect_uris",
        "grant_types",
        "response_types",
        "scope",
        "token_endpoint_auth_method",
        "application_type",
        "client_secret",
        "client_secret_expires_at",
    ] {
        assert!(answer.get(member).is_some_and(|value| !value.is_null()), "{member}");
    }
    assert!(!answer.to_string().contains("null"));
}

#[test]
fn a_document_is_about_its_own_url_and_has_no_secret() {
    let found = document(json!({ "grant_types": ["authorization_code", "device_code", "refresh_token"] })).unwrap();
    assert_eq!((found.auth_method, found.application_type), (AuthMethod::None, ApplicationType::Native));
    for other in [json!("https://app.example/client.jsoN"), json!("https://app.example/client.json/"), json!(null)] {
        assert_eq!(document(json!({ "client_id": other })), Err(MetadataError::ClientId));
    }
    for (members, why) in [
        (json!({ "client_name": null }), MetadataError::NoName),
        (json!({ "client_name": "\u{200b}" }), MetadataError::NoName),
        (json!({ "redirect_uris": [] }), MetadataError::NoRedirectUri),
        (json!({ "client_secret": "x" }), MetadataError::Secret),
        (json!({ "client_secret_expires_at": 0 }), MetadataError::Secret),
        (json!({ "jwks": { "keys": [{ "kty": "EC" }, { "kty": "EC", "d": "x" }] } }), MetadataError::Secret),
        (json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } }), MetadataError::Secret),
        (json!({ "token_endpoint_auth_method": "client_secret_basic" }), MetadataError::AuthMethod),
        (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), MetadataError::AuthMethod),
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), MetadataError::AuthMethod),
    ] {
        assert_eq!(document(members.clone()), Err(why), "{members}");
    }
}

#[test]
fn the_fingerprint_follows_what_a_person_relies_on_and_nothing_else() {
    let base = document(json!({})).unwrap().fingerprint();
    let same = document(json!({
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"], "unknown": 1, "client_name": " App",
    }));
    assert_eq!(same.unwrap().fingerprint(), base);
    for change in [
        json!({ "client_name": "Other" }),
        json!({ "redirect_uris": ["http://localhost/callback"] }),
        json!({ "redirect_uris": ["http://localhost/callback", "https://evil.example/"] }),
        json!({ "scope": "mcp:read" }),
        json!({ "logo_uri": "https://app.example/logo.png" }),
        json!({ "client_uri": "https://app.example/logo.png" }),
        json!({ "grant_types": ["authorization_code"] }),
    ] {
        assert_ne!(document(change.clone()).unwrap().fingerprint(), base, "{change}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in "\\{(\"(client_name|redirect_uris|scope|jwks)\":(\\[\"\\PC{0,20}\"\\]|\"\\PC{0,20}\"|null),?){0,4}\\}") {
        drop(ClientMetadata::from_request(body.as_bytes()));
        drop(ClientMetadata::from_document(&url(), body.as_bytes()));
    }
}
