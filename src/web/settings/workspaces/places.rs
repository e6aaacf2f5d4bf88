//! Settings → Workspaces → a workspace → Projects and folders.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::new::errors;
use super::{Done, Head, Part, Seen, back};
use crate::app::App;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, urls};
use crate::places::arrange::{self, Arranged, NewPlace, Refusal as Refused};
use crate::places::{Actor, Kind, Place, Role};
use crate::types::PlaceId;
use crate::upstreams::Server;
use crate::web::components::{Choice, Crumb, Errors, Pager, Toolbar, link};
use crate::web::confirm::ConfirmPage;
use crate::web::list::{Asked, List};
use crate::web::scoping::in_places;
use crate::web::shell::{Menu, Shell};

const LIST: List = List {
    label: "Search projects and folders",
    nouns: ["place", "places"],
    sorts: &[("path", "Each project with its folders"), ("newest", "Newest first"), ("servers", "Most servers first")],
    shows: &[("", "All"), ("project", "Projects"), ("folder", "Folders")],
    on_a_page: 50,
};

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PlacesForm {
    act: Act,
    /// What it is about, or what something is made in.
    place: Option<PlaceId>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    name: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    #[default]
    Make,
    Rename,
    Remove,
}

impl Fields for PlacesForm {}

/// `GET /settings/workspaces/{workspace}/places`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    name: Path<String>,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let shown = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        let servers = app.enabled_servers().await?;
        let (site, shell) = frame(&app, &signed_in);
        // A place about which *Remove* was pressed, or *Rename*.
        if let Some(id) = asked.id("remove") {
            let place = inside(&seen, id).filter(|_| seen.manages()).ok_or(Refusal::NotFound)?;
            return Ok(Page(question(site, shell, &seen, place)).into_response());
        }
        let edited = asked.id("edit").map(|id| inside(&seen, id).filter(|_| seen.manages()).ok_or(Refusal::NotFound));
        let form = edited.transpose()?.map(PlacesForm::filled);
        let head = Head::new(&site, &seen, Part::Places, Done::of(&asked));
        let page = PlacesPage::new(site, shell, head, (&seen, &servers, &asked), form);
        Ok(Page(page).into_response())
    };
    shown.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /settings/workspaces/{workspace}/places`: makes, renames or removes a project or folder.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    name: Path<String>,
    PageForm(form): PageForm<PlacesForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        let place = form.place.ok_or(Refusal::BadForm("no place is named"))?;
        let is_here = place == seen.place.id && form.act == Act::Make;
        if !is_here && inside(&seen, place).is_none() {
            return Err(Refusal::NotFound);
        }
        match change(&app, &request, &signed_in, place, &form).await? {
            Arranged::Done(_) => Ok(back(&app, Part::Places, &name, form.done())),
            Arranged::Refused(Refused::Unknown) => Err(Refusal::NotFound),
            Arranged::Refused(refusal) => {
                let servers = app.enabled_servers().await?;
                let (site, shell) = frame(&app, &signed_in);
                let head = Head::new(&site, &seen, Part::Places, None);
                let wrong = errors(&refusal);
                let page = PlacesPage::new(site, shell, head, (&seen, &servers, &Asked::default()), Some(form));
                Ok(Page(PlacesPage { errors: wrong, ..page }).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

impl PlacesForm {
    fn filled(place: &Place) -> Self {
        Self { act: Act::Rename, place: Some(place.id), title: place.title.clone(), name: place.name.to_string() }
    }

    fn done(&self) -> Done {
        match self.act {
            Act::Make => Done::Made,
            Act::Rename => Done::Changed,
            Act::Remove => Done::Removed,
        }
    }
}

async fn change(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    place: PlaceId,
    form: &PlacesForm,
) -> Result<Arranged, Refusal> {
    let actor = Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin };
    let (origin, now) = (origin_of(request), app.clock.now());
    let title = Some(form.title.clone()).filter(|title| !title.trim().is_empty());
    Ok(match form.act {
        Act::Make => {
            let new = NewPlace { parent: Some(place), name: form.name.clone(), title };
            app.arrange(async |conn| arrange::make(conn, actor, new, &origin, now).await).await?
        }
        Act::Rename => {
            let wanted = (Some(form.name.as_str()), title.as_deref());
            app.arrange(async |conn| arrange::rename(conn, actor, place, wanted, &origin, now).await).await?
        }
        Act::Remove => app.arrange(async |conn| arrange::remove(conn, actor, place, &origin, now).await).await?,
    })
}

fn frame(app: &App, signed_in: &SignedIn) -> (Site, Shell) {
    (Site::of(&app.config.server.public_url), Shell::of(app, signed_in, Menu::Workspaces))
}

/// The project or folder of that id, if it is in this workspace.
fn inside(seen: &Seen, id: PlaceId) -> Option<&Place> {
    seen.inside().into_iter().find(|place| place.id == id && place.kind != Kind::Workspace)
}

fn question(site: Site, shell: Shell, seen: &Seen, place: &Place) -> ConfirmPage {
    let title = Foreign::new(&place.title);
    let here = site.of_workspace(urls::WORKSPACE_PLACES, seen.place.name.as_str());
    let workspace = site.of_workspace(urls::WORKSPACE, seen.place.name.as_str());
    ConfirmPage {
        above: vec![
            Crumb { href: workspace, label: Foreign::new(&seen.place.title).to_string() },
            Crumb { href: here.clone(), label: "Projects and folders".to_owned() },
        ],
        site,
        shell,
        question: format!("Remove the {} {title}?", place.kind.name()),
        stops: vec![
            format!("Keys, tokens and clients that are scoped to {title} alone reach nothing from now on."),
            "Another of the same name would not bring that back.".to_owned(),
        ],
        stays: vec!["No server goes with it: while anything is in it, it stays.".to_owned()],
        action: here,
        fields: vec![("act", "remove".to_owned()), ("place", place.id.to_string())],
        button: if place.kind == Kind::Folder { "Remove folder" } else { "Remove project" },
    }
}

/// Its projects and folders.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/places.html")]
pub struct PlacesPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The head of the page.
    pub head: Head,
    /// Above the list.
    pub toolbar: Toolbar,
    /// They, each project before its folders unless another order is asked for.
    pub rows: Vec<PlaceRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when there is none at all.
    pub is_empty: bool,
    /// What something can be made in.
    pub parents: Vec<Choice>,
    /// What the form says.
    pub form: FormView,
    /// What is wrong with it.
    pub errors: Errors,
}

/// The one form of the page: it makes a place, or renames one.
#[derive(Clone, Debug)]
pub struct FormView {
    /// The id of what is renamed, if anything is.
    pub renames: Option<String>,
    /// What was typed.
    pub title: String,
    /// What was typed.
    pub name: String,
}

/// One project or folder.
#[derive(Clone, Debug)]
pub struct PlaceRow {
    /// What people call it.
    pub title: Foreign,
    /// `project` or `folder`.
    pub kind: &'static str,
    /// Its path in words.
    pub path: String,
    /// How many servers are in it.
    pub servers: usize,
    /// Where *Rename* leads.
    pub edit: String,
    /// Where *Remove* leads.
    pub remove: String,
}

impl PlacesPage {
    fn new(
        site: Site,
        shell: Shell,
        head: Head,
        (seen, servers, asked): (&Seen, &[Server], &Asked),
        form: Option<PlacesForm>,
    ) -> Self {
        let (inside, servers) = (seen.inside(), in_places(servers));
        let count = |place: &Place| servers.get(&place.id).copied().unwrap_or_default();
        let row = |place: &Place| PlaceRow {
            title: Foreign::new(&place.title),
            kind: place.kind.name(),
            path: seen.tree.words(place.id).unwrap_or_default(),
            servers: count(place),
            edit: link(&head.href, &[("edit", &place.id.to_string())]),
            remove: link(&head.href, &[("remove", &place.id.to_string())]),
        };
        let mut found = inside.clone();
        found.retain(|place| place.kind != Kind::Workspace);
        let is_empty = found.is_empty();
        let show = LIST.show(asked);
        found.retain(|place| show.is_empty() || place.kind.name() == show);
        found.retain(|place| asked.finds([place.title.as_str(), &seen.tree.words(place.id).unwrap_or_default()]));
        match LIST.sort(asked) {
            "newest" => found.sort_by_key(|place| std::cmp::Reverse(place.created_at)),
            "servers" => found.sort_by_key(|place| std::cmp::Reverse(count(place))),
            // As they came.
            _ => {}
        }
        let (found, pager) = LIST.page(asked, &head.href, found);
        let form = form.unwrap_or_default();
        let parent = |place: &&Place| {
            let title = Foreign::new(&place.title);
            let label = match place.kind {
                Kind::Workspace => format!("{title} (a project)"),
                Kind::Project | Kind::Folder => format!("{title} (a folder)"),
            };
            Choice::new(place.id.to_string(), label).chosen(Some(place.id) == form.place)
        };
        let renames = form.place.filter(|_| form.act == Act::Rename).map(|place| place.to_string());
        Self {
            toolbar: LIST.toolbar(asked, &head.href),
            rows: found.into_iter().map(row).collect(),
            pager,
            is_empty,
            parents: inside.iter().filter(|place| place.kind != Kind::Folder).map(parent).collect(),
            form: FormView { renames, title: form.title, name: form.name },
            site,
            shell,
            head,
            errors: Errors::none(),
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |title, kind, path: &str| PlaceRow {
            title,
            kind,
            path: path.to_owned(),
            servers: 1,
            edit: "/gate/settings/workspaces/acme/places?edit=1".to_owned(),
            remove: "/gate/settings/workspaces/acme/places?remove=1".to_owned(),
        };
        let rows = vec![
            row(Foreign::new("Apps"), "project", "acme/apps"),
            row(Foreign::hostile_sample(), "folder", "acme/apps/web"),
        ];
        let path = "/gate/settings/workspaces/acme/places";
        let page = |role, rows: Vec<PlaceRow>, renames: Option<&str>, errors| Self {
            toolbar: LIST.toolbar(&Asked::default(), path),
            pager: LIST.pager(&Asked::default(), path, LIST.part(&Asked::default(), rows.len())),
            is_empty: rows.is_empty(),
            site: Site::sample(),
            shell: Shell::sample(Menu::Workspaces),
            head: Head::sample(Part::Places, role, Foreign::new("Acme Research")),
            rows,
            parents: vec![Choice::new("1", "Acme Research (a project)"), Choice::new("2", "Apps (a folder)")],
            form: FormView { renames: renames.map(str::to_owned), title: String::new(), name: String::new() },
            errors,
        };
        let wrong = Errors::one("name", "There is already a project with the name \"apps\".");
        vec![
            page(Role::Owner, rows.clone(), None, Errors::none()),
            page(Role::Admin, rows.clone(), Some("1"), wrong),
            page(Role::Member, rows, None, Errors::none()),
            Self { is_empty: false, ..page(Role::Owner, Vec::new(), None, Errors::none()) },
            page(Role::Owner, Vec::new(), None, Errors::none()),
            page(Role::Member, Vec::new(), None, Errors::none()),
        ]
    }
}

impl View for PlacesPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
