//! G, F6: clients whose id is the URL of a document that they publish (Client ID Metadata Document draft).

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use portcullis::audit::Origin;
use portcullis::crypto::statement::Header;
use portcullis::errands::key_set;
use portcullis::grants::adopt;
use portcullis::grants::client::{self, ClientOrigin};
use portcullis::grants::client_metadata::{AuthMethod, ClientMetadata, Policy};
use portcullis::http::urls;
use portcullis::net::Purpose;
use portcullis::types::ClientIdUrl;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::client::{CALLBACK, Client, Won, public_keys};
use crate::support::documents::{Documents, authority, canary, document, serve_by_tls};
use crate::support::signer::Signer;
use crate::support::{Browser, TestApp};

/// An installation on loopback that lets clients be there too, and somebody who is signed in.
async fn on_loopback() -> (TestApp, Browser) {
    let app = TestApp::configured(|config| config.outbound.allow_loopback_clients = true).await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    (app, ada)
}

async fn known(app: &TestApp, id: &str) -> Option<client::Client> {
    client::find(&mut app.db().read().await.unwrap(), id).await.unwrap()
}

#[tokio::test]
async fn a_document_by_tls_is_all_a_client_needs() {
    let app = TestApp::configured(|config| {
        config.outbound.allow_loopback_clients = true;
        config.outbound.extra_ca_file = Some(authority());
    })
    .await;
    let ada = app.person("ada").await;
    let client = Client::known(&app, &serve_by_tls(), CALLBACK);
    let tokens = client.connect(&ada).await;
    app.call_mcp(&tokens.access).await.assert(200);
    client.refresh(&tokens.refresh).await.tokens();
    assert_eq!(known(&app, &client.id).await.unwrap().name, "Document client");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_know_is_not_believed() {
    let (app, ada) = on_loopback().await;
    let client = Client::known(&app, &serve_by_tls(), CALLBACK);
    ada.visit(&client.ask().url()).await.assert_error_page();
    assert!(known(&app, &client.id).await.is_none());
}

/// `decisions` 18: strangers cannot make us fetch anything.
#[tokio::test]
async fn g4_nothing_is_fetched_or_stored_before_somebody_has_signed_in() {
    let (app, _) = on_loopback().await;
    let documents = Documents::start().await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    let ada = app.person("grace").await;
    let page = ada.visit(&client.ask().url()).await;
    assert!(page.offers("Sign in"));
    assert!(known(&app, &client.id).await.is_none() && documents.visits().await == 0);
    let consent = ada.follow(ada.sign_in_on(&page).await).await;
    assert!(consent.offers("Allow") && documents.visits().await == 1);
}

/// SSRF: no packet leaves for an address that is not the public internet's.
#[tokio::test]
async fn g1_g2_f6_no_url_of_a_stranger_reaches_inside() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let (port, knocks) = canary();
    for host in [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fd00::1]",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "a@127.0.0.1",
        "foo.localhost",
        "xn--lcalhost-54a.example",
    ] {
        for scheme in ["https", "http"] {
            let client = Client::known(&app, &format!("{scheme}://{host}:{port}/client.json"), CALLBACK);
            let answer = ada.visit(&client.ask().url()).await;
            assert!(answer.status == 400 && answer.location().is_empty(), "{}: {}", client.id, answer.status);
        }
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0, "somebody was disturbed");
}

#[tokio::test]
async fn g1_what_is_no_plain_url_is_refused_before_any_fetch() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let id = documents.client_id();
    let host = id.strip_suffix("/client.json").unwrap();
    for bad in [
        host.to_owned(),
        format!("{host}/"),
        format!("{id}#x"),
        format!("{id}?x=1"),
        id.replace("://", "://user:pass@"),
        format!("{host}/x/../client.json"),
        format!("{host}/./client.json"),
        format!("{host}/%2e%2e/client.json"),
        format!("{host}/..;/client.json"),
        format!("{host}/{}", "x".repeat(4096)),
        id.replace("http://", "HTTP://"),
        id.replace("http://", "file://"),
        id.replace("http://", "ftp://"),
        format!("{id}\\x"),
        format!("{id}\n"),
        format!(" {id}"),
    ] {
        let client = Client::known(&app, &bad, CALLBACK);
        ada.visit(&client.ask().url()).await.assert_error_page();
    }
    assert_eq!(documents.visits().await, 0);
}

