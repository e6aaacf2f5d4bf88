//! RFC 8628: a device without a browser. Attacks are named by the sections of the specification in which they stand.

use chrono::TimeDelta;
use futures_util::future::join_all;
use portcullis::http::urls;
use portcullis::types::known_scopes;

use crate::support::administrator::{CODE, DEVICE, REFRESH};
use crate::support::client::{Client, jwt};
use crate::support::{Answer, Browser, Holder, TestApp};

async fn cast() -> (TestApp, Browser, Client) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let display = app.public_client("display", &[DEVICE, REFRESH]).await;
    (app, ada, display)
}

/// The two codes of a device that just asked.
#[derive(Clone)]
struct Codes {
    device: String,
    user: String,
}

async fn ask(client: &Client, more: &[(&str, &str)]) -> Codes {
    let json = client.post(urls::DEVICE_AUTHORIZATION, more).await.assert(200).json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    Codes { device: text("device_code"), user: text("user_code") }
}

async fn poll(client: &Client, codes: &Codes) -> Answer {
    client.token(&[("grant_type", DEVICE), ("device_code", &codes.device)]).await
}

/// Opens the page, types the code and presses *Continue*.
async fn consider(person: &Browser, user_code: &str) -> Answer {
    let page = person.consider(urls::DEVICE).await;
    person.submit(&page.form("Continue").fill("Code", user_code)).await
}

async fn allow(person: &Browser, codes: &Codes) -> Answer {
    let page = consider(person, &codes.user).await.assert(200);
    person.submit(&page.form("Allow")).await.assert(200)
}

/// E3, RFC 9449 §5: whoever copies the refresh token of a device cannot bind it to another key first.
#[tokio::test]
async fn e3_the_refresh_token_of_a_device_is_bound_to_the_key_that_it_proved() {
    let (app, ada, display) = cast().await;
    let (holder, thief) = (Holder::new(), Holder::new());
    let codes = ask(&display, &[]).await;
    allow(&ada, &codes).await;
    let tokens = holder.token(&display, &[("grant_type", DEVICE), ("device_code", &codes.device)]).await.tokens();
    holder.call(&app, &tokens.access).await.assert(200);
    display.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
    thief.refresh(&display, &tokens.refresh).await.assert_refused(400, "invalid_grant");
    holder.refresh(&display, &tokens.refresh).await.tokens();
}

#[tokio::test]
async fn a_device_asks_a_person_answers_elsewhere_and_the_device_goes_on() {
    let (app, ada, display) = cast().await;
    let answer = display.post(urls::DEVICE_AUTHORIZATION, &[("scope", "mcp:read openid")]).await.assert(200);
    assert!(answer.header("cache-control").contains("no-store"));
    let json = answer.json();
    assert_eq!((json["expires_in"].as_i64(), json["interval"].as_i64()), (Some(600), Some(5)));
    assert_eq!(json["verification_uri"], app.at("/device"));
    let user_code = json["user_code"].as_str().unwrap();
    assert_eq!(json["verification_uri_complete"], format!("{}?user_code={user_code}", app.at("/device")));
    let codes = Codes { device: json["device_code"].as_str().unwrap().to_owned(), user: user_code.to_owned() };
    poll(&display, &codes).await.assert_refused(400, "authorization_pending");
    let done = allow(&ada, &codes).await;
    assert!(done.words().contains("The device is connected"), "{}", done.words());
    let tokens = poll(&display, &codes).await.tokens();
    assert_eq!(tokens.scope, "mcp:read openid");
    app.call_mcp(&tokens.access).await.assert(200);
    let (_, claims) = jwt(&tokens.access);
    assert_eq!(claims["sub"], ada.user.to_string());
    assert_eq!(claims["aud"], app.at(urls::MCP));
    let (_, claims) = jwt(tokens.id_token.as_deref().unwrap());
    assert_eq!((claims["aud"].as_str(), claims["sub"].as_str()), (Some("display"), Some(&*ada.user.to_string())));
    display.refresh(&tokens.refresh).await.tokens();
    let events = app.events("device.asked").await;
    assert!(!events[0].to_string().contains(user_code), "the trail holds no codes");
}

