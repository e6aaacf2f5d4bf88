//! Settings → Workspaces → a workspace → Servers → Register server.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::fields::{FieldsView, ServerFields, commands, places};
use super::{Told, above, actor, back_to};
use crate::app::App;
use crate::errands::register_server;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, urls};
use crate::upstreams::register::Registration;
use crate::web::components::{Crumb, Errors};
use crate::web::list::Asked;
use crate::web::settings::workspaces::Seen;
use crate::web::settings::workspaces::new::sentence;
use crate::web::shell::{Menu, Shell};

/// What *Register server* sends.
#[derive(Clone, Default, Deserialize)]
pub struct RegisterForm {
    #[serde(flatten)]
    fields: ServerFields,
}

impl Fields for RegisterForm {}

/// `GET /settings/workspaces/{workspace}/register-server`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    workspace: Path<String>,
) -> Result<Page<RegisterPage>, PageError> {
    let seen = managed(&app, &signed_in, &workspace).await.map_err(|refusal| refusal.to(&request))?;
    Ok(Page(page(&app, &signed_in, &seen, &ServerFields::default(), Errors::none())))
}

/// `POST /settings/workspaces/{workspace}/register-server`: registers it, looks at it, and shows its page.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    workspace: Path<String>,
    PageForm(RegisterForm { fields }): PageForm<RegisterForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let seen = managed(&app, &signed_in, &workspace).await?;
        let place = fields.place.unwrap_or(seen.place.id);
        if !seen.inside().iter().any(|inside| inside.id == place) {
            return Err(Refusal::NotFound);
        }
        let (actor, origin) = (actor(&signed_in), origin_of(&request));
        match register_server::add(&app, actor, &origin, place, &fields.said()).await? {
            Registration::Done(server) => {
                Ok(back_to(&app, (&workspace, &server.name), &Asked::default(), Told::Registered))
            }
            Registration::Refused(refusal) => {
                let errors = Errors::one(refusal.field(), sentence(&refusal.to_string()));
                Ok(Page(page(&app, &signed_in, &seen, &fields, errors)).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

async fn managed(app: &App, signed_in: &SignedIn, workspace: &str) -> Result<Seen, Refusal> {
    let seen = Seen::of(app, signed_in, workspace).await?;
    if seen.manages() { Ok(seen) } else { Err(Refusal::NotFound) }
}

fn page(app: &App, signed_in: &SignedIn, seen: &Seen, fields: &ServerFields, errors: Errors) -> RegisterPage {
    let site = Site::of(&app.config.server.public_url);
    let workspace = seen.place.name.as_str();
    RegisterPage {
        above: above(&site, (workspace, &Foreign::new(&seen.place.title)), None),
        action: site.of_workspace(urls::WORKSPACE_REGISTER_SERVER, workspace),
        back: site.of_workspace(urls::WORKSPACE_SERVERS, workspace),
        fields: FieldsView::new(fields, places(seen, fields.place), false, &commands(app, actor(signed_in), None)),
        command: format!("portcullis register --name NAME --url URL --place {workspace}"),
        shell: Shell::of(app, signed_in, Menu::Workspaces),
        site,
        errors,
    }
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/register_server.html")]
pub struct RegisterPage {
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
    /// What was typed.
    pub fields: FieldsView,
    /// The same without the page.
    pub command: String,
    /// What is wrong with it.
    pub errors: Errors,
}

impl RegisterPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let page = |name: &str, description: &str, errors| Self {
            above: above(&site, ("acme", &Foreign::new("Acme Research")), None),
            action: site.of_workspace(urls::WORKSPACE_REGISTER_SERVER, "acme"),
            back: site.of_workspace(urls::WORKSPACE_SERVERS, "acme"),
            fields: FieldsView::sample(name, description),
            command: "portcullis register --name NAME --url URL --place acme".to_owned(),
            shell: Shell::sample(Menu::Workspaces),
            site: site.clone(),
            errors,
        };
        let wrong = Errors::one("name", "A server cannot be called \"mcp\": a path of this gateway has that name.");
        vec![
            page("", "", Errors::none()),
            page("\"><script>alert(1)</script>", "</textarea><script>alert(1)</script>", wrong),
        ]
    }
}

impl View for RegisterPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
