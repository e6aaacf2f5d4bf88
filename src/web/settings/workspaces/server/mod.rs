//! Settings → Workspaces → a workspace → Servers → one of them: what it is, how it is, and what its tools count as.

pub mod edit;
pub mod fields;
pub mod register;
mod view;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

use super::{Done, Part, Seen, back};
use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::errands::register_server;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site};
use crate::http::{PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::places::Actor;
use crate::types::Class;
use crate::upstreams::Refusal as Refused;
use crate::upstreams::class_tool::{Classed, Word, class_tool};
use crate::upstreams::register::{Registration, Said};
use crate::upstreams::server::{self, Registered};
use crate::upstreams::tool;
use crate::web::components::Crumb;
use crate::web::confirm::ConfirmPage;
use crate::web::list::Asked;
use crate::web::shell::{Menu, Shell};
pub use view::ServerPage;
pub(super) use view::badges;

/// What has just been done, as the URL says it after a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is new.
    Registered,
    /// It is otherwise.
    Changed,
    /// Somebody looked.
    Looked,
}

impl Told {
    const ALL: [Self; 3] = [Self::Registered, Self::Changed, Self::Looked];

    /// What a URL says that was done.
    fn of(asked: &Asked) -> Option<Self> {
        Self::ALL.into_iter().find(|told| told.name() == asked.get("done"))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Registered => "The server is registered.",
            Self::Changed => "The change is saved, and holds from now on.",
            Self::Looked => "This is how it is now.",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Changed => "changed",
            Self::Looked => "looked",
        }
    }
}

/// What the forms of the page send.
#[derive(Clone, Debug, Deserialize)]
pub struct ServerForm {
    act: Act,
    /// The tool that it is about.
    #[serde(default)]
    tool: String,
    /// What that counts as from now on: a class, or `annotated`.
    #[serde(default)]
    class: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Refresh,
    On,
    Off,
    Class,
    Approve,
    Remove,
}

impl Fields for ServerForm {}

/// A server as somebody sees it who manages its workspace.
struct Managed {
    seen: Seen,
    server: Registered,
}

impl Managed {
    /// The server of that name in the workspace of that name. Of what is not theirs to manage, nobody learns that it is there.
    async fn of(app: &App, signed_in: &SignedIn, (workspace, name): (&str, &str)) -> Result<Self, Refusal> {
        let seen = Seen::of(app, signed_in, workspace).await?;
        let mut conn = app.db.read().await?;
        let server = server::named(&mut conn, name).await.map_err(db::Error::from)?;
        let is_here =
            |server: &Registered| seen.tree.path(server.place_id).is_some_and(|path| path.workspace() == seen.place.id);
        let server = server.filter(|server| seen.manages() && is_here(server)).ok_or(Refusal::NotFound)?;
        Ok(Self { seen, server })
    }
}

