//! Every list searches, sorts and pages on the server, and whatever a URL says, it is calm.

use portcullis::http::urls;
use portcullis::places::Role;
use serde_json::json;

use crate::support::client::Client;
use crate::support::upstream::{Upstream, tool};
use crate::support::{Answer, Browser, TestApp};

const ACME: &str = "/settings/workspaces/acme";

/// Acme with a system administrator who is signed in.
async fn acme() -> (TestApp, Browser) {
    let app = TestApp::start().await;
    app.place("acme").await;
    let root = app.administrator("root").await;
    root.sign_in().await;
    (app, root)
}

/// The words of a list that somebody narrowed so.
async fn words(person: &Browser, path: &str) -> String {
    person.get(path).await.assert(200).words()
}

/// What stands in the first cell of every row.
fn rows(page: &Answer) -> Vec<String> {
    let cells = page.body.split("role=\"rowheader\"").skip(1).map(|row| row.split_once('>').unwrap().1);
    let text = |cell: &str| {
        let cell = cell.split("</bdi>").next().unwrap().split("</a>").next().unwrap();
        cell.rsplit('>').next().unwrap().to_owned()
    };
    cells.map(text).collect()
}

/// Nothing that a stranger writes into the address of a list breaks it, or comes back as anything but text.
#[tokio::test]
async fn whatever_its_address_says_a_list_is_calm() {
    let (app, root) = acme().await;
    let acme = app.app().tree().await.unwrap().find("acme").unwrap().id;
    app.server("calendar", acme).await;
    app.place("acme/apps").await;
    Client::register(&app, json!({ "client_name": "Notes" })).await.connect(&root).await;
    for path in [
        urls::KEYS,
        urls::ACCESS_TOKENS,
        urls::CLIENTS,
        urls::SELF_REGISTERED_CLIENTS,
        urls::APPS,
        urls::SESSIONS,
        urls::WORKSPACES,
        ACME,
        "/settings/workspaces/acme/places",
        "/settings/workspaces/acme/servers",
        "/settings/workspaces/acme/servers/calendar",
        urls::POLICIES,
        urls::FLOWS,
    ] {
        for query in [
            "q=%00&sort=%00&show=%00&page=%00&after=%00",
            "q=%ff%fe&sort=name%27--&show=%3Cscript%3E&page=-1&done=%00",
            "q=%25%5C_%27%20OR%201%3D1--&page=99999999999999999999999",
            "page=0&sort=&show=",
            "page=4000000&sort=name&show=off",
            "q=1&q=2&page=1&page=2&sort=name&sort=used",
            "remove=x&edit=x&move=x&done=x&ended=x&revoked=x",
            "q=%3C/title%3E%3Cscript%3Ealert(1)%3C/script%3E",
            "after=018f0000-0000-7000-8000-000000000001%20x&sort=expires",
        ] {
            let page = root.get(&format!("{path}?{query}")).await;
            assert_eq!(page.status, 200, "{path}?{query}: {}", page.words());
            assert!(!page.body.contains("<script>alert"), "{path}?{query}");
        }
        let long = format!("{path}?q={}", "%C3%A4".repeat(300));
        root.get(&long).await.assert(200);
    }
}

