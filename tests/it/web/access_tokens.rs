//! Personal access tokens: made, shown once, used, rotated and revoked on their pages; and what attackers try (`decisions` 7).

use chrono::TimeDelta;
use diesel_async::SimpleAsyncConnection;
use portcullis::credentials::limit;
use portcullis::crypto::jwt::{SigningKey, TokenType};
use portcullis::db::QueryResult;
use portcullis::grants::rotate_keys::{Old, rotate_now};
use portcullis::grants::signing_key;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use portcullis::jobs::last_used;
use portcullis::types::Algorithm;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::app::Node;
use crate::support::client::jwt;
use crate::support::tokens::Pat;
use crate::support::{Browser, TestApp};

async fn house() -> (TestApp, Browser) {
    let app = TestApp::start().await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    (app, ada)
}

async fn admin(app: &TestApp) -> Browser {
    let admin = app.add(NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() }).await;
    admin.sign_in().await;
    admin
}

fn page_of(pat: &Pat, url: &str) -> String {
    url.replace("{id}", &pat.id)
}

/// Source claims, letter by letter; `exp` only where an end was chosen.
#[tokio::test]
async fn its_claims_are_those_that_its_readers_know() {
    let (app, ada) = house().await;
    let forever = app.pat_as(&ada, |form| form.set("expiration", "never")).await;
    let (header, claims) = jwt(&forever.token);
    assert_eq!(header["typ"], "pat+jwt");
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = ["aud", "client_id", "iat", "iss", "jti", "scope", "scopes", "sub", "token_type", "token_use"];
    assert_eq!(names, expected);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer()), &json!(app.app().gateway_audience())));
    assert_eq!((&claims["token_use"], &claims["token_type"]), (&json!("access"), &json!("pat")));
    assert_eq!((&claims["sub"], &claims["scopes"]), (&json!(ada.user), &json!(["mcp:read"])));
    for name in ["client_id", "jti"] {
        assert!(claims[name].as_str().unwrap().starts_with("pat_"), "{claims}");
    }
    app.call_mcp(&forever.token).await.assert(200);
    let ends = app.pat_as(&ada, |form| form.set("expiration", "7")).await;
    let claims = jwt(&ends.token).1;
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7 * 86_400);
    app.clock().advance(TimeDelta::days(7));
    app.call_mcp(&ends.token).await.assert(401);
    app.call_mcp(&forever.token).await.assert(200);
}

/// A form that is reloaded mints nothing, and what is shown once is shown once.
#[tokio::test]
async fn a_token_is_shown_once_and_listed_without_itself() {
    let (app, ada) = house().await;
    let form = ada.get(urls::ACCESS_TOKENS_NEW).await.assert(200).form("Create Token").fill("Name", "CI");
    let token = ada.submit(&form).await.assert(200).says("access-token");
    app.is_secret(&token);
    let again = ada.submit(&form).await.assert(200);
    assert!(again.words().contains("made already") && !again.body.contains("eyJ"));
    assert_eq!(app.events("personal_token.made").await.len(), 1);
    let list = ada.get(urls::ACCESS_TOKENS).await.assert(200);
    assert!(list.words().contains("CI") && !list.body.contains("eyJ"));
    let nameless = form.set("request", "").set("name", " ");
    assert!(ada.submit(&nameless).await.assert(200).words().contains("Give it a name"));
}

#[tokio::test]
async fn it_is_revoked_at_once_here_within_two_seconds_elsewhere_and_for_good() {
    let (app, ada) = house().await;
    let (second, deaf) = (app.second_node().await, app.deaf_node().await);
    let pat = app.pat(&ada).await;
    for node in [&*app, &second, &deaf] {
        node.call_mcp(&pat.token).await.assert(200);
    }
    let page = ada.get(&page_of(&pat, urls::ACCESS_TOKEN_REVOKE)).await.assert(200);
    assert!(page.words().contains("gets 401 from now on"), "{}", page.words());
    app.revoke_pat(&ada, &pat).await;
    app.call_mcp(&pat.token).await.assert(401);
    deaf.call_mcp(&pat.token).await.assert(401);
    second.sees_the_end_of(&pat.token).await;
    assert!(ada.get(urls::ACCESS_TOKENS).await.words().contains("Revoked and expired (1)"));
    for change in
        ["revoked_at = NULL", "revoked_at = now() + interval '1 day'", "expires_at = NULL", "scope = 'mgmt.admin'"]
    {
        let sql = format!("UPDATE personal_tokens SET {change}");
        let outcome: Result<(), _> =
            app.db().write(async |conn| -> QueryResult<()> { conn.batch_execute(&sql).await }).await;
        assert!(outcome.is_err(), "{change}: the database itself says no");
    }
    app.call_mcp(&pat.token).await.assert(401);
}

