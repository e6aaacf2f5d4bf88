//! Settings → Profile: what somebody is called, and where mail reaches them.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::db::Connection;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::identity::change_profile::{ChangeProfile, Profile, change_profile};
use crate::web::shell::{Menu, Shell};

/// What leads here.
#[derive(Debug, Deserialize)]
pub struct ProfileQuery {
    /// There when the form was just saved.
    saved: Option<String>,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct ProfileForm {
    display_name: String,
    email: String,
}

impl Fields for ProfileForm {}

/// `GET /settings/profile`. Apps learn the address that is changed here, so an intruder must not reach it (ASVS 7.5.1).
pub async fn get(app: Data<App>, Fresh(signed_in): Fresh<SignedIn>, query: Query<ProfileQuery>) -> Page<ProfilePage> {
    let person = &signed_in.person;
    let email = person.email.as_ref().map(|email| email.address.clone()).unwrap_or_default();
    let profile = Profile { display_name: person.display_name.clone(), email };
    let saved = query.saved.is_some();
    Page(ProfilePage { saved, ..ProfilePage::of(&app, &signed_in, profile) })
}

/// `POST /settings/profile`: back to the page, or the form again with what is wrong.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(form): PageForm<ProfileForm>,
) -> Result<HttpResponse, PageError> {
    let profile = Profile { display_name: form.display_name, email: form.email };
    let (user, origin, now, typed) = (signed_in.person.id, origin_of(&request), app.clock.now(), profile.clone());
    let verb = async |conn: &mut Connection| change_profile(conn, user, profile, &origin, now).await;
    match app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))? {
        ChangeProfile::Changed => Ok(see_other(&format!("{}?saved=yes", app.at(urls::PROFILE))).finish()),
        ChangeProfile::Refused(refusal) => {
            let problem = Some(Foreign::passage(&refusal.to_string()));
            Ok(Page(ProfilePage { problem, ..ProfilePage::of(&app, &signed_in, typed) }).into_response())
        }
    }
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/profile.html")]
pub struct ProfilePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The name to sign in with; it stays.
    pub username: Foreign,
    /// What is in the fields.
    pub profile: Profile,
    /// What is wrong with it.
    pub problem: Option<Foreign>,
    /// True when it was just saved.
    pub saved: bool,
}

impl ProfilePage {
    fn of(app: &App, signed_in: &SignedIn, profile: Profile) -> Self {
        Self {
            site: Site::of(&app.config.server.public_url),
            shell: Shell::of(app, signed_in, Menu::Profile),
            username: Foreign::new(&signed_in.person.username),
            profile,
            problem: None,
            saved: false,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let plain = Self {
            site: Site::sample(),
            shell: Shell::sample(Menu::Profile),
            username: Foreign::new("alice"),
            profile: Profile { display_name: "Alice Example".to_owned(), email: "alice@example.com".to_owned() },
            problem: None,
            saved: false,
        };
        let markup = "\"><script>alert(1)</script>".to_owned();
        vec![
            Self { saved: true, ..plain.clone() },
            Self { problem: Some(Foreign::new("\"alice\" is not an email address")), ..plain.clone() },
            Self {
                username: Foreign::hostile_sample(),
                profile: Profile { display_name: markup.clone(), email: markup },
                ..plain.clone()
            },
            plain,
        ]
    }
}

impl View for ProfilePage {
    fn status(&self) -> StatusCode {
        if self.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
    }
}
