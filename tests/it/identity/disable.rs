//! Disabling people.

use portcullis::audit::Origin;
use portcullis::identity::add_person::NewPerson;
use portcullis::identity::disable::{Disable, Enable, disable, enable};
use portcullis::identity::set_up::{Issue, issue};
use portcullis::types::UserId;

use super::house::{House, PASSWORD};

async fn off(house: &House, user: UserId) -> Disable {
    let now = house.app.clock.now();
    house.write(async |conn| disable(conn, user, &Origin::default(), now).await).await
}

#[actix_web::test]
async fn a_disabled_person_is_out_at_once_and_stays_out() {
    let house = House::build().await;
    let alice = house.person("alice").await;
    let link = house.link(&alice).await;
    let browser = house.browser();
    browser.sign_in("alice", PASSWORD).await.assert(303);
    assert!(browser.whoami().await.is_some());

    assert_eq!(off(&house, alice.id).await, Disable::Disabled);
    assert_eq!(off(&house, alice.id).await, Disable::AlreadyDisabled);
    assert_eq!(browser.whoami().await, None);
    let refused = house.browser().sign_in("alice", PASSWORD).await.assert(403);
    let unknown = house.browser().sign_in("nobody", PASSWORD).await.assert(403);
    assert_eq!(refused.without_token().replace("alice", "nobody"), unknown.without_token(), "nobody learns why");
    house.browser().get(&format!("/setup?token={}", link.reveal())).await.assert(410);
    let (app, now) = (&house.app, house.app.clock.now());
    let lifetime = app.config.lifetimes.setup_link;
    let issued = house
        .write(async |conn| issue(conn, (&app.keys, &app.random), alice.id, lifetime, &Origin::default(), now).await)
        .await;
    assert!(matches!(issued, Issue::Refused));

    assert_eq!(house.write(async |conn| enable(conn, alice.id, &Origin::default(), now).await).await, Enable::Enabled);
    assert_eq!(
        house.write(async |conn| enable(conn, alice.id, &Origin::default(), now).await).await,
        Enable::NothingToDo
    );
    assert_eq!(browser.whoami().await, None, "what ended stays ended");
    browser.sign_in("alice", PASSWORD).await.assert(303);
}

#[actix_web::test]
async fn the_last_administrator_cannot_be_disabled_even_by_two_at_once() {
    let house = House::build().await;
    let admin = |name: &str| NewPerson { username: name.to_owned(), is_admin: true, ..NewPerson::default() };
    let (one, two) = (house.add(admin("one")).await, house.add(admin("two")).await);
    let outcomes = futures_util::join!(off(&house, one.id), off(&house, two.id));
    let mut outcomes = [outcomes.0, outcomes.1];
    outcomes.sort_by_key(|outcome| *outcome != Disable::Disabled);
    assert_eq!(outcomes, [Disable::Disabled, Disable::LastAdministrator]);
    assert_eq!(off(&house, UserId::fresh()).await, Disable::Unknown);
}