#[tokio::test]
async fn it_ends_with_its_person_and_never_does_more_than_they_may_now() {
    let app = TestApp::start().await;
    let root = admin(&app).await;
    let pat = app.pat_as(&root, |form| form.and("scopes", "mgmt.read").and("scopes", "mgmt.write")).await;
    app.api(&pat.token, Method::GET, urls::API_MCP_SERVERS).await.assert(200);
    let demote = "UPDATE users SET is_admin = FALSE; DELETE FROM workspace_members";
    app.write(async |conn| conn.batch_execute(demote).await).await;
    app.app().access.forget_subjects();
    let refused = app.api(&pat.token, Method::GET, urls::API_MCP_SERVERS).await;
    assert_eq!(refused.status, 403, "the right is gone although the token has it: {}", refused.body);
    app.disable(&root).await;
    app.sees_the_end_of(&pat.token).await;
}

/// A member cannot make a token that administers, whatever the form sends.
#[tokio::test]
async fn nobody_gives_a_token_what_they_do_not_have() {
    let (app, ada) = house().await;
    let form = ada.get(urls::ACCESS_TOKENS_NEW).await.form("Create Token").fill("Name", "greedy");
    for (field, value, words) in [
        ("scopes", "mgmt.admin", "is not yours to give"),
        ("scopes", "offline_access", "is not yours to give"),
        ("scope", "00000000-0000-0000-0000-000000000000", "no place"),
        ("server", "nobody", "no server"),
    ] {
        let refused = ada.submit(&form.clone().set(field, value)).await.assert(200);
        assert!(refused.words().contains(words), "{field}={value}: {}", refused.words());
        assert!(!refused.body.contains("eyJ"));
    }
    assert!(app.events("personal_token.made").await.is_empty());
}

#[tokio::test]
async fn a_policy_demands_an_end() {
    let app = TestApp::configured(|config| config.lifetimes.personal_token = Some(TimeDelta::days(30))).await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let form = ada.get(urls::ACCESS_TOKENS_NEW).await.form("Create Token").fill("Name", "CI");
    assert_eq!(form.value("expiration"), "30");
    for (value, words) in [("never", "must expire here"), ("365", "at most")] {
        let refused = ada.submit(&form.clone().set("expiration", value)).await.assert(200);
        assert!(refused.words().contains(words), "{}", refused.words());
    }
    app.pat(&ada).await;
}

/// `decisions` 7: the row decides, so a new key breaks nothing and a stolen one makes nothing.
#[tokio::test]
async fn a_signature_makes_no_token_and_a_key_rotation_breaks_none() {
    let (app, ada) = house().await;
    let pat = app.pat(&ada).await;
    let stolen = stolen_key(&app).await;
    let (_, claims) = jwt(&pat.token);
    let mut admin = claims.clone();
    admin["scopes"] = json!(["mgmt.admin"]);
    admin["scope"] = json!("mgmt.admin");
    for forged in [&claims, &admin] {
        app.call_mcp(&stolen.sign(TokenType::PersonalToken, forged).unwrap()).await.assert(401);
        // Nor does it pass for an access token.
        app.call_mcp(&stolen.sign(TokenType::AccessToken, forged).unwrap()).await.assert(401);
    }
    let origin = portcullis::audit::Origin::operator();
    let (keys, now, lifetimes) = (&app.app().keys, app.clock().now(), &app.app().config.lifetimes);
    rotate_now(app.db(), keys, Algorithm::Es256, Old::Leaked, lifetimes, &origin, now).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    app.call_mcp(&pat.token).await.assert(200);
    app.app().access.forget_keys();
    app.call_mcp(&pat.token).await.assert(200);
}