/// What a person allowed is one of their connected apps, and ends like any other.
#[tokio::test]
async fn a_connected_device_is_ended_under_connected_apps() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    allow(&ada, &codes).await;
    let tokens = poll(&display, &codes).await.tokens();
    ada.revoke_app().await;
    app.call_mcp(&tokens.access).await.assert(401);
    display.refresh(&tokens.refresh).await.assert_refused(400, "invalid_grant");
}

/// Whoever takes it back before the device came for it has taken it back.
#[tokio::test]
async fn what_was_ended_before_the_device_came_buys_nothing() {
    let (app, ada, display) = cast().await;
    let (first, second) = (ask(&display, &[]).await, ask(&display, &[]).await);
    allow(&ada, &first).await;
    ada.revoke_app().await;
    poll(&display, &first).await.assert_refused(400, "access_denied");
    allow(&ada, &second).await;
    app.disable(&ada).await;
    poll(&display, &second).await.assert_refused(400, "access_denied");
}

#[tokio::test]
async fn a_no_reaches_the_device_and_stays_a_no() {
    let (_app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let page = consider(&ada, &codes.user).await;
    ada.submit(&page.form("Deny")).await.assert(200);
    poll(&display, &codes).await.assert_refused(400, "access_denied");
    assert_eq!(ada.submit(&page.form("Allow")).await.status, 409, "it is decided");
    poll(&display, &codes).await.assert_refused(400, "access_denied");
}

/// RFC 8628 §3.5: five seconds more after each poll that came too soon.
#[tokio::test]
async fn a_device_that_polls_too_often_is_slowed_down() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    poll(&display, &codes).await.assert_refused(400, "authorization_pending");
    poll(&display, &codes).await.assert_refused(400, "slow_down");
    app.clock().advance(TimeDelta::seconds(6));
    poll(&display, &codes).await.assert_refused(400, "slow_down");
    app.clock().advance(TimeDelta::seconds(14));
    poll(&display, &codes).await.assert_refused(400, "slow_down");
    app.clock().advance(TimeDelta::seconds(20));
    poll(&display, &codes).await.assert_refused(400, "authorization_pending");
    allow(&ada, &codes).await;
    poll(&display, &codes).await.tokens();
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let (app, ada, display) = cast().await;
    let (unanswered, allowed) = (ask(&display, &[]).await, ask(&display, &[]).await);
    let page = consider(&ada, &unanswered.user).await;
    allow(&ada, &allowed).await;
    app.clock().advance(TimeDelta::seconds(601));
    for codes in [&unanswered, &allowed] {
        poll(&display, codes).await.assert_refused(400, "expired_token");
    }
    assert_eq!(ada.submit(&page.form("Allow")).await.status, 409);
    assert!(!consider(&ada, &unanswered.user).await.offers("Allow"));
}

/// One UPDATE decides: of fifty at once one is first.
#[tokio::test]
async fn fifty_polls_at_once_buy_one_set_of_tokens() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    allow(&ada, &codes).await;
    let second = display.at(&app.second_node().await);
    let polls = (0..50).map(|place| poll(if place % 2 == 0 { &display } else { &second }, &codes));
    let answers = join_all(polls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_refused(400, "invalid_grant");
    }
}

/// RFC 8628 §5.1: guessing the short code, from one account or from many behind one address.
#[tokio::test]
async fn s5_1_guessing_user_codes_is_slowed_and_the_limit_says_so() {
    let (app, ada, display) = cast().await;
    ada.sign_in().await;
    let guess = async |person: &Browser| consider(person, "BBBB-BBBB").await;
    for _ in 0..10 {
        assert_eq!(guess(&ada).await.status, 400);
    }
    let stopped = guess(&ada).await;
    assert_eq!(stopped.status, 429);
    assert!(!stopped.header("retry-after").is_empty() && stopped.words().contains("Too many wrong codes"));
    let codes = ask(&display, &[]).await;
    assert_eq!(consider(&ada, &codes.user).await.status, 429, "a right guess among them tells nothing either");
    app.clock().advance(TimeDelta::minutes(2));
    assert!(consider(&ada, &codes.user).await.offers("Allow"));
}

