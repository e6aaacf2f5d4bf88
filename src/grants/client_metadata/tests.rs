//! Real clients register; hostile ones do not, or get less than they asked for.

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::types::{RedirectUriError, Words, known_scopes};

fn judge(body: &[u8]) -> Result<Registration, MetadataError> {
    ClientMetadata::from_request(body, None, &Policy::default())
}

fn request(value: Value) -> Result<Registration, MetadataError> {
    judge(value.to_string().as_bytes())
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

fn published(body: &[u8]) -> Result<Registration, MetadataError> {
    ClientMetadata::from_document(&url(), body, &Policy::default())
}

fn document(members: Value) -> Result<Registration, MetadataError> {
    let mut all = json!({
        "client_id": "https://app.example/client.json",
        "client_name": "App",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
    });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    published(all.to_string().as_bytes())
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
        assert_eq!(judge(body), Err(MetadataError::Malformed), "{:?}", body.get(..40));
    }
    assert_eq!(judge(&vec![b' '; MAX_REQUEST + 1]), Err(MetadataError::TooLarge));
    assert_eq!(published(&vec![b' '; MAX_DOCUMENT + 1]), Err(MetadataError::TooLarge));
}

#[test]
fn privileges_asked_for_are_not_given() {
    let greedy = with(json!({
        "scope": "mcp:read mgmt.admin mgmt.write root",
        "grant_types": ["authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
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
        (json!({ "token_endpoint_auth_method": "private_key_jwt" }), MetadataError::NoKeys),
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

/// The public key of RFC 7517 appendix A.1.
fn key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

#[test]
fn a_client_that_signs_has_keys_from_one_place() {
    let signs = |keys: Value| {
        let mut all = json!({ "token_endpoint_auth_method": "private_key_jwt" });
        all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        with(all)
    };
    let by_value = signs(json!({ "jwks": { "keys": [key()] }, "token_endpoint_auth_signing_alg": "ES256" })).unwrap();
    assert_eq!(by_value.auth_method, AuthMethod::PrivateKeyJwt);
    let answer = by_value.response("id", None, DateTime::UNIX_EPOCH);
    assert_eq!(answer["jwks"]["keys"][0]["kid"], "1");
    assert_eq!((&answer["token_endpoint_auth_signing_alg"], answer.get("client_secret")), (&json!("ES256"), None));
    assert!(signs(json!({ "jwks_uri": "https://app.example/keys" })).is_ok());
    let mut private = key();
    private["d"] = json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    let large = json!({ "keys": [key()], "more": "x".repeat(17_000) });
    for (keys, why) in [
        (json!({}), MetadataError::NoKeys),
        (json!({ "jwks": { "keys": [] } }), MetadataError::NoKeys),
        (json!({ "jwks": { "keys": [{ "kty": "EC", "use": "enc" }] } }), MetadataError::NoKeys),
        (
            json!({ "jwks": { "keys": [key()] }, "jwks_uri": "https://app.example/keys" }),
            MetadataError::TwoSourcesOfKeys,
        ),
        (json!({ "jwks": { "keys": [private] } }), MetadataError::Secret),
        (
            json!({ "jwks": { "keys": vec![key(); 33] } }),
            MetadataError::Keys(crate::crypto::statement::KeySetError::TooManyKeys),
        ),
        (json!({ "jwks": large }), MetadataError::KeysTooLarge),
        (json!({ "jwks_uri": "http://app.example/keys" }), MetadataError::BadUrl("jwks_uri")),
        (json!({ "jwks_uri": "http://localhost/keys" }), MetadataError::BadUrl("jwks_uri")),
        (json!({ "jwks_uri": "https://u@app.example/keys" }), MetadataError::BadUrl("jwks_uri")),
        (json!({ "jwks_uri": "file:///etc/passwd" }), MetadataError::BadUrl("jwks_uri")),
        (
            json!({ "jwks": { "keys": [key()] }, "token_endpoint_auth_signing_alg": "HS256" }),
            MetadataError::Algorithm("token_endpoint_auth_signing_alg"),
        ),
    ] {
        assert_eq!(signs(keys.clone()), Err(why), "{keys}");
    }
    // Whoever claims the scheme gets the code: a signature proves no more than a secret there.
    let cursor = request(json!({
        "redirect_uris": CURSOR, "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key()] },
    }));
    assert_eq!(cursor.unwrap().auth_method, AuthMethod::None);
}

#[test]
fn b4_where_a_browser_goes_after_logout_is_judged_like_a_redirect() {
    let kept =
        with(json!({ "post_logout_redirect_uris": ["https://app.example/bye", "http://app.example/", "app:x"] }));
    assert_eq!(kept.unwrap().options.post_logout_redirect_uris.0, ["https://app.example/bye"]);
    for bad in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://a.example/x",
        "intent://x",
        "https://a@evil.example/",
    ] {
        let refused = with(json!({ "post_logout_redirect_uris": [bad] })).unwrap_err();
        assert_eq!(refused.code(), "invalid_client_metadata", "{bad}");
    }
    for bad in ["http://app.example/out", "https://app.example/out#x", "https://u:p@app.example/", "x", "https:///"] {
        let refused = with(json!({ "backchannel_logout_uri": bad }));
        assert_eq!(refused, Err(MetadataError::BadUrl("backchannel_logout_uri")), "{bad}");
    }
}

#[test]
fn what_we_cannot_do_is_refused_and_what_is_so_anyway_is_repeated() {
    for (name, bad) in [
        ("id_token_signed_response_alg", "HS256"),
        ("id_token_signed_response_alg", "none"),
        ("request_object_signing_alg", "none"),
    ] {
        assert_eq!(with(json!({ (name): bad })), Err(MetadataError::Algorithm(name)));
    }
    let wishes = json!({
        "id_token_signed_response_alg": "RS256", "request_object_signing_alg": "ES256", "default_max_age": 60,
        "require_auth_time": true, "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
        "backchannel_logout_uri": "https://app.example/out", "backchannel_logout_session_required": true,
    });
    let answer = with(wishes.clone()).unwrap().response("id", None, DateTime::UNIX_EPOCH);
    for (name, value) in wishes.as_object().unwrap() {
        assert_eq!(&answer[name], value, "{name}");
    }
    let ignored = with(json!({ "frontchannel_logout_uri": "https://app.example/", "initiate_login_uri": "x", "a": 1 }));
    assert_eq!(ignored.unwrap(), with(json!({})).unwrap());
}

#[test]
fn a_device_needs_no_redirect_uri_and_a_code_does() {
    let device = request(json!({ "client_name": "TV", "grant_types": [DEVICE_CODE, "refresh_token"] })).unwrap();
    assert!(device.redirect_uris.is_empty() && device.grant_types == Words::from_iter(["refresh_token", DEVICE_CODE]));
    assert_eq!(device.response("id", None, DateTime::UNIX_EPOCH)["response_types"], json!([]));
    assert!(request(json!({ "grant_types": [JWT_BEARER] })).is_ok());
    let with_code = json!({ "grant_types": [DEVICE_CODE, "authorization_code"] });
    assert_eq!(request(with_code), Err(MetadataError::NoRedirectUri));
}

#[test]
fn the_operator_decides_where_answers_may_go_and_how_much_there_is() {
    let policy = Policy {
        redirect_hosts: vec!["app.example".to_owned()],
        schemes: vec!["cursor".to_owned()],
        ceiling: Scope::of(&["mcp:read", "openid"]),
        allows_loopback: false,
    };
    let judge = |uris: &[&str]| {
        let body = json!({ "redirect_uris": uris, "scope": "mcp:read mcp:write" }).to_string();
        ClientMetadata::from_request(body.as_bytes(), None, &policy)
    };
    let some = judge(&[
        "https://evil.example/cb",
        "https://app.example/cb",
        "http://localhost/cb",
        "cursor://x/cb",
        "evil://x/cb",
    ]);
    let some = some.unwrap();
    assert_eq!(texts(&some), ["https://app.example/cb", "http://localhost/cb", "cursor://x/cb"]);
    assert_eq!((some.scope.to_string().as_str(), some.ceiling), ("mcp:read", policy.ceiling.clone()));
    for uri in ["https://evil.example/cb", "https://app.example:8443/cb", "https://x.app.example/cb", "evil:/cb"] {
        assert_eq!(judge(&[uri]), Err(MetadataError::ForeignRedirectUri), "{uri}");
    }
}

#[test]
fn changed_keys_are_another_client() {
    let keyed = |kid: &str| {
        let mut key = key();
        key["kid"] = json!(kid);
        let keyed = document(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key] } }));
        keyed.unwrap().fingerprint()
    };
    assert_eq!(keyed("1"), keyed("1"));
    assert_ne!(keyed("1"), keyed("2"));
    let at = |uri: &str| document(json!({ "jwks_uri": uri })).unwrap().fingerprint();
    assert_ne!(at("https://app.example/1"), at("https://app.example/2"));
}