#[tokio::test]
async fn g3_a_document_that_breaks_a_rule_makes_no_client() {
    let (mut app, mut ada) = on_loopback().await;
    let documents = Documents::start().await;
    let usual = documents.usual();
    let json = |change: Value| {
        let mut changed = usual.clone();
        changed.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ResponseTemplate::new(200).set_body_json(changed)
    };
    let raw = |body: Vec<u8>, kind: &str| ResponseTemplate::new(200).set_body_raw(body, kind);
    let good = usual.to_string().into_bytes();
    for (number, answer) in [
        json(json!({ "client_id": format!("{}x", documents.client_id()) })),
        json(json!({ "client_id": documents.client_id().to_uppercase() })),
        json(json!({ "client_name": "" })),
        json(json!({ "redirect_uris": [] })),
        json(json!({ "redirect_uris": ["javascript:alert(1)"] })),
        json(json!({ "redirect_uris": [CALLBACK, "https://*.evil.example/"] })),
        json(json!({ "client_secret": "s" })),
        json(json!({ "client_secret_expires_at": 0 })),
        json(json!({ "token_endpoint_auth_method": "client_secret_basic" })),
        json(json!({ "token_endpoint_auth_method": "client_secret_jwt" })),
        json(json!({ "jwks": { "keys": [{ "kty": "EC", "d": "x" }] } })),
        json(json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } })),
        json(json!({ "client_uri": format!("https://app.example/{}", "x".repeat(6000)) })),
        json(json!({ "token_endpoint_auth_method": "private_key_jwt" })),
        json(json!({ "jwks": public_keys("1"), "jwks_uri": "https://app.example/keys" })),
        json(json!({ "jwks_uri": "http://app.example/keys" })),
        raw(good.clone(), "text/html"),
        raw(good.clone(), "text/plain"),
        raw([&good[..], b"x"].concat(), "application/json"),
        raw(b"{\"client_id\":\"\xff\"}".to_vec(), "application/json"),
        raw(good.clone(), "application/json").insert_header("content-encoding", "gzip"),
        ResponseTemplate::new(404).set_body_json(&usual),
        ResponseTemplate::new(500).set_body_json(&usual),
        ResponseTemplate::new(201).set_body_json(&usual),
        ResponseTemplate::new(302).insert_header("location", documents.client_id()),
        ResponseTemplate::new(200).set_body_json(&usual).set_delay(Duration::from_secs(6)),
    ]
    .into_iter()
    .enumerate()
    {
        // One host is visited ten times a minute; another installation has another minute.
        if number % 10 == 9 {
            (app, ada) = on_loopback().await;
        }
        documents.answer(answer).await;
        let client = Client::known(&app, &documents.client_id(), CALLBACK);
        let page = ada.visit(&client.ask().url()).await;
        assert_eq!((page.status, page.location()), (400, ""), "{number}");
        assert_eq!(documents.visits().await, 1, "{number} was read");
        assert!(known(&app, &client.id).await.is_none(), "{number} is not kept");
    }
}

/// We are no amplifier: a minute's worth for one host, whoever asks.
#[tokio::test]
async fn g4_one_host_is_visited_ten_times_a_minute_and_no_more() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    documents.answer(ResponseTemplate::new(404)).await;
    for number in 0..20 {
        let id = documents.client_id().replace("client.json", &format!("{number}.json"));
        ada.visit(&Client::known(&app, &id, CALLBACK).ask().url()).await.assert_error_page();
    }
    assert_eq!(documents.visits().await, 10);
}