/// RFC 8628 §5.2: the code that devices poll with is long, typed by its prefix, and looked up by its hash.
#[tokio::test]
async fn s5_2_device_codes_cannot_be_guessed_or_taken_for_others() {
    let (_app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    assert!(codes.device.len() > 43, "256 bits");
    for wrong in ["", "x", &codes.user, &codes.device[1..], &codes.device.to_lowercase(), "pcld_0"] {
        let answer = display.token(&[("grant_type", DEVICE), ("device_code", wrong)]).await;
        answer.assert_refused(400, if wrong.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    allow(&ada, &codes).await;
    let as_code = [("grant_type", "refresh_token"), ("refresh_token", &*codes.device)];
    display.token(&as_code).await.assert_refused(400, "invalid_grant");
}

/// C9, Keycloak CVE-2026-4282: stores are typed.
#[tokio::test]
async fn c9_a_device_code_is_no_authorization_code() {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    let both = app.public_client("both", &[CODE, DEVICE, REFRESH]).await;
    let codes = ask(&both, &[]).await;
    allow(&ada, &codes).await;
    let as_code = [("grant_type", "authorization_code"), ("code", &*codes.device), ("code_verifier", "x")];
    both.token(&as_code).await.assert_refused(400, "invalid_grant");
    let won = both.code(&ada).await;
    let as_device = [("grant_type", DEVICE), ("device_code", &*won.code)];
    both.token(&as_device).await.assert_refused(400, "invalid_grant");
    poll(&both, &codes).await.tokens();
}

/// RFC 8628 §5.3: another client that got hold of the device code.
#[tokio::test]
async fn s5_3_another_clients_device_code_is_refused_and_lives_on() {
    let (app, ada, display) = cast().await;
    let thief = app.public_client("thief", &[DEVICE]).await;
    let codes = ask(&display, &[]).await;
    poll(&thief, &codes).await.assert_refused(400, "invalid_grant");
    allow(&ada, &codes).await;
    poll(&thief, &codes).await.assert_refused(400, "invalid_grant");
    poll(&display, &codes).await.tokens();
}

/// RFC 8628 §5.4: somebody sends their own code to a victim. The page says what that means, from where the device asked,
/// and asks every time, also for a client that somebody vouches for and that was allowed before.
#[tokio::test]
async fn s5_4_remote_phishing_the_person_is_warned_and_always_asked() {
    let (_app, ada, display) = cast().await;
    for _ in 0..2 {
        let codes = ask(&display, &[]).await;
        let link = format!("{}?user_code={}", urls::DEVICE, codes.user);
        let page = ada.consider(&link).await;
        assert!(!page.offers("Allow"), "a link decides nothing, and shows nothing yet");
        assert_eq!(page.form("Continue").value("user_code"), codes.user, "but saves typing");
        poll(&display, &codes).await.assert_refused(400, "authorization_pending");
        let page = ada.submit(&page.form("Continue")).await.assert(200);
        let words = page.words();
        for said in [
            "Only continue if you started this on a device you hold",
            &codes.user,
            "127.0.0.1",
            "display",
            "ada",
            "mcp:read",
        ] {
            assert!(words.contains(said), "{said}: {words}");
        }
        ada.submit(&page.form("Allow")).await.assert(200);
    }
}

/// RFC 8628 §5.5: what the device does with its tokens is bounded by what was ticked, and H4 by what the client may have.
#[tokio::test]
async fn h4_a_device_gets_what_was_ticked_and_never_more() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[("scope", "mcp:read mcp:write email")]).await;
    let page = consider(&ada, &codes.user).await;
    let form = page.form("Allow").untick("mcp:write").and("scope", "mcp:delete mgmt.admin");
    ada.submit(&form).await.assert(200);
    assert_eq!(poll(&display, &codes).await.tokens().scope, "email mcp:read");
    let root = ask(&display, &[("scope", "mcp:read mgmt.admin")]).await;
    allow(&ada, &root).await;
    assert_eq!(poll(&display, &root).await.tokens().scope, "mcp:read", "ada is no administrator");
    let widened = app.public_client("widened", &[DEVICE]).await;
    let codes = ask(&widened, &[]).await;
    allow(&ada, &codes).await;
    let more = [("grant_type", DEVICE), ("device_code", &*codes.device), ("scope", "mcp:delete")];
    let tokens = widened.token(&more).await.tokens();
    assert_eq!((tokens.scope.as_str(), tokens.refresh.as_str()), ("mcp:read mcp:write", ""));
}

/// RFC 8628 §5.6: the code is never only a picture; it is text on the page, with a label where it is typed.
#[tokio::test]
async fn s5_6_the_code_is_text_for_those_who_cannot_see() {
    let (_app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let page = consider(&ada, &codes.user.to_lowercase().replace('-', " ")).await.assert(200);
    assert!(page.words().contains(&codes.user));
    assert!(!page.body.contains("<img"), "no picture of it");
}

/// Better Auth CVE-2026-45337: whoever learns a code answers for the person who is looking at it.
#[tokio::test]
async fn a_code_belongs_to_the_browser_that_typed_it_first() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let page = consider(&ada, &codes.user).await.assert(200);
    let eve = app.person("eve").await;
    assert!(!consider(&eve, &codes.user).await.offers("Allow"));
    let own = eve.consider(urls::DEVICE).await.form("Continue").set("user_code", &codes.user);
    for decision in ["allow", "deny"] {
        assert_eq!(eve.submit(&own.clone().and("decision", decision)).await.status, 409, "{decision}");
    }
    let elsewhere = ada.elsewhere();
    assert!(!consider(&elsewhere, &codes.user).await.offers("Allow"), "another browser of hers neither");
    ada.submit(&page.form("Allow")).await.assert(200);
    let (_, claims) = jwt(&poll(&display, &codes).await.tokens().access);
    assert_eq!(claims["sub"], ada.user.to_string());
}

#[tokio::test]
async fn nobody_answers_without_having_been_shown_what_is_asked() {
    let (_app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let unseen = ada.consider(urls::DEVICE).await.form("Continue").set("user_code", &codes.user);
    assert_eq!(ada.submit(&unseen.and("decision", "allow")).await.status, 409);
    poll(&display, &codes).await.assert_refused(400, "authorization_pending");
}

/// *Switch account* on the page: the session in which the code was typed has ended.
#[tokio::test]
async fn somebody_who_switches_account_answers_as_the_other() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    consider(&ada, &codes.user).await.assert(200);
    let bob = app.person("bob").await;
    bob.set_cookie("portcullis_session", ada.cookie("portcullis_session").as_deref());
    bob.sign_in().await;
    allow(&bob, &codes).await;
    let (_, claims) = jwt(&poll(&display, &codes).await.tokens().access);
    assert_eq!(claims["sub"], bob.user.to_string());
}

#[tokio::test]
async fn j2_a_form_from_elsewhere_answers_no_device() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let form = consider(&ada, &codes.user).await.form("Allow");
    let eve = app.person("eve").await;
    let foreign = eve.consider(urls::DEVICE).await.form("Continue").value("csrf");
    for attack in [form.clone().without("csrf"), form.clone().set("csrf", ""), form.clone().set("csrf", &foreign)] {
        assert_eq!(ada.submit(&attack).await.status, 403);
    }
    assert_eq!(ada.at(&app).saying("sec-fetch-site", "cross-site").submit(&form).await.status, 403);
    for (name, value) in [("decision", "maybe"), ("scope", "a\"b")] {
        ada.submit(&form.clone().set(name, value)).await.assert_error_page();
    }
    assert!((400..500).contains(&ada.elsewhere().submit(&form).await.status), "nobody signed in");
    ada.submit(&form).await.assert(200);
}

