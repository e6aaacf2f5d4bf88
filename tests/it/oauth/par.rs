//! RFC 9126: authorization requests that the client hands to us itself.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::grants::client::{ClientOptions, Profile};
use portcullis::http::urls;
use reqwest::Method;

use crate::support::client::{CALLBACK, Client, Won};
use crate::support::signer::set_options;
use crate::support::{Answer, Holder, TestApp};

const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse("http://x").unwrap().join(url).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// RFC 9126 §2.2, §4.
#[tokio::test]
async fn what_was_pushed_ends_in_tokens_and_nothing_else_in_the_url_counts() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for client in [app.client().await, app.confidential_client().await] {
        let ask = client.ask();
        let answer = client.push(&ask).await.assert(201);
        assert!(answer.header("cache-control").contains("no-store"));
        let pushed = answer.json();
        assert_eq!(pushed["expires_in"], 90);
        let request_uri = pushed["request_uri"].as_str().unwrap();
        assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{request_uri}");
        let url = client
            .bring(request_uri)
            .and("scope", "mcp:read mcp:write mcp:delete mgmt.admin")
            .and("redirect_uri", "https://evil.example/")
            .and("state", "another")
            .and("response_type", "token")
            .and("prompt", "none")
            .url();
        let sent = ada.allow(&url).await;
        assert!(sent.location().starts_with(&client.redirect_uri), "{}", sent.location());
        assert_eq!(sent.callback_parameter("state").as_deref(), Some("the-state"));
        assert_eq!(sent.callback_parameter("iss").as_deref(), Some(app.issuer()));
        let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier.clone() };
        let tokens = client.redeem(&won).await.tokens();
        assert_eq!(tokens.scope, "mcp:read mcp:write");
        app.call_mcp(&tokens.access).await.assert(200);
    }
}

/// `decisions` 18: not at the first look.
#[tokio::test]
async fn it_is_used_up_by_the_decision_and_not_by_looking() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let url = client.pushed(&client.ask()).await;
    app.get(&url).await.assert(303);
    app.get(&url).await.assert(303);
    let page = ada.consider(&url).await;
    assert!(page.offers("Allow"));
    let again = ada.visit(&url).await;
    assert!(again.offers("Allow"), "a reload");
    ada.submit(&page.form("Allow")).await.assert(303);
    ada.submit(&again.form("Allow")).await.assert(410).assert_error_page();
    ada.visit(&url).await.assert_error_page();
    let denied = client.pushed(&client.ask()).await;
    ada.deny(&denied).await.assert_error_at(&client.redirect_uri, "access_denied", app.issuer());
    ada.visit(&denied).await.assert_error_page();
}

#[tokio::test]
async fn of_many_decisions_at_once_one_counts() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let url = client.pushed(&client.ask()).await;
    let mut forms = vec![ada.consider(&url).await.form("Allow")];
    for _ in 0..7 {
        forms.push(ada.visit(&url).await.form("Allow"));
    }
    let answers = join_all(forms.iter().map(|form| ada.submit(form))).await;
    assert_eq!(answers.iter().filter(|answer| answer.callback_parameter("code").is_some()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 410).count(), 7);
}

/// A remembered answer is a decision, too.
#[tokio::test]
async fn an_answer_from_memory_uses_it_up() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.vouched_client("reports", "https://app.example/cb").await;
    ada.allow(&client.ask().url()).await;
    let url = client.pushed(&client.ask()).await;
    assert!(ada.visit(&url).await.callback_parameter("code").is_some());
    ada.visit(&url).await.assert_error_page();
}

#[tokio::test]
async fn another_clients_request_is_refused_and_stays_good_for_its_own() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (client, other) = (app.client().await, app.confidential_client().await);
    let url = client.pushed(&client.ask()).await;
    let stolen = other.bring(&parameter(&url, "request_uri")).url();
    ada.sign_in().await;
    ada.visit(&stolen).await.assert_error_page();
    ada.visit(&client.bring(&parameter(&url, "request_uri")).without("client_id").url()).await.assert_error_page();
    assert!(ada.visit(&url).await.offers("Allow"));
}

