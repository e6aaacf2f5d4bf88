//! Settings → Workspaces: who sees which, and what an owner, an admin and a member can do there.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use portcullis::http::urls;
use portcullis::places::{Role, member};
use portcullis::types::PlaceId;

use crate::support::{Answer, Browser, TestApp};

const ACME: &str = "/settings/workspaces/acme";

/// Acme, with an owner, an admin, a member, and somebody who is not in it.
async fn acme() -> (TestApp, PlaceId, [Browser; 4]) {
    let app = TestApp::start().await;
    let acme = app.place("acme").await;
    let mut people = Vec::new();
    for (name, role) in
        [("olga", Some(Role::Owner)), ("adam", Some(Role::Admin)), ("mia", Some(Role::Member)), ("eve", None)]
    {
        let person = app.person(name).await;
        if let Some(role) = role {
            app.join(acme, &person, role).await;
        }
        person.sign_in().await;
        people.push(person);
    }
    (app, acme, people.try_into().ok().unwrap())
}

/// A form of a page, as somebody sends it who was shown any page of theirs.
async fn forged(person: &Browser, action: &str, fields: &[(&str, &str)]) -> Answer {
    let csrf = person.get(urls::WORKSPACES).await.form("Sign out").value("csrf");
    let mut form = person.get(urls::WORKSPACES).await.form("Sign out");
    (form.action, form.fields) = (action.to_owned(), vec![("csrf".to_owned(), csrf)]);
    person.submit(&fields.iter().fold(form, |form, (name, value)| form.and(name, value))).await
}

async fn roles(app: &TestApp, workspace: PlaceId) -> Vec<(String, Role)> {
    let mut conn = app.db().read().await.unwrap();
    let members = member::of_workspace(&mut conn, workspace, member::Sought::default(), 100).await.unwrap();
    members.into_iter().map(|member| (member.username, member.role)).collect()
}

#[tokio::test]
async fn an_administrator_makes_a_workspace_and_fills_it() {
    let app = TestApp::start().await;
    let root = app.administrator("root").await;
    app.person("bob").await;
    root.sign_in().await;
    let page = root.get(urls::NEW_WORKSPACE).await.assert(200);
    let form = page.form("Create workspace").fill("Title optional", "Acme \"Research\"").fill("Name", "acme");
    let page = root.follow(root.submit(&form).await.assert(303)).await.assert(200);
    assert!(page.words().contains("Acme \"Research\"") && page.words().contains("It is made."), "{}", page.words());
    let add = page.form("Add member").fill("Username", "bob").set("role", "admin");
    let page = root.follow(root.submit(&add).await.assert(303)).await;
    assert!(page.words().contains("bob"));
    let again = root.submit(&add).await.assert(422);
    assert!(again.words().contains("\"bob\" is in this workspace already"), "{}", again.words());
    let unknown = root.submit(&add.fill("Username", "nobody")).await.assert(422);
    assert!(unknown.words().contains("There is nobody with the user name \"nobody\""), "{}", unknown.words());
    let taken = root.submit(&form).await.assert(422);
    assert!(taken.words().contains("There is already a workspace with the name \"acme\""), "{}", taken.words());
    for event in ["place.made", "workspace.member_added"] {
        assert_eq!(app.events(event).await.len(), 1, "{event}");
    }
}