/// A client that became another while its code was on the page.
#[tokio::test]
async fn a_client_that_changed_under_the_page_gets_nothing() {
    let (app, ada, display) = cast().await;
    let codes = ask(&display, &[]).await;
    let page = consider(&ada, &codes.user).await;
    app.change_metadata("display").await;
    assert_eq!(ada.submit(&page.form("Allow")).await.status, 409);
    poll(&display, &codes).await.assert_refused(400, "access_denied");
}

/// Scope and resource are judged as at the authorization endpoint.
#[tokio::test]
async fn h1_a_device_asks_for_what_exists_here_or_is_refused() {
    let (app, ada, display) = cast().await;
    let post = async |more: &[(&str, &str)]| display.post(urls::DEVICE_AUTHORIZATION, more).await;
    for scope in ["nonsense", "a\"b", "mcp:read nonsense"] {
        post(&[("scope", scope)]).await.assert_refused(400, "invalid_scope");
    }
    let other = app.at("/mcp-other");
    for resource in ["nonsense", "https://evil.example/mcp", &other] {
        post(&[("resource", resource)]).await.assert_refused(400, "invalid_target");
    }
    post(&[("resource", &app.at(urls::MCP)), ("resource", &other)]).await.assert_refused(400, "invalid_target");
    post(&[("scope", "mcp:read"), ("scope", "mcp:write")]).await.assert_refused(400, "invalid_request");
    let codes = ask(&display, &[("resource", &format!("{}/", app.at(urls::MCP)))]).await;
    allow(&ada, &codes).await;
    let (_, claims) = jwt(&poll(&display, &codes).await.tokens().access);
    assert_eq!(claims["aud"], app.at(urls::MCP));
}

