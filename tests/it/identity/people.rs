//! Adding people, and the facts about them.

use portcullis::audit::Origin;
use portcullis::identity::add_person::{AddPerson, NewPerson, Refusal, add_person};
use portcullis::identity::group::Group;
use portcullis::identity::{Email, User, user};

use super::house::House;

fn named(username: &str) -> NewPerson {
    NewPerson { username: username.to_owned(), ..NewPerson::default() }
}

async fn add(house: &House, person: NewPerson) -> AddPerson {
    let now = house.app.clock.now();
    house.write(async |conn| add_person(conn, person, &Origin::default(), now).await).await
}

#[actix_web::test]
async fn a_person_is_shown_with_their_groups_in_order() {
    let house = House::build().await;
    let now = house.app.clock.now();
    for name in ["ops", "admins", "empty"] {
        house.write(async |conn| Group::insert(conn, name, "", now).await).await.unwrap();
    }
    let groups = vec!["ops".to_owned(), "admins".to_owned(), "ops".to_owned()];
    let alice = house.add(NewPerson { groups, email: Some("a@b.example".to_owned()), ..named("Alice") }).await;
    house.person("bob").await;
    let mut conn = house.app.db.read().await.unwrap();
    let person = user::person(&mut conn, alice.id).await.unwrap().unwrap();
    assert_eq!((person.username.as_str(), person.groups), ("alice", vec!["admins".to_owned(), "ops".to_owned()]));
    let vouched_for = Email { address: "a@b.example".to_owned(), is_own: false };
    assert_eq!((person.display_name.as_str(), person.email), ("alice", Some(vouched_for)));
    let everybody = user::people(&mut conn).await.unwrap();
    assert_eq!(everybody.iter().map(|person| person.groups.len()).collect::<Vec<_>>(), [2, 0]);
}

/// Taking over an account by adding its name in other letters.
#[actix_web::test]
async fn a_name_is_given_once_whatever_its_case() {
    let house = House::build().await;
    house.person("alice").await;
    let taken = AddPerson::Refused(Refusal::Taken("alice".parse().unwrap()));
    assert_eq!(add(&house, named("ALICE")).await, taken);
    let (one, two) = futures_util::join!(add(&house, named("bob")), add(&house, named("Bob")));
    let added = [one, two].into_iter().filter(|outcome| matches!(outcome, AddPerson::Added(_))).count();
    assert_eq!(added, 1, "of two at once");
}

#[actix_web::test]
async fn an_unknown_group_is_named_and_nobody_is_added() {
    let house = House::build().await;
    let outcome = add(&house, NewPerson { groups: vec!["typo".to_owned()], ..named("alice") }).await;
    let AddPerson::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(refusal.to_string(), "there is no group with the name \"typo\"");
    assert!(User::is_none(&mut house.app.db.read().await.unwrap()).await.unwrap());
}
