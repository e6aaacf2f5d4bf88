//! A database that cannot be used: which setting, what is wrong, and what to do.

use diesel_async::SimpleAsyncConnection;
use portcullis::db::connect::Connector;
use secrecy::{ExposeSecret, SecretString};

use super::{assert_refused, portcullis};
use crate::support::cluster::{create_database, create_empty_database};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const OTHER_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[tokio::main(flavor = "current_thread")]
async fn execute(url: &SecretString, statements: &str) {
    let mut conn = Connector::new(url).unwrap().connect().await.unwrap();
    conn.batch_execute(statements).await.unwrap();
}

/// `serve` on this database ends with these words.
fn assert_serve_refuses(settings: &[(&str, &str)], words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let output = portcullis(dir.path(), settings).arg("serve").output().unwrap();
    assert_refused(&output, 1, words);
    assert!(!dir.path().join("data").exists(), "nothing private is begun beside it");
}

#[test]
fn a_server_that_is_too_old_is_told_by_its_version() {
    let database = create_empty_database();
    // No old server is at hand: this one lies about its age, by a function that is found before PostgreSQL's own.
    execute(
        &database,
        "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '120022' $$;
         DO $$ BEGIN
             EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
         END $$",
    );
    let settings = [("DATABASE_URL", database.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    assert_serve_refuses(
        &settings,
        "DATABASE_URL cannot be used: the database server is PostgreSQL 12, and 13 is the oldest",
    );
}

#[test]
fn each_of_the_two_urls_is_named_when_it_is_the_wrong_one() {
    let database = create_empty_database();
    let (good, nobody) = (database.expose_secret(), "postgres://me:hunter2@127.0.0.1:1/app");
    for (url, direct, named) in [(nobody, good, "DATABASE_URL"), (good, nobody, "PORTCULLIS_DATABASE_DIRECT_URL")] {
        let settings =
            [("DATABASE_URL", url), ("PORTCULLIS_DATABASE_DIRECT_URL", direct), ("PORTCULLIS_SECRET_KEY", KEY)];
        assert_serve_refuses(&settings, &format!("portcullis: {named} cannot be used: the database at 127.0.0.1:1"));
        assert_serve_refuses(&settings, &format!("start the server there, or correct {named}"));
    }
}

#[test]
fn a_database_that_does_not_exist_is_to_be_created_first() {
    let database = create_empty_database();
    let url = database.expose_secret().replacen("/test_", "/nowhere_", 1);
    let settings = [("DATABASE_URL", url.as_str()), ("PORTCULLIS_SECRET_KEY", KEY)];
    assert_serve_refuses(&settings, "DATABASE_URL cannot be used: the database in the URL does not exist");
}

#[test]
fn a_database_of_another_root_key_is_not_served() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let settings = |key| [("DATABASE_URL", database.expose_secret()), ("PORTCULLIS_SECRET_KEY", key)];
    assert!(portcullis(dir.path(), &settings(KEY)).args(["key", "list"]).output().unwrap().status.success());
    assert_serve_refuses(
        &settings(OTHER_KEY),
        "this database was made under another PORTCULLIS_SECRET_KEY: set that one",
    );
}
