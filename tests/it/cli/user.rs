//! `portcullis user-reset-factors`: somebody has lost their telephone, and the operator knows who they are.

use portcullis::http::urls;
use secrecy::ExposeSecret;

use super::{assert_refused, portcullis, text};
use crate::support::TestApp;
use crate::support::authenticator::turn_on;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[tokio::test]
async fn second_factors_are_forgotten_and_the_password_signs_in_again() {
    let (app, dir) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let ada = app.person("ada").await;
    ada.sign_in().await;
    turn_on(&app, &ada).await;
    let settings = [("DATABASE_URL", app.database().url.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    let reset = |name| portcullis(dir.path(), &settings).args(["user-reset-factors", "--username", name]).output();
    let done = reset("ada").unwrap();
    let words = "ada signs in by the password alone now; forgotten: an authenticator app, 0 passkeys; 1 session ended";
    assert_eq!(text(&done.stdout).trim(), words, "{}", text(&done.stderr));
    ada.get(urls::APPS).await.assert(303);
    let page = ada.get(urls::LOGIN).await;
    let sent = ada.sign_in_on(&page).await.assert(303);
    assert_eq!(sent.location(), app.at(urls::APPS));
    assert_eq!(app.events("person.factors_reset").await[0]["authenticator"], true);
    assert_refused(&reset("eve").unwrap(), 1, "nobody is called \"eve\"");
}