#[tokio::test]
async fn g5_a_document_that_changes_is_asked_about_again() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    let tokens = client.connect(&ada).await;
    let mut changed = documents.usual();
    changed["redirect_uris"] = json!(["http://127.0.0.1:7777/moved"]);
    documents.publish(changed).await;
    ada.visit(&client.ask().url()).await.form("Allow");
    assert_eq!(documents.visits().await, 0, "still fresh");
    let page = ada.consider(&client.ask().url()).await;
    app.clock().advance(TimeDelta::hours(25));
    let moved = Client::known(&app, &client.id, "http://127.0.0.1:7777/moved");
    ada.sign_in().await;
    ada.visit(&client.ask().url()).await.assert_error_page();
    assert_eq!(documents.visits().await, 1, "read again when no longer fresh");
    assert!(ada.visit(&moved.ask().url()).await.offers("Allow"));
    let late = ada.submit(&page.form("Allow")).await;
    assert!(late.callback_parameter("code").is_none(), "what was shown is no longer so: {}", late.location());
    client.refresh(&tokens.refresh).await.tokens();
}

/// Nobody agrees to one name and lets in another.
#[tokio::test]
async fn g5_a_new_name_is_shown_and_a_page_with_the_old_one_decides_nothing() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let hurried =
        |body: &Value| ResponseTemplate::new(200).set_body_json(body).insert_header("cache-control", "max-age=0");
    documents.answer(hurried(&documents.usual())).await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    client.connect(&ada).await;
    let old = ada.consider(&client.ask().url()).await;
    assert!(old.body.contains("Document client"));
    let mut renamed = documents.usual();
    renamed["client_name"] = json!("Renamed client");
    documents.answer(hurried(&renamed)).await;
    app.clock().advance(TimeDelta::minutes(6));
    let new = ada.consider(&client.ask().url()).await;
    assert!(new.offers("Allow") && new.body.contains("Renamed client") && !new.body.contains("Document client"));
    let late = ada.submit(&old.form("Allow")).await.assert(409);
    assert!(late.body.contains("The app has changed"), "{}", late.body);
    let answer = ada.submit(&new.form("Allow")).await.assert(303);
    assert!(answer.callback_parameter("code").is_some(), "{}", answer.location());
}

/// Headers of a stranger make us neither a flood nor a museum.
#[tokio::test]
async fn g6_freshness_is_between_five_minutes_and_a_day() {
    for (cache_control, fresh, stale) in [
        ("max-age=0", TimeDelta::minutes(4), TimeDelta::minutes(6)),
        ("no-store", TimeDelta::minutes(4), TimeDelta::minutes(6)),
        ("max-age=315360000", TimeDelta::hours(23), TimeDelta::hours(25)),
    ] {
        let (app, ada) = on_loopback().await;
        let documents = Documents::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(documents.usual());
        documents.answer(answer.insert_header("cache-control", cache_control)).await;
        let client = Client::known(&app, &documents.client_id(), CALLBACK);
        ada.consider(&client.ask().url()).await.form("Allow");
        app.clock().advance(fresh);
        ada.consider(&client.ask().url()).await.form("Allow");
        assert_eq!(documents.visits().await, 1, "{cache_control}");
        app.clock().advance(stale - fresh);
        ada.consider(&client.ask().url()).await.form("Allow");
        assert_eq!(documents.visits().await, 2, "{cache_control}");
    }
}

/// A stale document is never used to let anybody in when it cannot be read again.
#[tokio::test]
async fn g6_what_cannot_be_read_again_is_not_trusted() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    ada.consider(&client.ask().url()).await.form("Allow");
    documents.answer(ResponseTemplate::new(404)).await;
    app.clock().advance(TimeDelta::hours(25));
    ada.consider(&client.ask().url()).await.assert_error_page();
}