#[tokio::test]
async fn members_are_found_narrowed_ordered_and_paged() {
    let (app, root) = acme().await;
    let acme = app.app().tree().await.unwrap().find("acme").unwrap().id;
    let olga = app.person("olga").await;
    app.join(acme, &olga, Role::Owner).await;
    app.sql(&format!(
        "INSERT INTO users (id, username, display_name, created_at)
         SELECT gen_random_uuid(), 'm' || lpad(n::text, 3, '0'), 'Person 50%_' || n, now() FROM generate_series(1, 120) n;
         INSERT INTO workspace_members (workspace_id, user_id, role, joined_at)
         SELECT '{acme}', id, 'member', now() FROM users WHERE username ~ '^m[0-9]';
         UPDATE users SET disabled_at = now() WHERE username = 'm007'"
    ))
    .await;
    let page = root.get(ACME).await.assert(200);
    assert!(page.words().contains("1 to 50 of 121 members") && rows(&page).len() == 50, "{}", page.words());
    let last = root.get(&format!("{ACME}?page=3")).await.assert(200);
    assert!(last.words().contains("101 to 121 of 121 members") && rows(&last).len() == 21);
    assert!(rows(&root.get(&format!("{ACME}?sort=role")).await)[0].to_lowercase().contains("olga"));
    for (query, found) in [
        ("q=M007", "1 member "),
        ("q=50%25_1", "32 members"),
        ("show=owner", "1 member "),
        ("show=disabled", "1 member "),
        ("q=m0&sort=newest&page=2", "51 to 99 of 99 members"),
    ] {
        let words = words(&root, &format!("{ACME}?{query}")).await;
        assert!(words.contains(found), "{query}: {words}");
    }
    let none = words(&root, &format!("{ACME}?q=nobody-like-that")).await;
    assert!(none.contains("Nothing found No member is like that. Show all"), "{none}");
    // Who changes somebody on a page comes back to that page.
    let page = root.get(&format!("{ACME}?q=m0&page=2")).await;
    let changed = root.submit(&page.form("Change").set("role", "admin")).await.assert(303);
    assert!(changed.location().ends_with("?q=m0&page=2&done=changed"), "{}", changed.location());
}

#[tokio::test]
async fn servers_are_found_narrowed_ordered_and_paged() {
    let (app, root) = acme().await;
    let (acme, path) = (app.place("acme/apps").await, format!("{ACME}/servers"));
    let empty = words(&root, &path).await;
    assert!(empty.contains("No servers yet") && !empty.contains("Nothing found"), "{empty}");
    app.sql(&format!(
        "INSERT INTO servers (id, name, url, description, place_id, created_at)
         SELECT gen_random_uuid(), 's' || lpad(n::text, 3, '0'), 'https://s.example/' || n, 'Does 100%_' || n, '{acme}',
                now() + n * interval '1 second' FROM generate_series(1, 500) n;
         UPDATE servers SET enabled = false WHERE name < 's004';
         UPDATE servers SET health = 'failing' WHERE name = 's100'"
    ))
    .await;
    for (query, found) in [
        ("", "1 to 50 of 500 servers"),
        ("page=10", "451 to 500 of 500 servers"),
        ("page=11", "451 to 500 of 500 servers"),
        ("show=off", "3 servers"),
        ("show=failing", "1 server "),
        ("q=100%25_50", "2 servers"),
        ("q=S50", "1 server "),
    ] {
        let words = words(&root, &format!("{path}?{query}")).await;
        assert!(words.contains(found), "{query}: {words}");
    }
    assert_eq!(rows(&root.get(&format!("{path}?sort=newest")).await)[0], "s500");
    let none = words(&root, &format!("{path}?q=none&show=on")).await;
    assert!(none.contains("No server of this workspace is like that") && !none.contains("No servers yet"), "{none}");
}

#[tokio::test]
async fn places_and_workspaces_are_found_ordered_and_paged() {
    let (app, root) = acme().await;
    let (acme, path) = (app.app().tree().await.unwrap().find("acme").unwrap().id, format!("{ACME}/places"));
    assert!(words(&root, &path).await.contains("No projects yet"));
    app.sql(&format!(
        "INSERT INTO places (id, kind, parent_id, name, title, created_at)
         SELECT gen_random_uuid(), 'project', '{acme}', 'p' || n, 'Project ' || n, now() FROM generate_series(1, 120) n;
         INSERT INTO places (id, kind, parent_id, name, title, created_at)
         SELECT gen_random_uuid(), 'workspace', NULL, 'w' || n, 'Team ' || n, now() FROM generate_series(1, 60) n"
    ))
    .await;
    let busy = app.app().tree().await.unwrap().find("acme/p77").unwrap().id;
    app.server("calendar", busy).await;
    assert!(words(&root, &format!("{path}?page=2")).await.contains("51 to 100 of 120 places"));
    assert!(words(&root, &format!("{path}?show=folder")).await.contains("No project or folder here is like that"));
    assert!(words(&root, &format!("{path}?q=ACME/p77")).await.contains("1 place "));
    assert_eq!(rows(&root.get(&format!("{path}?sort=servers")).await)[0], "Project 77");
    let list = words(&root, urls::WORKSPACES).await;
    assert!(list.contains("1 to 50 of 62 workspaces"), "{list}");
    assert_eq!(rows(&root.get(&format!("{}?sort=servers", urls::WORKSPACES)).await)[0], "ACME");
    assert!(
        words(&root, &format!("{}?q=nothing", urls::WORKSPACES)).await.contains("No workspace of yours is like that")
    );
    // The switcher stays short, and the list takes over.
    let page = root.get(urls::APPS).await;
    assert!(page.body.matches("name=\"workspace\"").count() <= 12, "the switcher is on every page");
    let found = root.get(&format!("{}?q=Team+42", urls::WORKSPACES)).await;
    root.submit(&found.form("Work here")).await.assert(303);
    assert!(words(&root, urls::APPS).await.contains("Workspace Team 42"));
}