/// One kind of token never passes for another.
#[tokio::test]
async fn an_access_token_is_no_personal_token_and_the_reverse() {
    let (app, ada) = house().await;
    let pat = app.pat(&ada).await;
    let access = app.client().await.connect(&ada).await.access;
    let stolen = stolen_key(&app).await;
    app.call_mcp(&stolen.sign(TokenType::PersonalToken, &jwt(&access).1).unwrap()).await.assert(401);
    app.call_mcp(&stolen.sign(TokenType::AccessToken, &jwt(&pat.token).1).unwrap()).await.assert(401);
    // The header says what it is; the rest is not even looked at.
    let (head, rest) = pat.token.split_once('.').unwrap();
    let (other, _) = access.split_once('.').unwrap();
    app.call_mcp(&format!("{other}.{rest}")).await.assert(401);
    app.call_mcp(&format!("{head}.{}", access.split_once('.').unwrap().1)).await.assert(401);
    for altered in [format!("{}x", pat.token), pat.token[..pat.token.len() - 1].to_owned(), pat.token.to_uppercase()] {
        app.call_mcp(&altered).await.assert(401);
    }
    app.get(&format!("{}?access_token={}", urls::API_MCP_SERVERS, pat.token)).await.assert(401);
}

/// L1, L2: with a token that administers, nothing of it makes or ends credentials.
#[tokio::test]
async fn l1_l2_a_personal_token_opens_no_page_and_makes_no_other() {
    let app = TestApp::start().await;
    let root = admin(&app).await;
    let pat = app.pat_as(&root, |form| form.and("scopes", "mgmt.admin")).await;
    for path in [urls::ACCESS_TOKENS, urls::ACCESS_TOKENS_NEW, urls::JWT_TOKEN] {
        let answer = app.api(&pat.token, Method::GET, path).await;
        assert_eq!(answer.status, 303, "a page wants a session: {path}");
    }
    let answer = app.api(&pat.token, Method::POST, urls::ACCESS_TOKENS_NEW).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert_eq!(app.events("personal_token.made").await.len(), 1);
}

/// IDOR: somebody else's id is an id of nothing.
#[tokio::test]
async fn anothers_token_is_not_there_and_an_administrator_can_end_it_but_never_have_it() {
    let (app, ada) = house().await;
    let (eve, root) = (app.person("eve").await, admin(&app).await);
    eve.sign_in().await;
    let pat = app.pat(&ada).await;
    for url in [urls::ACCESS_TOKEN, urls::ACCESS_TOKEN_REVOKE, urls::ACCESS_TOKEN_ROTATE] {
        eve.get(&page_of(&pat, url)).await.assert(404);
        eve.get(&url.replace("{id}", "nothing")).await.assert(404);
    }
    let own = ada.get(&page_of(&pat, urls::ACCESS_TOKEN_REVOKE)).await.form("Revoke token");
    let csrf = eve.get(urls::ACCESS_TOKENS_NEW).await.form("Create Token").value("csrf");
    eve.submit(&own.set("csrf", &csrf)).await.assert(404);
    app.call_mcp(&pat.token).await.assert(200);
    assert!(!eve.get(urls::ACCESS_TOKENS).await.body.contains(&pat.id));
    root.get(&page_of(&pat, urls::ACCESS_TOKEN)).await.assert(200);
    root.get(&page_of(&pat, urls::ACCESS_TOKEN_ROTATE)).await.assert(404);
    app.revoke_pat(&root, &pat).await;
    app.call_mcp(&pat.token).await.assert(401);
}

#[tokio::test]
async fn a_successor_takes_its_place_and_the_old_one_lives_on_for_the_overlap() {
    let (app, ada) = house().await;
    let pat = app.pat_as(&ada, |form| form.set("expiration", "never")).await;
    let form = ada.get(&page_of(&pat, urls::ACCESS_TOKEN_ROTATE)).await.assert(200).form("Rotate token");
    let successor = ada.submit(&form.clone().set("overlap", "1")).await.assert(200).says("access-token");
    app.is_secret(&successor);
    for token in [&pat.token, &successor] {
        app.call_mcp(token).await.assert(200);
    }
    let again = ada.submit(&form).await.assert(200);
    assert!(again.words().contains("has a successor already"), "a token is rotated once: {}", again.words());
    app.clock().advance(TimeDelta::days(1));
    app.call_mcp(&pat.token).await.assert(401);
    app.call_mcp(&successor).await.assert(200);
    ada.sign_in().await;
    let other = app.pat(&ada).await;
    let form = ada.get(&page_of(&other, urls::ACCESS_TOKEN_ROTATE)).await.form("Rotate token").set("overlap", "0");
    let next = ada.submit(&form).await.assert(200).says("access-token");
    app.is_secret(&next);
    app.call_mcp(&other.token).await.assert(401);
    app.call_mcp(&next).await.assert(200);
}