#[tokio::test]
async fn projects_and_folders_are_made_renamed_and_removed() {
    let (_app, _, [_, adam, mia, _]) = acme().await;
    let places = format!("{ACME}/places");
    let page = adam.get(&places).await.assert(200);
    let workspace = page.body.split("<option value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = page.form("Create").fill("Name", "apps").set("place", &workspace);
    let page = adam.follow(adam.submit(&form).await.assert(303)).await;
    assert!(page.words().contains("acme/apps"), "{}", page.words());
    let edit = page.body.split("href=\"").find(|href| href.contains("?edit=")).unwrap().split('"').next().unwrap();
    let rename = adam.get(edit).await.form("Save").set("title", "The <b>apps</b>").set("name", "web");
    let page = adam.follow(adam.submit(&rename).await.assert(303)).await;
    assert!(page.words().contains("The <b>apps</b>") && page.words().contains("acme/web"), "markup is text");
    let remove = page.body.split("href=\"").find(|href| href.contains("?remove=")).unwrap().split('"').next().unwrap();
    let remove = remove.to_owned();
    mia.get(&remove).await.assert(404);
    let question = adam.get(&remove).await.assert(200);
    let page = adam.follow(adam.submit(&question.form("Remove project")).await.assert(303)).await;
    assert!(page.words().contains("No projects yet"), "{}", page.words());
    assert!(!mia.get(&places).await.assert(200).offers("Create"));
}

/// IDOR: of a workspace that is not theirs, nobody learns that it is there, and nothing changes.
#[tokio::test]
async fn who_is_not_in_a_workspace_finds_nothing_there() {
    let (app, acme, [olga, _, _, eve]) = acme().await;
    let user = olga.user.to_string();
    let id = acme.to_string();
    for part in ["", "/places", "/servers", "/itself"] {
        let (real, none) = (format!("{ACME}{part}"), format!("/settings/workspaces/none{part}"));
        let (here, nowhere) = (eve.get(&real).await.assert(404), eve.get(&none).await.assert(404));
        let but_for_the_request = |answer: &Answer| answer.words().split(" · request").next().unwrap().to_owned();
        assert_eq!(but_for_the_request(&here), but_for_the_request(&nowhere));
    }
    for (part, fields) in [
        ("", &[("act", "add"), ("username", "eve"), ("role", "owner")][..]),
        ("", &[("act", "remove"), ("user", &user)]),
        ("/places", &[("act", "make"), ("place", &id), ("name", "x"), ("title", "")]),
        ("/itself", &[("act", "rename"), ("name", "mine"), ("title", "Mine")]),
        ("/itself", &[("act", "remove")]),
    ] {
        forged(&eve, &format!("{ACME}{part}"), fields).await.assert(404);
    }
    assert!(!eve.get(urls::WORKSPACES).await.words().contains("ACME"));
    assert_eq!(roles(&app, acme).await.len(), 3);
    assert!(app.events("place.renamed").await.is_empty() && app.events("workspace.member_removed").await.is_empty());
}

/// Role escalation: an admin makes nobody an owner, nor a member anybody anything.
#[tokio::test]
async fn nobody_rises_above_their_role() {
    let (app, acme, [olga, adam, mia, _]) = acme().await;
    let before = roles(&app, acme).await;
    let (olga_id, adam_id, mia_id) = (olga.user.to_string(), adam.user.to_string(), mia.user.to_string());
    for (who, fields) in [
        (&adam, [("act", "change"), ("user", adam_id.as_str()), ("role", "owner")]),
        (&adam, [("act", "change"), ("user", &mia_id), ("role", "owner")]),
        (&adam, [("act", "change"), ("user", &olga_id), ("role", "member")]),
        (&adam, [("act", "remove"), ("user", &olga_id), ("role", "")]),
        (&adam, [("act", "add"), ("username", "eve"), ("role", "owner")]),
        (&mia, [("act", "change"), ("user", &mia_id), ("role", "admin")]),
        (&mia, [("act", "add"), ("username", "eve"), ("role", "member")]),
        (&mia, [("act", "remove"), ("user", &adam_id), ("role", "")]),
    ] {
        forged(who, ACME, &fields).await.assert(422);
    }
    forged(&adam, &format!("{ACME}/itself"), &[("act", "remove")]).await;
    forged(&mia, &format!("{ACME}/itself"), &[("act", "remove")]).await.assert(404);
    assert_eq!(roles(&app, acme).await, before);
    let page = scraper::Html::parse_document(&adam.get(ACME).await.body);
    let offered = scraper::Selector::parse("select[name=role] option").unwrap();
    let roles: BTreeSet<_> = page.select(&offered).filter_map(|option| option.value().attr("value")).collect();
    assert_eq!(roles, BTreeSet::from(["admin", "member"]), "nor is it offered");
    mia.get(urls::NEW_WORKSPACE).await.assert(403);
}

#[tokio::test]
async fn the_last_owner_stays_and_everybody_else_may_leave() {
    let (app, acme, [olga, _, mia, _]) = acme().await;
    let leave = |person: &Browser| format!("{ACME}?remove={}", person.user);
    let question = olga.get(&leave(&olga)).await.assert(200);
    let refused = olga.submit(&question.form("Leave workspace")).await.assert(422);
    assert!(refused.words().contains("The last owner of a workspace cannot leave it"), "{}", refused.words());
    let down = [("act", "change"), ("user", &olga.user.to_string()), ("role", "member")];
    forged(&olga, ACME, &down).await.assert(422);
    let question = mia.get(&leave(&mia)).await.assert(200);
    mia.submit(&question.form("Leave workspace")).await.assert(303);
    mia.get(ACME).await.assert(404);
    assert_eq!(roles(&app, acme).await.len(), 2);
}

/// Two owners who remove each other at once: one of them stays.
#[tokio::test]
async fn two_last_owners_who_remove_each_other_do_not_both_succeed() {
    let (app, acme, [olga, _, mia, _]) = acme().await;
    app.part(acme, mia.user).await;
    app.join(acme, &mia, Role::Owner).await;
    let (olga_id, mia_id) = (olga.user.to_string(), mia.user.to_string());
    let (hers, mine) = ([("act", "remove"), ("user", mia_id.as_str())], [("act", "remove"), ("user", &olga_id)]);
    tokio::join!(forged(&olga, ACME, &hers), forged(&mia, ACME, &mine));
    let owners = roles(&app, acme).await.into_iter().filter(|(_, role)| *role == Role::Owner).count();
    assert_eq!(owners, 1);
    assert_eq!(app.events("workspace.member_removed").await.len(), 2, "one before the race, one in it");
}

#[tokio::test]
async fn a_workspace_is_removed_by_an_owner_when_nothing_is_in_it() {
    let (app, _, [olga, adam, ..]) = acme().await;
    let apps = app.place("acme/apps").await;
    app.server("calendar", apps).await;
    let itself = format!("{ACME}/itself");
    let page = olga.get(&itself).await.assert(200);
    let words = page.words();
    assert!(words.contains("Acme is not empty: 1 server and 1 project or folder must be moved"), "{words}");
    let refused = forged(&olga, &itself, &[("act", "remove")]).await;
    assert!(refused.words().contains("is not empty"), "{}", refused.words());
    let tree = app.app().tree().await.unwrap();
    let home = tree.find("mcp-gateway").unwrap().id.to_string();
    let servers = format!("{ACME}/servers");
    let link = olga.get(&servers).await.body;
    let link =
        link.split("href=\"").find(|href| href.contains("?move=")).unwrap().split('"').next().unwrap().to_owned();
    let form = olga.get(&link).await.form("Move server");
    assert!(olga.submit(&form.clone().set("place", &home)).await.assert(422).words().contains("not yours"));
    let root = app.administrator("root").await;
    root.sign_in().await;
    let form = root.get(&link).await.form("Move server");
    root.submit(&form.set("place", &home)).await.assert(303);
    forged(&olga, &format!("{ACME}/places"), &[("act", "remove"), ("place", &apps.to_string())]).await.assert(303);
    assert!(adam.get(&itself).await.words().contains("Only an owner"));
    let question = olga.get(&format!("{itself}?remove=yes")).await.assert(200);
    olga.submit(&question.form("Remove workspace")).await.assert(303);
    olga.get(ACME).await.assert(404);
    forged(&root, "/settings/workspaces/mcp-gateway/itself", &[("act", "remove")]).await;
    root.get("/settings/workspaces/mcp-gateway").await.assert(200);
    assert_eq!((app.events("server.moved").await.len(), app.events("place.removed").await.len()), (1, 2));
}

#[tokio::test]
async fn the_switcher_shows_one_of_ones_own_workspaces_and_no_other() {
    let (_app, _, [olga, _, _, eve]) = acme().await;
    let page = olga.get(urls::APPS).await.assert(200);
    assert!(page.words().contains("Workspace MCP Gateway"), "{}", page.words());
    forged(&olga, urls::SWITCH_WORKSPACE, &[("workspace", "acme")]).await.assert(303);
    assert!(olga.get(urls::APPS).await.words().contains("Workspace ACME"));
    forged(&eve, urls::SWITCH_WORKSPACE, &[("workspace", "acme")]).await.assert(404);
    eve.set_cookie("portcullis_workspace", olga.cookie("portcullis_workspace").as_deref());
    assert!(!eve.get(urls::APPS).await.words().contains("ACME"), "the cookie gives nothing");
}

/// What an intruder at an open browser would do first takes a recent proof of who one is (ASVS 7.5.1).
#[tokio::test]
async fn without_a_recent_proof_nobody_hands_out_roles_or_removes_anything() {
    let (app, acme, [olga, adam, ..]) = acme().await;
    let (before, adams) = (roles(&app, acme).await, adam.user.to_string());
    let (itself, member) = (format!("{ACME}/itself"), format!("{ACME}?remove={adams}"));
    app.clock().advance(TimeDelta::hours(1));
    olga.get(ACME).await.assert(200);
    olga.get(&itself).await.assert(200);
    for late in [
        forged(&olga, ACME, &[("act", "add"), ("username", "eve"), ("role", "owner")]).await,
        forged(&olga, ACME, &[("act", "change"), ("user", &adams), ("role", "owner")]).await,
        forged(&olga, ACME, &[("act", "remove"), ("user", &adams)]).await,
        forged(&olga, &itself, &[("act", "remove")]).await,
        olga.get(&member).await,
        olga.get(&format!("{itself}?remove=yes")).await,
    ] {
        assert!(late.assert(303).location().starts_with(&app.at(urls::CONFIRM)));
    }
    assert_eq!(roles(&app, acme).await, before);
    let page = olga.follow(olga.get(&member).await).await;
    let back = olga.confirm(&page).await.assert(303);
    assert_eq!(back.location(), app.at(&member));
    let page = olga.follow(back).await.assert(200);
    olga.submit(&page.form("Remove member")).await.assert(303);
    assert_eq!(roles(&app, acme).await.len(), before.len() - 1);
}