#[tokio::test]
async fn tools_are_found_by_what_they_do_and_set_where_they_were_found() {
    let (app, root) = acme().await;
    let tools = (1..=60).map(|n| tool(&format!("read_{n:02}"), json!({ "readOnlyHint": true })));
    let upstream = Upstream::with(tools.chain([tool("wipe", json!({ "destructiveHint": true }))]).collect());
    let form = root.get(&format!("{ACME}/register-server")).await.form("Register server");
    root.submit(&form.fill("Name", "calendar").fill("URL", &upstream.url())).await.assert(303);
    let path = format!("{ACME}/servers/calendar");
    assert!(words(&root, &path).await.contains("1 to 50 of 61 tools"));
    assert!(words(&root, &format!("{path}?show=delete")).await.contains("1 tool "));
    assert!(words(&root, &format!("{path}?q=nothing")).await.contains("No tool of this server is like that"));
    let page = root.get(&format!("{path}?sort=class&show=delete")).await;
    let set = root.submit(&page.form("Set").set("class", "write")).await.assert(303);
    assert!(set.location().ends_with("?sort=class&show=delete&done=changed"), "{}", set.location());
    assert!(app.app().servers.enabled()[0].upstream.class_of("wipe").name() == "write");
}

#[tokio::test]
async fn policies_rules_attempts_and_sessions_are_found() {
    let (app, root) = acme().await;
    app.sql(
        "DELETE FROM policies;
         INSERT INTO policies (id, name, description, rules, created_at, changed_at)
         SELECT gen_random_uuid(), 'policy-' || n, 'About ' || n,
                (SELECT jsonb_agg(jsonb_build_object('effect', CASE WHEN r = 9 THEN 'deny' ELSE 'allow' END, 'server',
                 's' || n, 'methods', jsonb_build_array('tools/call'), 'tools', jsonb_build_array('t' || r))) FROM generate_series(1, 70) r),
                now(), now() + n * interval '1 second' FROM generate_series(1, 60) n",
    )
    .await;
    let list = words(&root, urls::POLICIES).await;
    assert!(list.contains("1 to 50 of 60 policies"), "{list}");
    assert_eq!(rows(&root.get(&format!("{}?sort=changed", urls::POLICIES)).await)[0], "policy-60");
    assert!(words(&root, &format!("{}?q=about+33&show=nobody", urls::POLICIES)).await.contains("1 policy "));
    assert!(words(&root, &format!("{}?q=zzz", urls::POLICIES)).await.contains("No policy is like that"));
    let all = app.write(async |conn| portcullis::policies::policy::all(conn).await).await;
    let path = urls::POLICY.replace("{id}", &all[0].id.to_string());
    assert!(words(&root, &path).await.contains("1 to 50 of 70 rules"));
    assert!(words(&root, &format!("{path}?show=deny")).await.contains("1 rule "));
    assert!(words(&root, &format!("{path}?q=zzz")).await.contains("No rule of this policy is like that"));

    app.sql(
        "INSERT INTO flow_steps (id, flow_id, at, step, outcome, client_id, address, request_id)
         SELECT gen_random_uuid(), gen_random_uuid(), now() - n * interval '1 second', 'registration', 'done',
                'editor-' || n, '192.0.2.7', 'request-' || n FROM generate_series(1, 45) n;
         UPDATE flow_steps SET outcome = 'refused', why = 'No' WHERE client_id = 'editor-45'",
    )
    .await;
    for (query, found) in [
        ("", "1 to 20 of 45 attempts"),
        ("page=3", "41 to 45 of 45 attempts"),
        ("q=Editor-44", "1 attempt "),
        ("q=request-7", "1 attempt "),
        ("q=192.0.2.7", "45 attempts"),
        ("show=refused", "1 attempt "),
        ("show=refused&q=editor-1", "No attempt of the last week is like that"),
    ] {
        let words = words(&root, &format!("{}?{query}", urls::FLOWS)).await;
        assert!(words.contains(found), "{query}: {words}");
    }

    app.sql(
        "INSERT INTO sessions (id, token_hash, key_version, user_id, created_at, authenticated_at, amr, last_seen_at,
                expires_at, address, user_agent)
         SELECT gen_random_uuid(), sha256(n::text::bytea), key_version, user_id, created_at, authenticated_at, amr,
                last_seen_at, expires_at, '192.0.2.' || n, 'curl/8.9.1' FROM sessions, generate_series(1, 25) n",
    )
    .await;
    let sessions = words(&root, urls::SESSIONS).await;
    assert!(sessions.contains("1 to 20 of 26 sessions"), "{sessions}");
    assert!(words(&root, &format!("{}?q=192.0.2.25", urls::SESSIONS)).await.contains("1 session "));
    assert!(words(&root, &format!("{}?q=zzz", urls::SESSIONS)).await.contains("No session of yours is like that"));
}