/// F3: nobody gets the flow who was not given it.
#[tokio::test]
async fn a_client_without_the_grant_type_gets_no_codes() {
    let app = TestApp::start().await;
    let client = app.client().await;
    client.post(urls::DEVICE_AUTHORIZATION, &[]).await.assert_refused(400, "unauthorized_client");
    let unknown = Client::known(&app, "unknown", "http://127.0.0.1/cb");
    unknown.post(urls::DEVICE_AUTHORIZATION, &[]).await.assert_refused(401, "invalid_client");
    let secretive = app.administrators_client("secretive", &[DEVICE], |client| client).await;
    ask(&secretive, &[]).await;
    let nameless = Client::known(&app, "secretive", "http://127.0.0.1/cb");
    nameless.post(urls::DEVICE_AUTHORIZATION, &[]).await.assert_refused(401, "invalid_client");
    assert!(app.get(urls::DEVICE_AUTHORIZATION).await.status == 405);
}

/// A flood of requests fills no table.
#[tokio::test]
async fn asking_is_limited_by_network() {
    let (_app, _ada, display) = cast().await;
    for _ in 0..60 {
        ask(&display, &[]).await;
    }
    let stopped = display.post(urls::DEVICE_AUTHORIZATION, &[]).await;
    stopped.assert_refused(429, "temporarily_unavailable");
    assert!(!stopped.header("retry-after").is_empty());
}

#[tokio::test]
async fn discovery_says_where_devices_ask() {
    let app = TestApp::start().await;
    let metadata = app.get(urls::AUTHORIZATION_SERVER).await.assert(200).json();
    assert_eq!(metadata["device_authorization_endpoint"], app.at(urls::DEVICE_AUTHORIZATION));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&DEVICE.into()));
    assert!(metadata["scopes_supported"].as_array().unwrap().contains(&known_scopes::MCP_READ.into()));
}