/// C9: stores are typed. Everything mistyped ends before any query.
#[tokio::test]
async fn c9_what_names_a_request_names_nothing_else() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let url = client.pushed(&client.ask()).await;
    let request_uri = parameter(&url, "request_uri");
    let token = request_uri.rsplit(':').next().unwrap().to_owned();
    let won = client.code(&ada).await;
    client.redeem(&Won { code: token.clone(), ..won.clone() }).await.assert_refused(400, "invalid_grant");
    client.refresh(&token).await.assert_refused(400, "invalid_grant");
    let prefix = request_uri.trim_end_matches(&*token);
    for bad in [
        format!("{prefix}{}", won.code),
        format!("{prefix}{}", token.to_lowercase()),
        format!("{prefix}{}", &token[..token.len() - 1]),
        format!("{request_uri} "),
        format!("{request_uri}#x"),
        prefix.to_owned(),
    ] {
        ada.visit(&client.bring(&bad).url()).await.assert_error_page();
    }
    for elsewhere in [token, request_uri.to_uppercase(), "https://app.example/request.jwt".to_owned(), "x".to_owned()] {
        let answer = ada.visit(&client.bring(&elsewhere).and("redirect_uri", CALLBACK).url()).await;
        answer.assert_error_at(CALLBACK, "request_uri_not_supported", app.issuer());
    }
}

#[tokio::test]
async fn it_must_be_brought_in_time() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    ada.sign_in().await;
    let url = client.pushed(&client.ask()).await;
    app.clock().advance(TimeDelta::seconds(80));
    assert!(ada.visit(&url).await.offers("Allow"));
    app.clock().advance(TimeDelta::seconds(11));
    ada.visit(&url).await.assert_error_page();
    app.get(&url).await.assert_error_page();
}

/// Somebody who looks for their password for ten minutes is still asked: the request was brought in time.
#[tokio::test]
async fn sign_in_may_take_longer_and_that_helps_no_other_request() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let (url, other) = (client.pushed(&client.ask()).await, client.pushed(&client.ask()).await);
    let page = ada.visit(&url).await;
    app.clock().advance(TimeDelta::minutes(10));
    let back = ada.sign_in_on(&page).await.assert(303).location().to_owned();
    let consent = ada.visit(&back).await;
    let begun = parameter(&back, "begun");
    assert!(!begun.is_empty(), "{back}");
    ada.visit(&url).await.assert_error_page();
    ada.visit(&format!("{other}&begun={begun}")).await.assert_error_page();
    ada.visit(&format!("{url}&begun={}x", begun)).await.assert_error_page();
    app.clock().advance(TimeDelta::minutes(25));
    let sent = ada.submit(&consent.form("Allow")).await.assert(303);
    assert!(sent.callback_parameter("code").is_some());
    ada.visit(&back).await.assert_error_page();
}

#[tokio::test]
async fn another_person_can_take_over_the_consent_page() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.person("ada").await, app.person("bob").await);
    let client = app.client().await;
    let ask = client.ask();
    let page = ada.consider(&client.pushed(&ask).await).await;
    app.clock().advance(TimeDelta::minutes(5));
    let switch =
        page.body.split("href=\"").find(|rest| rest.contains("return_to=")).unwrap().split('"').next().unwrap();
    let sign_in = ada.get(switch).await;
    let form = sign_in.form("Sign in").fill("Username", &bob.username);
    let form = form.fill("Password", crate::support::app::PASSWORD);
    let page = ada.follow(ada.submit(&form).await).await;
    assert!(page.words().contains("bob"), "{}", page.words());
    let sent = ada.submit(&page.form("Allow")).await.assert(303);
    let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier };
    let tokens = client.redeem(&won).await.tokens();
    assert_eq!(crate::support::client::jwt(&tokens.access).1["sub"], bob.user.to_string());
}

/// RFC 9126 §2.1: the same checks, and nowhere to redirect to.
#[tokio::test]
async fn b1_b2_b3_a_redirect_uri_that_was_not_registered_cannot_be_pushed() {
    let app = TestApp::start().await;
    let (web, native) = (app.confidential_client().await, app.client().await);
    for uri in [
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example/x/../cb",
        "https://app.example/%2e%2e/cb",
        "https://app.example/..;/cb",
        "https://app.example@evil.example/cb",
        "https://a@b@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example.evil.example/cb",
        "https://аpp.example/cb",
        "//evil.example/cb",
        "javascript:alert(1)",
        "https://app.example/cb\t",
    ] {
        web.push(&web.ask().with("redirect_uri", uri)).await.assert_refused(400, "invalid_request");
    }
    for uri in
        ["http://localhost:7777/callback", "http://127.1:7777/callback", "http://127.0.0.1.evil.example/callback"]
    {
        native.push(&native.ask().with("redirect_uri", uri)).await.assert_refused(400, "invalid_request");
    }
    native.push(&native.ask().with("redirect_uri", "http://127.0.0.1:65535/callback")).await.assert(201);
}