/// K-29: bound to one server, it opens nothing else.
#[tokio::test]
async fn a_token_for_one_server_sees_that_and_nothing_else() {
    let app = TestApp::start().await;
    let insert = "INSERT INTO servers (id, name, url, place_id, created_at)
                  SELECT gen_random_uuid(), names.name, 'https://x.example/mcp', places.id, now()
                  FROM places, (VALUES ('time'), ('mail')) AS names (name)";
    app.write(async |conn| conn.batch_execute(insert).await).await;
    app.app().servers.reload(app.db(), &app.app().keys).await.unwrap();
    let root = admin(&app).await;
    let bound = app.pat_as(&root, |form| form.and("scopes", "mgmt.admin").set("server", "time")).await;
    let free = app.pat_as(&root, |form| form.and("scopes", "mgmt.read")).await;
    let seen = |answer: Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let of = async |token: &str| seen(app.api(token, Method::GET, urls::API_MCP_SERVERS).await.assert(200).json());
    assert_eq!(of(&free.token).await, ["mail", "time"]);
    assert_eq!(of(&bound.token).await, ["time"]);
    let id = app.api(&free.token, Method::GET, urls::API_MCP_SERVERS).await.json()["items"][1]["id"].clone();
    assert_eq!(jwt(&bound.token).1["mcp_server_id"], id, "the claim is the server's id");
    let refused = app.call_mcp(&bound.token).await;
    assert!(refused.body.contains("Unknown tool"), "our own tools are not that server's: {}", refused.body);
    app.call_mcp(&free.token).await.assert(200);
}

