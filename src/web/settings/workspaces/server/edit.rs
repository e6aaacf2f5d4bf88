//! Settings → Workspaces → a workspace → Servers → one of them → Edit.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::fields::{FieldsView, ServerFields, commands};
use super::{Managed, Told, above, actor, back_to};
use crate::app::App;
use crate::errands::register_server;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, urls};
use crate::upstreams::Refusal as Refused;
use crate::upstreams::register::Registration;
use crate::web::components::{Crumb, Errors};
use crate::web::list::Asked;
use crate::web::settings::workspaces::new::sentence;
use crate::web::shell::{Menu, Shell};

/// What *Save changes* sends.
#[derive(Clone, Default, Deserialize)]
pub struct EditForm {
    #[serde(flatten)]
    fields: ServerFields,
}

impl Fields for EditForm {}

/// `GET /settings/workspaces/{workspace}/servers/{server}/edit`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    path: Path<(String, String)>,
) -> Result<Page<EditPage>, PageError> {
    let managed = Managed::of(&app, &signed_in, (&path.0, &path.1)).await.map_err(|refusal| refusal.to(&request))?;
    let fields = ServerFields::of(&managed.server);
    Ok(Page(page(&app, &signed_in, &managed, &fields, Errors::none())))
}

/// `POST /settings/workspaces/{workspace}/servers/{server}/edit`.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    path: Path<(String, String)>,
    PageForm(EditForm { fields }): PageForm<EditForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let managed = Managed::of(&app, &signed_in, (&path.0, &path.1)).await?;
        let (actor, origin) = (actor(&signed_in), origin_of(&request));
        match register_server::change(&app, actor, &origin, (&managed.server, None), fields.said()).await? {
            Registration::Done(server) => Ok(back_to(&app, (&path.0, &server.name), &Asked::default(), Told::Changed)),
            Registration::Refused(Refused::NoServer) => Err(Refusal::NotFound),
            Registration::Refused(refusal) => {
                let errors = Errors::one(refusal.field(), sentence(&refusal.to_string()));
                Ok(Page(page(&app, &signed_in, &managed, &fields, errors)).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

fn page(app: &App, signed_in: &SignedIn, managed: &Managed, fields: &ServerFields, errors: Errors) -> EditPage {
    let Managed { seen, server } = managed;
    let site = Site::of(&app.config.server.public_url);
    let (workspace, name) = (seen.place.name.as_str(), server.name.as_str());
    EditPage {
        above: above(&site, (workspace, &Foreign::new(&seen.place.title)), Some(name)),
        action: site.of_server(urls::WORKSPACE_EDIT_SERVER, workspace, name),
        back: site.of_server(urls::WORKSPACE_SERVER, workspace, name),
        name: server.name.clone(),
        fields: FieldsView::new(
            fields,
            Vec::new(),
            server.auth_header.is_some(),
            &commands(app, actor(signed_in), Some(server)),
        ),
        shell: Shell::of(app, signed_in, Menu::Workspaces),
        site,
        errors,
    }
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/edit_server.html")]
pub struct EditPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// Where it is sent.
    pub action: String,
    /// Where *Cancel* leads.
    pub back: String,
    /// What it is called by now.
    pub name: String,
    /// What was typed.
    pub fields: FieldsView,
    /// What is wrong with it.
    pub errors: Errors,
}

impl EditPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let page = |name: &str, errors| Self {
            above: above(&site, ("acme", &Foreign::new("Acme Research")), Some("calendar")),
            action: site.of_server(urls::WORKSPACE_EDIT_SERVER, "acme", "calendar"),
            back: site.of_server(urls::WORKSPACE_SERVER, "acme", "calendar"),
            name: "calendar".to_owned(),
            fields: FieldsView { places: Vec::new(), ..FieldsView::sample(name, "Meetings and rooms") },
            shell: Shell::sample(Menu::Workspaces),
            site: site.clone(),
            errors,
        };
        let wrong = Errors::one("auth_value", "The URL leads to another host: enter the value of the header again.");
        vec![page("calendar", Errors::none()), page("\"><script>alert(1)</script>", wrong)]
    }
}

impl View for EditPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
