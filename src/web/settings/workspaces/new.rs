//! Settings → Workspaces → New workspace: for system administrators.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::{Done, Part, back};
use crate::app::App;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Page, Site, View};
use crate::http::{Administrator, PageError, PageForm, Refusal};
use crate::places::arrange::{self, Arranged, NewPlace};
use crate::places::{Actor, arrange::Refusal as Refused};
use crate::web::components::{Crumb, Errors};
use crate::web::shell::{Menu, Shell};

/// What *Create workspace* sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewForm {
    title: String,
    name: String,
}

impl Fields for NewForm {}

/// `GET /settings/workspaces/new`.
pub async fn get(app: Data<App>, Administrator(signed_in): Administrator) -> Page<NewWorkspacePage> {
    let shell = Shell::of(&app, &signed_in, Menu::Workspaces);
    let site = Site::of(&app.config.server.public_url);
    Page(NewWorkspacePage::new(site, shell, NewForm::default(), Errors::none()))
}

/// `POST /settings/workspaces/new`: makes it; whoever made it owns it.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
    PageForm(form): PageForm<NewForm>,
) -> Result<HttpResponse, PageError> {
    let actor = Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin };
    let (origin, now) = (origin_of(&request), app.clock.now());
    let title = Some(form.title.clone()).filter(|title| !title.trim().is_empty());
    let new = NewPlace { parent: None, name: form.name.clone(), title };
    let made = app.arrange(async |conn| arrange::make(conn, actor, new, &origin, now).await).await;
    match made.map_err(|error| Refusal::from(error).to(&request))? {
        Arranged::Done(place) => Ok(back(&app, Part::Members, place.name.as_str(), Done::Made)),
        Arranged::Refused(refusal) => {
            let shell = Shell::of(&app, &signed_in, Menu::Workspaces);
            let site = Site::of(&app.config.server.public_url);
            Ok(Page(NewWorkspacePage::new(site, shell, form, errors(&refusal))).into_response())
        }
    }
}

/// What is wrong, beside the field that it is about.
pub(super) fn errors(refusal: &Refused) -> Errors {
    let field = if matches!(refusal, Refused::Title(_)) { "title" } else { "name" };
    Errors::one(field, sentence(&refusal.to_string()))
}

/// A refusal as a sentence of its own.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/new.html")]
pub struct NewWorkspacePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What was typed.
    pub title: String,
    /// What was typed.
    pub name: String,
    /// What is wrong with it.
    pub errors: Errors,
}

impl NewWorkspacePage {
    fn new(site: Site, shell: Shell, NewForm { title, name }: NewForm, errors: Errors) -> Self {
        let above = vec![Crumb { href: site.workspaces(), label: "Workspaces".to_owned() }];
        Self { site, shell, above, title, name, errors }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let page = |title: &str, name: &str, errors| {
            let form = NewForm { title: title.to_owned(), name: name.to_owned() };
            Self::new(Site::sample(), Shell::sample(Menu::Workspaces), form, errors)
        };
        let wrong = Errors::one("name", "There is already a workspace with the name \"acme\".");
        vec![page("", "", Errors::none()), page("\"><script>alert(1)</script>", "acme", wrong)]
    }
}

impl View for NewWorkspacePage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