/// `GET /settings/workspaces/{workspace}/servers/{server}`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    path: Path<(String, String)>,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let shown = async {
        let managed = Managed::of(&app, &signed_in, (&path.0, &path.1)).await?;
        if asked.get("remove") == "true" {
            return Ok(Page(question(&app, &signed_in, &managed)).into_response());
        }
        let mut conn = app.db.read().await?;
        let tools = tool::of_server(&mut conn, managed.server.id).await.map_err(db::Error::from)?;
        drop(conn);
        let shell = Shell::of(&app, &signed_in, Menu::Workspaces);
        Ok(Page(ServerPage::new(&app, shell, &managed, &tools, &asked)).into_response())
    };
    shown.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /settings/workspaces/{workspace}/servers/{server}`: looks at it, switches it, says what a tool counts as, or removes it.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    path: Path<(String, String)>,
    asked: Asked,
    PageForm(form): PageForm<ServerForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let managed = Managed::of(&app, &signed_in, (&path.0, &path.1)).await?;
        let (actor, origin) = (actor(&signed_in), origin_of(&request));
        let told = match form.act {
            Act::Refresh => {
                register_server::refresh(&app, managed.server.id).await?;
                Told::Looked
            }
            Act::On | Act::Off => {
                let said = Said { enabled: Some(form.act == Act::On), ..Said::default() };
                settled(register_server::change(&app, actor, &origin, (&managed.server, None), said).await?)?;
                Told::Changed
            }
            Act::Class | Act::Approve => {
                class(&app, actor, &origin, &managed.server, &form).await?;
                Told::Changed
            }
            Act::Remove => {
                settled(register_server::remove(&app, actor, &origin, managed.server.id).await?)?;
                return Ok(back(&app, Part::Servers, &path.0, Done::Removed));
            }
        };
        Ok(back_to(&app, (&path.0, &managed.server.name), &asked, told))
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

async fn class(
    app: &App,
    actor: Actor,
    origin: &Origin,
    server: &Registered,
    form: &ServerForm,
) -> Result<(), Refusal> {
    let known = || form.class.parse::<Class>().map_err(|_| Refusal::BadForm("no such class"));
    let word = match form.act {
        Act::Approve => Word::Approved(known()?),
        _ if form.class == "annotated" => Word::AsAnnotated,
        _ => Word::Is(known()?),
    };
    let terms = register_server::terms(app, actor, origin);
    match app.arrange(async |conn| class_tool(conn, &terms, (server.id, &form.tool), word).await).await? {
        // What waited when the page was shown may have changed since; the page says how it is now.
        Classed::Done(_) | Classed::Refused(Refused::NothingProposed(_)) => Ok(()),
        Classed::Refused(_) => Err(Refusal::NotFound),
    }
}

/// Nothing that these forms say can be wrong, but that it is not there any more.
fn settled(outcome: Registration) -> Result<(), Refusal> {
    match outcome {
        Registration::Done(_) => Ok(()),
        Registration::Refused(_) => Err(Refusal::NotFound),
    }
}

fn actor(signed_in: &SignedIn) -> Actor {
    Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin }
}

/// Back to the page of a server, which then says what was done.
fn back_to(app: &App, (workspace, server): (&str, &str), asked: &Asked, told: Told) -> HttpResponse {
    let page = urls::WORKSPACE_SERVER.replace("{workspace}", workspace).replace("{server}", server);
    see_other(&view::LIST.here(asked, &app.at(&page), told.name())).finish()
}

/// The pages above those of a server.
fn above(site: &Site, (workspace, title): (&str, &Foreign), server: Option<&str>) -> Vec<Crumb> {
    let crumb = |href: String, label: String| Crumb { href, label };
    let servers = crumb(site.of_workspace(urls::WORKSPACE_SERVERS, workspace), "Servers".to_owned());
    let one = server.map(|name| crumb(site.of_server(urls::WORKSPACE_SERVER, workspace, name), name.to_owned()));
    let all = [
        crumb(site.workspaces(), "Workspaces".to_owned()),
        crumb(site.of_workspace(urls::WORKSPACE, workspace), title.to_string()),
        servers,
    ];
    all.into_iter().chain(one).collect()
}

fn question(app: &App, signed_in: &SignedIn, Managed { seen, server }: &Managed) -> ConfirmPage {
    let site = Site::of(&app.config.server.public_url);
    let (workspace, name) = (seen.place.name.as_str(), server.name.as_str());
    ConfirmPage {
        above: above(&site, (workspace, &Foreign::new(&seen.place.title)), Some(name)),
        shell: Shell::of(app, signed_in, Menu::Workspaces),
        question: format!("Remove the server {name}?"),
        stops: vec![
            format!("Clients that are connected to /{name}/mcp get 404 from now on."),
            "Keys and tokens for this server alone open nothing any more, not even another server of the same name."
                .to_owned(),
            "What was chosen for its tools is forgotten.".to_owned(),
        ],
        stays: vec!["The server itself is not touched; switching it off here can be undone.".to_owned()],
        action: site.of_server(urls::WORKSPACE_SERVER, workspace, name),
        fields: vec![("act", "remove".to_owned())],
        button: "Remove server",
        site,
    }
}