#[tokio::test]
async fn b7_b9_what_a_browser_could_not_bring_cannot_be_pushed() {
    let app = TestApp::start().await;
    let client = app.confidential_client().await;
    for (name, _) in client.ask().parameters.iter().filter(|(name, _)| name != "client_id") {
        client.push(&client.ask().and(name, "x")).await.assert_refused(400, "invalid_request");
    }
    let long = "x".repeat(5000);
    for (ask, code) in [
        (client.ask().without("response_type"), "invalid_request"),
        (client.ask().with("response_type", "token"), "unsupported_response_type"),
        (client.ask().and("response_mode", "fragment"), "invalid_request"),
        (client.ask().with("scope", "nonsense"), "invalid_scope"),
        (client.ask().with("scope", "mgmt.admin"), "invalid_scope"),
        (client.ask().and("resource", "https://evil.example/"), "invalid_target"),
        (client.ask().without("code_challenge"), "invalid_request"),
        (client.ask().with("code_challenge_method", "plain"), "invalid_request"),
        (client.ask().and("nonce", &long), "invalid_request"),
        (client.ask().and("prompt", "none login"), "invalid_request"),
        (client.ask().and("max_age", "-1"), "invalid_request"),
        (client.ask().and("claims", "[]"), "invalid_request"),
        (client.ask().and("registration", "{}"), "registration_not_supported"),
        (client.ask().and("dpop_jkt", "short"), "invalid_request"),
        (client.ask().and("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (client.ask().and("request", "eyJ"), "invalid_request_object"),
    ] {
        client.push(&ask).await.assert_refused(400, code);
    }
}

#[tokio::test]
async fn d4_nobody_pushes_in_the_name_of_a_client_with_a_secret() {
    let app = TestApp::start().await;
    let (client, other) = (app.confidential_client().await, app.confidential_client().await);
    let changed = |change: fn(&mut Client, &Client)| {
        let mut imposter = client.clone();
        change(&mut imposter, &other);
        imposter
    };
    for imposter in [
        changed(|client, _| client.secret = None),
        changed(|client, other| client.secret.clone_from(&other.secret)),
        changed(|client, _| client.auth_method = "client_secret_post".to_owned()),
        Client::known(&app, "unknown", CALLBACK),
    ] {
        imposter.push(&client.ask()).await.assert_refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn too_much_is_not_taken() {
    let app = TestApp::start().await;
    let client = app.confidential_client().await;
    let answer = client.push(&client.ask().and("state2", &"x".repeat(70 * 1024))).await;
    answer.assert_refused(413, "payload_too_large");
    app.get(urls::PAR).await.assert(405);
    let json = app.request(Method::POST, urls::PAR).header("content-type", "application/json").body("{}");
    app.send(json).await.assert_refused(400, "invalid_request");
}

/// What strangers push is kept for a while, so there is only so much of it.
#[tokio::test]
async fn a_flood_from_one_network_is_slowed_and_clients_that_somebody_vouches_for_are_not() {
    let app = TestApp::start().await;
    let (public, vouched) = (app.client().await, app.vouched_client("vouched", "https://app.example/cb").await);
    let stranger = app.confidential_client().await;
    let ask = public.ask();
    let mut last: Option<Answer> = None;
    for _ in 0..200 {
        let answer = public.push(&ask).await;
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
        answer.assert(201);
    }
    let refused = last.expect("it ends");
    refused.assert_refused(429, "temporarily_unavailable");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    stranger.push(&stranger.ask()).await.assert_refused(429, "temporarily_unavailable");
    vouched.push(&vouched.ask()).await.assert(201);
    app.clock().advance(TimeDelta::seconds(2));
    public.push(&ask).await.assert(201);
}

/// RFC 9126 §5, §6.
#[tokio::test]
async fn a_client_that_must_push_cannot_do_without() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    for options in [
        ClientOptions { require_pushed_authorization_requests: true, ..ClientOptions::default() },
        ClientOptions { profile: Profile::Fapi2, ..ClientOptions::default() },
    ] {
        let client = app.confidential_client().await;
        set_options(&app, &client.id, options.clone()).await;
        let answer = app.get(&client.ask().url()).await;
        answer.assert_error_at(&client.redirect_uri, "invalid_request", app.issuer());
        assert!(ada.consider(&client.pushed(&client.ask()).await).await.offers("Allow"));
        let bare = client.push(&client.ask().without("redirect_uri")).await;
        match options.profile {
            Profile::Fapi2 => bare.assert_refused(400, "invalid_request"),
            Profile::Standard => drop(bare.assert(201)),
        }
    }
}

/// FAPI 2.0 Security Profile §5.3.2.1, whatever everybody else's codes may do.
#[tokio::test]
async fn a_code_of_the_strict_profile_lives_a_minute_at_most() {
    let app = TestApp::configured(|config| config.lifetimes.code = TimeDelta::minutes(10)).await;
    let ada = app.person("ada").await;
    let (strict, usual) = (app.confidential_client().await, app.confidential_client().await);
    set_options(&app, &strict.id, ClientOptions { profile: Profile::Fapi2, ..ClientOptions::default() }).await;
    for (client, status) in [(strict, 400), (usual, 200)] {
        let ask = client.ask();
        let sent = ada.allow(&client.pushed(&ask).await).await;
        app.clock().advance(TimeDelta::seconds(61));
        let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier };
        client.redeem(&won).await.assert(status);
    }
}

/// A client that has changed since, or was cut off, is not the one that pushed.
#[tokio::test]
async fn a_client_that_is_no_longer_the_same_has_pushed_nothing() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    ada.sign_in().await;
    let url = client.pushed(&client.ask()).await;
    app.change_metadata(&client.id).await;
    ada.visit(&url).await.assert_error_page();
}

/// RFC 9449 §10: the code knows its key, however the request came.
#[tokio::test]
async fn a_code_is_bound_to_the_key_that_was_named() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let client = app.client().await;
    let ask = client.ask().and("dpop_jkt", THUMBPRINT);
    ada.allow(&client.pushed(&ask).await).await;
    ada.allow(&ask.url()).await;
    ada.allow(&client.ask().url()).await;
    let bound = bound_codes(&app).await;
    assert_eq!(bound, [Some(THUMBPRINT.to_owned()), Some(THUMBPRINT.to_owned()), None]);
}