/// RFC 7662: whoever is the resource asks; nobody else learns a word.
#[tokio::test]
async fn introspection_answers_for_it_to_its_resource_alone() {
    let (app, ada) = house().await;
    let pat = app.pat(&ada).await;
    let (resource, stranger) = (app.confidential_client().await, app.confidential_client().await);
    app.make_resource_server(&resource, app.app().gateway_audience()).await;
    let ask = async |client: &crate::support::Client| {
        client.post(urls::INTROSPECT, &[("token", &*pat.token)]).await.assert(200).json()
    };
    let (told, claims) = (ask(&resource).await, jwt(&pat.token).1);
    assert_eq!(told["active"], true);
    for name in ["iss", "sub", "aud", "iat", "exp", "jti", "client_id", "scope"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert_eq!(told["mcp_places"], json!(["mcp-gateway"]), "what it is narrowed to is for the resource to keep to");
    assert_eq!(ask(&stranger).await, json!({ "active": false }));
    app.revoke_pat(&ada, &pat).await;
    assert_eq!(ask(&resource).await, json!({ "active": false }));
}

#[tokio::test]
async fn its_last_use_is_noted_and_after_ninety_days_its_owner_is_reminded() {
    let (app, ada) = house().await;
    let pat = app.pat_as(&ada, |form| form.set("expiration", "never")).await;
    assert!(ada.get(urls::ACCESS_TOKENS).await.words().contains("Never"));
    app.call_mcp(&pat.token).await.assert(200);
    last_used::write(app.app()).await.unwrap();
    let page = ada.get(&page_of(&pat, urls::ACCESS_TOKEN)).await.assert(200).words();
    assert!(page.contains("from 127.0.0.1 by an unnamed program"), "{page}");
    assert!(!ada.get(urls::ACCESS_TOKENS).await.words().contains("older than 90 days"));
    app.clock().advance(TimeDelta::days(90));
    ada.sign_in().await;
    let list = ada.get(urls::ACCESS_TOKENS).await.words();
    assert!(list.contains("90 days old: rotate it") && list.contains("older than 90 days"), "{list}");
    assert!(ada.get(urls::HOME).await.words().contains("older than 90 days"));
}

/// K-44: judged when last uses are written down, and told once a day.
#[tokio::test]
async fn use_from_a_new_network_is_told_in_the_list_and_in_the_trail() {
    let app = TestApp::configured(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let ada = app.person("ada").await;
    ada.sign_in().await;
    let pat = app.pat(&ada).await;
    let used_from = async |address: &str| {
        let request = app.mcp_request("list_services", json!({})).header("x-forwarded-for", address);
        app.send(request.header(AUTHORIZATION, format!("Bearer {}", pat.token))).await.assert(200);
        last_used::write(app.app()).await.unwrap();
        app.events("credential.unusual_use").await.len()
    };
    assert_eq!(used_from("192.0.2.7").await, 0, "the first network is the first");
    assert_eq!(used_from("192.0.2.99").await, 0, "the same network");
    assert_eq!(used_from("203.0.113.9").await, 1);
    assert_eq!(used_from("198.51.100.1").await, 1, "one a day is enough");
    app.clock().advance(TimeDelta::days(1));
    assert_eq!(used_from("203.0.113.9").await, 1, "it is known by now");
    assert_eq!(used_from("2001:db8::1").await, 2);
    let list = ada.get(urls::ACCESS_TOKENS).await.words();
    assert!(list.contains("used from a new network, 2001:db8::/48"), "{list}");
}

/// Stored markup in a name stays words.
#[tokio::test]
async fn a_name_is_never_markup() {
    let (app, ada) = house().await;
    let name = "<img src=x onerror=alert(1)>\u{202e}";
    let form = ada.get(urls::ACCESS_TOKENS_NEW).await.form("Create Token").fill("Name", name);
    let page = ada.submit(&form).await.assert(200);
    app.is_secret(&page.says("access-token"));
    for page in [page, ada.get(urls::ACCESS_TOKENS).await] {
        assert!(!page.body.contains("<img") && !page.body.contains('\u{202e}'), "{}", page.body);
    }
    let found = ada.get(&format!("{}?q=IMG&sort=name", urls::ACCESS_TOKENS)).await.assert(200);
    assert!(found.words().contains("onerror"));
    assert!(!ada.get(&format!("{}?q=other", urls::ACCESS_TOKENS)).await.words().contains("onerror"));
}

#[tokio::test]
async fn there_are_so_many_of_one_person_and_no_more() {
    let (app, ada) = house().await;
    let pat = app.pat(&ada).await;
    app.sql(&format!(
        "INSERT INTO personal_tokens
            (id, user_id, name, jti, client_id, token_hash, key_version, audience, scope, reach, created_at)
         SELECT gen_random_uuid(), user_id, name, jti || n, client_id || n, sha256(n::text::bytea), 0, audience, scope, reach,
            created_at
         FROM personal_tokens, generate_series(1, {}) AS n",
        limit::PERSONAL_TOKENS - 1
    ))
    .await;
    let form = ada.get(urls::ACCESS_TOKENS_NEW).await.form("Create Token").fill("Name", "one more");
    let refused = ada.submit(&form).await.assert(200);
    assert!(refused.words().contains("200 already") && !refused.body.contains("eyJ"), "{}", refused.words());
    let rotate = ada.get(&page_of(&pat, urls::ACCESS_TOKEN_ROTATE)).await.form("Rotate token");
    ada.submit(&rotate.clone().set("overlap", "1")).await.assert(409);
    assert_eq!(app.events("personal_token.made").await.len(), 1);
    let next = ada.submit(&rotate.set("overlap", "0")).await.assert(200).says("access-token");
    app.is_secret(&next);
}

/// The installation's own key, as somebody who stole it would hold it.
async fn stolen_key(node: &Node) -> SigningKey {
    let mut conn = node.db().read().await.unwrap();
    let keys = signing_key::published(&mut conn, node.clock().now()).await.unwrap();
    let key = keys.iter().find(|key| key.algorithm() == Some(Algorithm::Es256)).unwrap();
    SigningKey::new(&key.kid, Algorithm::Es256, &key.private_jwk(&node.app().keys).unwrap()).unwrap()
}
