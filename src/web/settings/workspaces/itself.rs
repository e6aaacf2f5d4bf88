//! Settings → Workspaces → a workspace → Rename or remove.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::new::{errors, sentence};
use super::{Done, Head, Part, Seen, back};
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::places::arrange::{self, Arranged, Refusal as Refused};
use crate::places::{Actor, Contents, Place, Role, member};
use crate::types::DEFAULT_WORKSPACE;
use crate::web::components::{Crumb, Errors, link};
use crate::web::confirm::ConfirmPage;
use crate::web::list::Asked;
use crate::web::shell::{Menu, Shell};

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ItselfForm {
    act: Act,
    #[serde(default)]
    title: String,
    #[serde(default)]
    name: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    #[default]
    Rename,
    Remove,
}

impl Fields for ItselfForm {}

/// `GET /settings/workspaces/{workspace}/itself`: for those who manage it.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    fresh: Result<Fresh<SignedIn>, PageError>,
    name: Path<String>,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let is_removed = !asked.get("remove").is_empty();
    if is_removed {
        fresh?;
    }
    let shown = async {
        let seen = managed(&app, &signed_in, &name).await?;
        let mut conn = app.db.read().await?;
        let contents = Contents::of(&mut conn, seen.place.id).await.map_err(db::Error::from)?;
        let members = member::count(&mut conn, seen.place.id).await.map_err(db::Error::from)?;
        drop(conn);
        let site = Site::of(&app.config.server.public_url);
        let shell = Shell::of(&app, &signed_in, Menu::Workspaces);
        let stays = stays(&seen.place, seen.role, &contents);
        if is_removed && stays.is_none() {
            return Ok(Page(question(site, shell, &seen.place, members)).into_response());
        }
        let head = Head::new(&site, &seen, Part::Itself, Done::of(&asked));
        let form = ItselfForm { act: Act::Rename, title: seen.place.title.clone(), name: seen.place.name.to_string() };
        Ok(Page(ItselfPage::new(site, shell, head, form, stays, Errors::none())).into_response())
    };
    shown.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /settings/workspaces/{workspace}/itself`: renames or removes it.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    name: Path<String>,
    PageForm(form): PageForm<ItselfForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let seen = managed(&app, &signed_in, &name).await?;
        match (change(&app, &request, &signed_in, &seen, &form).await?, form.act) {
            (Arranged::Done(place), Act::Rename) => Ok(back(&app, Part::Itself, place.name.as_str(), Done::Changed)),
            (Arranged::Done(_), Act::Remove) => Ok(see_other(&app.at(urls::WORKSPACES)).finish()),
            (Arranged::Refused(Refused::Unknown), _) => Err(Refusal::NotFound),
            (Arranged::Refused(refusal), act) => {
                let site = Site::of(&app.config.server.public_url);
                let shell = Shell::of(&app, &signed_in, Menu::Workspaces);
                let head = Head::new(&site, &seen, Part::Itself, None);
                let page = match act {
                    Act::Rename => ItselfPage::new(site, shell, head, form, None, errors(&refusal)),
                    Act::Remove => {
                        let stays = Some(sentence(&refusal.to_string()));
                        ItselfPage::new(site, shell, head, form, stays, Errors::none())
                    }
                };
                Ok(Page(page).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

async fn managed(app: &App, signed_in: &SignedIn, name: &str) -> Result<Seen, Refusal> {
    let seen = Seen::of(app, signed_in, name).await?;
    if seen.manages() { Ok(seen) } else { Err(Refusal::NotFound) }
}

async fn change(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    seen: &Seen,
    form: &ItselfForm,
) -> Result<Arranged, Refusal> {
    let actor = Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin };
    let (id, origin, now) = (seen.place.id, origin_of(request), app.clock.now());
    Ok(match form.act {
        Act::Rename => {
            let wanted = (Some(form.name.as_str()), Some(form.title.as_str()));
            app.arrange(async |conn| arrange::rename(conn, actor, id, wanted, &origin, now).await).await?
        }
        Act::Remove => app.arrange(async |conn| arrange::remove(conn, actor, id, &origin, now).await).await?,
    })
}

/// Why the workspace cannot be removed, if it cannot.
fn stays(place: &Place, role: Role, contents: &Contents) -> Option<String> {
    let why = match () {
        () if place.name.as_str() == DEFAULT_WORKSPACE => Refused::Default,
        () if role < Role::Owner => Refused::OwnersOnly,
        () if !contents.is_empty() => Refused::NotEmpty(place.name.to_string(), contents.clone()),
        () => return None,
    };
    Some(sentence(&why.to_string()))
}

fn question(site: Site, shell: Shell, place: &Place, members: i64) -> ConfirmPage {
    let title = Foreign::new(&place.title);
    let here = site.of_workspace(urls::WORKSPACE_ITSELF, place.name.as_str());
    let count = if members == 1 { "1 person is".to_owned() } else { format!("{members} people are") };
    ConfirmPage {
        above: vec![
            Crumb { href: site.workspaces(), label: "Workspaces".to_owned() },
            Crumb { href: here.clone(), label: title.to_string() },
        ],
        site,
        shell,
        question: format!("Remove the workspace {title}?"),
        stops: vec![
            format!("{count} in it, and will be no more."),
            format!("Keys, tokens and clients that are scoped to {title} alone reach nothing from now on."),
            format!("The token URL /realms/{}/… answers 404.", place.name),
        ],
        stays: vec!["Nobody’s account goes with it, and no server: nothing is left in it.".to_owned()],
        action: here,
        fields: vec![("act", "remove".to_owned())],
        button: "Remove workspace",
    }
}

/// What a workspace is called, and its end.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/itself.html")]
pub struct ItselfPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The head of the page.
    pub head: Head,
    /// What was typed.
    pub title: String,
    /// What was typed.
    pub name: String,
    /// What is wrong with it.
    pub errors: Errors,
    /// Why it cannot be removed, if it cannot.
    pub stays: Option<String>,
    /// Where *Remove workspace* leads.
    pub remove: String,
}

impl ItselfPage {
    fn new(site: Site, shell: Shell, head: Head, form: ItselfForm, stays: Option<String>, errors: Errors) -> Self {
        let remove = link(&head.href, &[("remove", "yes")]);
        Self { site, shell, head, title: form.title, name: form.name, errors, stays, remove }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let page = |role, title: &str, stays: Option<&str>, errors| {
            let head = Head::sample(Part::Itself, role, Foreign::new(title));
            let form = ItselfForm { act: Act::Rename, title: title.to_owned(), name: "acme".to_owned() };
            let shell = Shell::sample(Menu::Workspaces);
            Self::new(Site::sample(), shell, head, form, stays.map(str::to_owned), errors)
        };
        let wrong = Errors::one("name", "There is already a workspace with the name \"acme\".");
        let full = "Acme is not empty: 2 servers must be moved or removed first.";
        vec![
            page(Role::Owner, "Acme Research", None, Errors::none()),
            page(Role::Admin, "\"><script>alert(1)</script>", Some(full), wrong),
        ]
    }
}

impl View for ItselfPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