/// RFC 9449 §10.1: a proof at the push says for which key the code will be.
#[tokio::test]
async fn a_proof_at_the_push_binds_the_code_to_its_key() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let (holder, thief) = (Holder::new(), Holder::new());
    for client in [app.client().await, app.confidential_client().await] {
        let ask = client.ask();
        let proof = holder.sketch(&app, "POST", urls::PAR).sign();
        let pushed = client.push_with_proof(&ask, &proof).await.assert(201).json();
        client.push_with_proof(&ask, &proof).await.assert_refused(400, "invalid_dpop_proof");
        let sent = ada.allow(&client.bring(pushed["request_uri"].as_str().unwrap()).url()).await;
        let won = Won { code: sent.callback_parameter("code").unwrap(), verifier: ask.verifier.clone() };
        client.redeem(&won).await.assert_refused(400, "invalid_grant");
        thief.token(&client, &client.redemption(&won)).await.assert_refused(400, "invalid_grant");
        let tokens = holder.token(&client, &client.redemption(&won)).await.tokens();
        holder.call(&app, &tokens.access).await.assert(200);
        for (proof, named, error) in [
            (holder.for_token(&app), None, "invalid_dpop_proof"),
            (holder.sketch(&app, "GET", urls::PAR), None, "invalid_dpop_proof"),
            (holder.sketch(&app, "POST", urls::PAR), Some(thief.thumbprint()), "invalid_request"),
        ] {
            let ask = named.iter().fold(client.ask(), |ask, key| ask.and("dpop_jkt", key));
            client.push_with_proof(&ask, &proof.sign()).await.assert_refused(400, error);
        }
        let same = client.ask().and("dpop_jkt", &holder.thumbprint());
        client.push_with_proof(&same, &holder.sketch(&app, "POST", urls::PAR).sign()).await.assert(201);
    }
}

async fn bound_codes(app: &TestApp) -> Vec<Option<String>> {
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    use portcullis::schema::authorization_codes as table;
    let mut conn = app.db().read().await.unwrap();
    table::table.order(table::created_at).select(table::dpop_jkt).load(&mut conn).await.unwrap()
}

/// Nothing that expires is kept, and nothing that does not is forgotten.
#[tokio::test]
async fn what_nobody_can_decide_any_more_is_forgotten() {
    let app = TestApp::start().await;
    let client = app.client().await;
    client.pushed(&client.ask()).await;
    let sweep = async || {
        let now = app.clock().now();
        app.write(async |conn| portcullis::grants::pushed_request::expire(conn, now).await).await
    };
    app.clock().advance(TimeDelta::minutes(60));
    assert_eq!(sweep().await, 0);
    app.clock().advance(TimeDelta::minutes(2));
    assert_eq!(sweep().await, 1);
}