/// What an answer says, as a client sends it back (RFC 7592 §2.2).
fn sent_back(registration: &Registration) -> Value {
    let mut body = registration.response("id", None, DateTime::UNIX_EPOCH);
    body.as_object_mut().unwrap().remove("client_id_issued_at");
    // In whatever order the database or a client's library writes it.
    let members: std::collections::BTreeMap<String, Value> =
        body.as_object().unwrap().clone().into_iter().rev().collect();
    json!(members)
}

fn metadata() -> impl Strategy<Value = Value> {
    let uris = proptest::sample::subsequence(
        vec![
            "https://app.example/cb",
            "http://localhost/cb",
            "https://b.example/?x=1",
            "http://no.example/",
            "cursor://a/b",
        ],
        0..5,
    );
    let grants = proptest::sample::subsequence(
        vec!["authorization_code", "refresh_token", DEVICE_CODE, JWT_BEARER, "client_credentials", "implicit"],
        0..6,
    );
    let method = proptest::option::of(proptest::sample::select(vec![
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    ]));
    let rest = proptest::collection::btree_map(
        proptest::sample::select(vec![
            "client_name",
            "client_uri",
            "logo_uri",
            "scope",
            "software_id",
            "application_type",
        ]),
        "\\PC{0,30}|https://[a-z]{1,9}\\.example/[a-z/]{0,9}|(mcp:read|openid|mgmt.admin| ){0,4}|web|native",
        0..6,
    );
    (uris, grants, method, rest, any::<(bool, bool, bool)>(), proptest::option::of(-5..99_i32)).prop_map(
        |(uris, grants, method, rest, (keys, dpop, logout), age)| {
            let mut all = json!({ "redirect_uris": uris, "grant_types": grants, "dpop_bound_access_tokens": dpop });
            all.as_object_mut().unwrap().extend(rest.into_iter().map(|(name, text)| (name.to_owned(), json!(text))));
            if let Some(method) = method {
                all["token_endpoint_auth_method"] = json!(method);
            }
            if keys {
                all["jwks"] = json!({ "keys": [key()] });
            }
            if logout {
                all["post_logout_redirect_uris"] = json!(uris);
            }
            all["default_max_age"] = json!(age);
            all
        },
    )
}

proptest! {
    /// A client that sends back what it read changes nothing.
    #[test]
    fn what_was_answered_registers_as_itself(sent in metadata()) {
        let Ok(first) = request(sent) else { return Ok(()) };
        let again = ClientMetadata::from_update("id", sent_back(&first).to_string().as_bytes(), None, &Policy::default());
        let again = again.unwrap().registration;
        prop_assert_eq!(again.fingerprint(), first.fingerprint());
        prop_assert_eq!(again, Registration { name_was_cleaned: false, ..first });
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in "\\{(\"(client_name|redirect_uris|scope|jwks)\":(\\[\"\\PC{0,20}\"\\]|\"\\PC{0,20}\"|null),?){0,4}\\}") {
        drop(judge(body.as_bytes()));
        drop(published(body.as_bytes()));
    }
}