/// Provenance is kept apart: whoever controls a URL does not control the client that an administrator registered under it.
#[tokio::test]
async fn g7_a_document_takes_over_no_other_client() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let id = documents.client_id();
    app.vouched_client(&id, "http://127.0.0.1:7777/mine").await;
    ada.visit(&Client::known(&app, &id, CALLBACK).ask().url()).await.assert_error_page();
    let client = known(&app, &id).await.unwrap();
    assert_eq!((client.origin, documents.visits().await), (ClientOrigin::Administrator, 0));
    let named = json!({ "client_id": id, "redirect_uris": [CALLBACK] });
    let registered = app.post_json(urls::REGISTER, &named).await.assert(201).json();
    assert_ne!(registered["client_id"], id);
    assert_eq!(document(&id)["client_id"], id);
}

/// Keys at a stranger's URL are fetched under the rules of their document.
#[tokio::test]
async fn g2_f6_no_keys_of_a_stranger_are_fetched_from_inside() {
    let app = TestApp::start().await;
    let (port, knocks) = canary();
    // {"alg":"ES256"}
    let header = Header::of("eyJhbGciOiJFUzI1NiJ9.e30.").unwrap();
    for host in ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}:{port}/keys");
            let keys = key_set::fetch(app.app(), Purpose::ClientDocument, &url, &header).await;
            assert!(keys.is_err(), "{url}");
        }
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0, "somebody was disturbed");
}

/// Whoever holds other keys may be somebody else.
#[tokio::test]
async fn g5_a_client_that_signs_is_known_by_its_keys_and_asked_about_when_they_change() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let signing = |kid: &str| {
        let mut document = documents.usual();
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["jwks"] = public_keys(kid);
        document
    };
    documents.publish(signing("1")).await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    let page = ada.consider(&client.ask().url()).await;
    let first = known(&app, &client.id).await.unwrap();
    assert_eq!((first.auth_method, first.options.jwks), (AuthMethod::PrivateKeyJwt, Some(public_keys("1"))));
    documents.publish(signing("2")).await;
    app.clock().advance(TimeDelta::hours(25));
    assert!(ada.consider(&client.ask().url()).await.offers("Allow"));
    let second = known(&app, &client.id).await.unwrap();
    assert_eq!(second.options.jwks, Some(public_keys("2")));
    assert_ne!(first.metadata_hash, second.metadata_hash);
    assert!(ada.submit(&page.form("Allow")).await.callback_parameter("code").is_none());
    documents.publish(documents.usual()).await;
    app.clock().advance(TimeDelta::hours(25));
    ada.consider(&client.ask().url()).await;
    let third = known(&app, &client.id).await.unwrap();
    assert_eq!((third.auth_method, third.options.jwks), (AuthMethod::None, None), "nothing of what it said is left");
}

/// The host is proven; whose host it is, only a list says.
#[tokio::test]
async fn a_host_is_shown_as_verified_only_when_it_is_known() {
    let documents = Documents::start().await;
    for (trusted, words) in [
        (vec![], "Unverified: an app of 127.0.0.1"),
        (vec!["127.0.0.1".to_owned()], "Verified: 127.0.0.1 publishes this app"),
    ] {
        let app = TestApp::configured(|config| {
            config.outbound.allow_loopback_clients = true;
            config.registration.trusted_hosts = trusted;
        })
        .await;
        let ada = app.person("ada").await;
        ada.sign_in().await;
        let client = Client::known(&app, &documents.client_id(), CALLBACK);
        let page = ada.consider(&client.ask().url()).await.words();
        assert!(page.contains(words), "{page}");
        client.connect(&ada).await;
        let again = ada.visit(&client.ask().url()).await;
        assert!(again.offers("Allow"), "any program on this computer could be asking");
    }
}