/// A form for a credential stays usable where there are very many places: it offers some, and finds the others without
/// losing what was typed or making anything.
#[tokio::test]
async fn among_many_places_a_form_finds_the_one_that_is_meant() {
    let (app, root) = acme().await;
    let acme = app.app().tree().await.unwrap().find("acme").unwrap().id;
    let boxes = |page: &Answer| page.body.matches("type=\"checkbox\" name=\"scope\"").count();
    let page = root.get(urls::NEW_API_KEY).await.assert(200);
    assert!(boxes(&page) == 2 && !page.body.contains("name=\"find\""), "few are seen at a glance");
    app.sql(&format!(
        "INSERT INTO places (id, kind, parent_id, name, title, created_at)
         SELECT gen_random_uuid(), 'project', '{acme}', 'p' || n, 'Project ' || n, now() FROM generate_series(1, 500) n"
    ))
    .await;
    let tree = app.app().tree().await.unwrap();
    let (first, meant) = (tree.find("acme/p1").unwrap().id, tree.find("acme/p477").unwrap().id);
    app.server("calendar", meant).await;
    for (path, button) in [
        (urls::NEW_API_KEY, "Create Key"),
        (urls::ACCESS_TOKENS_NEW, "Create Token"),
        (urls::NEW_CLIENT, "Register client"),
    ] {
        let page = root.get(path).await.assert(200);
        assert!((100..110).contains(&boxes(&page)), "{path}: {}", boxes(&page));
        assert!(page.words().contains("100 of 502 places are shown"), "{}", page.words());
        let form = page.form(button).set("name", "Night job").set("scope", &first.to_string());
        for query in ["project 477", "CALENDAR"] {
            let found = root.submit(&form.clone().set("find", query)).await.assert(200);
            assert!(found.body.contains(&meant.to_string()) && boxes(&found) < 6, "{path}: {}", found.words());
            assert!(found.body.contains(&format!("value=\"{first}\" checked")), "what is ticked stays");
            assert!(found.words().contains("1 of 502 places is like that") && found.body.contains("Night job"));
        }
        let hostile = root.submit(&form.set("find", "\"><script>alert(1)</script>")).await.assert(200);
        assert!(hostile.words().contains("No place is like that") && !hostile.body.contains("<script>alert"));
    }
    for made in ["api_key.made", "personal_token.made", "client.added"] {
        assert!(app.events(made).await.is_empty(), "to look makes nothing: {made}");
    }
    let form = root.get(urls::NEW_API_KEY).await.form("Create Key").set("name", "Night job");
    let found = root.submit(&form.set("find", "p477")).await.assert(200).form("Create Key");
    root.submit(&found.set("scope", &meant.to_string())).await.assert(200);
    assert_eq!(app.events("api_key.made").await.len(), 1);
}