/// RFC 6749 §10.2: an answer is remembered only where it goes back to the host that asked.
#[tokio::test]
async fn j1_a_known_host_is_asked_about_once_and_a_program_on_this_computer_each_time() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let url = ClientIdUrl::parse("https://claude.ai/oauth/client.json", false).unwrap();
    let own = "https://claude.ai/api/mcp/auth_callback";
    let publish = async |name: &str| {
        let document = json!({ "client_id": url.as_str(), "client_name": name, "redirect_uris": [own, CALLBACK] });
        let said = ClientMetadata::from_document(&url, document.to_string().as_bytes(), &Policy::default()).unwrap();
        let now = app.clock().now();
        let until = now + TimeDelta::hours(1);
        app.write(async |conn| adopt::adopt(conn, &url, &said, until, &Origin::default(), now).await).await.unwrap();
    };
    publish("Claude").await;
    let client = Client::known(&app, url.as_str(), own);
    let page = ada.consider(&client.ask().url()).await;
    assert!(page.words().contains("Verified: claude.ai publishes this app") && page.offers("Allow"));
    client.connect(&ada).await;
    assert!(ada.visit(&client.ask().url()).await.callback_parameter("code").is_some(), "not asked again");
    let local = Client::known(&app, url.as_str(), CALLBACK);
    for _ in 0..2 {
        let page = ada.visit(&local.ask().url()).await;
        ada.submit(&page.form("Allow")).await.assert(303);
    }
    publish("Claude, renamed").await;
    assert!(ada.visit(&client.ask().url()).await.offers("Allow"), "asked again when it changed");
}

/// RFC 9126: the first that we hear of a client may be what it pushes, before there is a browser.
#[tokio::test]
async fn a_client_that_nobody_has_seen_pushes_its_request() {
    let (app, ada) = on_loopback().await;
    let documents = Documents::start().await;
    let client = Client::known(&app, &documents.client_id(), CALLBACK);
    client.refresh("none").await.assert_refused(401, "invalid_client");
    assert_eq!(documents.visits().await, 0, "nothing is fetched where tokens are asked for");
    let ask = client.ask();
    let url = client.pushed(&ask).await;
    client.pushed(&client.ask()).await;
    assert_eq!(documents.visits().await, 1, "it is known now");
    let sent = ada.allow(&url).await;
    let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier };
    app.call_mcp(&client.redeem(&won).await.tokens().access).await.assert(200);

    let signer = Signer::new();
    let strict = Client::known(&app, &documents.client_id().replace("client", "strict"), CALLBACK);
    let mut document = document(&strict.id);
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks"] = signer.jwks();
    documents.publish(document).await;
    strict.push(&strict.ask()).await.assert_refused(401, "invalid_client");
    let now = app.clock().now().timestamp();
    let claims = json!({ "iss": strict.id, "sub": strict.id, "aud": app.issuer(), "exp": now + 60, "jti": "1" });
    let assertion = signer.sign(&json!({}), &claims);
    let proof = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let signed = strict.ask().and("client_assertion_type", proof).and("client_assertion", &assertion);
    let fields: Vec<_> = signed.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    app.post_form(urls::PAR, &fields).await.assert(201);
    assert_eq!(documents.visits().await, 1);
}

/// We are no amplifier, and strangers do not use up what people who sign in need.
#[tokio::test]
async fn g4_a_stranger_who_pushes_makes_us_read_only_so_much() {
    let (app, _) = on_loopback().await;
    let documents = Documents::start().await;
    let push = async |number: usize| {
        let id = documents.client_id().replace("client", &format!("client-{number}"));
        let client = Client::known(&app, &id, CALLBACK);
        (client.push(&client.ask()).await, id)
    };
    let mut last = None;
    for number in 0..40 {
        let (answer, id) = push(number).await;
        assert!(known(&app, &id).await.is_none(), "the document is another's");
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
        answer.assert_refused(401, "invalid_client");
    }
    let last = last.expect("it ends");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(documents.visits().await <= 12);
}
