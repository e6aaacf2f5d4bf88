//! Settings → Workspaces → a workspace → Servers: which are in it, and where.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::new::sentence;
use super::server::badges;
use super::{Done, Head, Part, Seen, back};
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, urls};
use crate::places::{Actor, Role, Tree};
use crate::types::{PlaceId, ServerId};
use crate::upstreams::move_server::{Moved, Refusal as Refused, move_server};
use crate::upstreams::server::{self, Health, Registered, Sought};
use crate::web::components::{Badge, Choice, Errors, Pager, Tone, Toolbar, link};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};

const LIST: List = List {
    label: "Search servers",
    nouns: ["server", "servers"],
    sorts: &[("name", "By name"), ("newest", "Newest first")],
    shows: &[("", "All"), ("on", "On"), ("off", "Off"), ("failing", "Failing")],
    on_a_page: 50,
};

/// What *Move server* sends.
#[derive(Clone, Debug, Deserialize)]
pub struct MoveForm {
    server: ServerId,
    place: PlaceId,
}

impl Fields for MoveForm {}

/// `GET /settings/workspaces/{workspace}/servers`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    name: Path<String>,
    asked: Asked,
) -> Result<Page<ServersPage>, PageError> {
    let shown = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        let moved = asked.id("move");
        list(&app, &signed_in, &seen, (&asked, moved)).await
    };
    shown.await.map(Page).map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /settings/workspaces/{workspace}/servers`: moves a server of this workspace, here or into another.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    name: Path<String>,
    PageForm(form): PageForm<MoveForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        let actor = Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin };
        let (origin, now) = (origin_of(&request), app.clock.now());
        let going = (form.server, form.place);
        match app.arrange(async |conn| move_server(conn, actor, going, &origin, now).await).await? {
            Moved::Done(_) => Ok(back(&app, Part::Servers, &name, Done::Moved)),
            Moved::Refused(Refused::NoServer) => Err(Refusal::NotFound),
            Moved::Refused(refusal @ Refused::NoPlace) => {
                let page = list(&app, &signed_in, &seen, (&Asked::default(), Some(form.server))).await?;
                let errors = Errors::one("place", sentence(&refusal.to_string()));
                Ok(Page(ServersPage { errors, ..page }).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// The page of the list that is asked for, and the form for a server about which *Move* was pressed.
async fn list(
    app: &App,
    signed_in: &SignedIn,
    seen: &Seen,
    (asked, moved): (&Asked, Option<ServerId>),
) -> Result<ServersPage, Refusal> {
    let inside: Vec<PlaceId> = seen.inside().iter().map(|place| place.id).collect();
    let show = LIST.show(asked);
    let sought = Sought {
        places: &inside,
        text: Some(asked.query()).filter(|text| !text.is_empty()),
        enabled: match show {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        },
        health: (show == "failing").then_some(Health::Failing),
        sort: server::Sort::named(LIST.sort(asked)),
        ..Sought::default()
    };
    let mut conn = app.db.read().await?;
    let part = LIST.part(asked, server::count(&mut conn, sought).await.map_err(db::Error::from)?);
    let page = Sought { skip: part.skip, ..sought };
    let found = server::after(&mut conn, page, part.most).await.map_err(db::Error::from)?;
    let moving = match moved.filter(|_| seen.manages()) {
        Some(id) => server::find(&mut conn, id).await.map_err(db::Error::from)?,
        None => None,
    };
    let moving = moving.filter(|server| inside.contains(&server.place_id));
    let site = Site::of(&app.config.server.public_url);
    let head = Head::new(&site, seen, Part::Servers, Done::of(asked));
    let register = site.of_workspace(urls::WORKSPACE_REGISTER_SERVER, seen.place.name.as_str());
    Ok(ServersPage {
        toolbar: LIST.toolbar(asked, &head.href),
        pager: LIST.pager(asked, &head.href, part),
        is_narrowed: LIST.is_narrowed(asked),
        register: if head.manages { register } else { String::new() },
        rows: found.iter().map(|server| ServerRow::new(server, &seen.tree, &head)).collect(),
        site,
        shell: Shell::of(app, signed_in, Menu::Workspaces),
        head,
        moving: moving.map(|server| Moving::new(&server, signed_in, &seen.tree)),
        errors: Errors::none(),
    })
}

/// Its servers.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/servers.html")]
pub struct ServersPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The head of the page.
    pub head: Head,
    /// Above the list.
    pub toolbar: Toolbar,
    /// They, by name unless another order is asked for.
    pub rows: Vec<ServerRow>,
    /// How many there are, and the way to the others.
    pub pager: Pager,
    /// True when only some are asked for.
    pub is_narrowed: bool,
    /// The one that is about to move.
    pub moving: Option<Moving>,
    /// Where one is registered; nowhere, for who may not.
    pub register: String,
    /// What is wrong.
    pub errors: Errors,
}

/// One server.
#[derive(Clone, Debug)]
pub struct ServerRow {
    /// Its name.
    pub name: String,
    /// What it is for, if somebody said.
    pub description: Option<Foreign>,
    /// Its place in words.
    pub place: String,
    /// Its page, for who manages.
    pub page: Option<String>,
    /// Whether it is switched on, and how it is.
    pub states: Vec<Badge>,
    /// Where *Move* leads, for who manages.
    pub go: Option<String>,
}

/// A server that is about to move.
#[derive(Clone, Debug)]
pub struct Moving {
    /// What the form sends.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it could go.
    pub places: Vec<Choice>,
}

impl ServerRow {
    fn new(server: &Registered, tree: &Tree, head: &Head) -> Self {
        Self {
            name: server.name.clone(),
            description: (!server.description.is_empty()).then(|| Foreign::passage(&server.description)),
            place: tree.words(server.place_id).unwrap_or_default(),
            page: head.manages.then(|| format!("{}/{}", head.href, server.name)),
            states: badges(server),
            go: head.manages.then(|| link(&head.href, &[("move", &server.id.to_string())])),
        }
    }
}

impl Moving {
    fn new(server: &Registered, signed_in: &SignedIn, tree: &Tree) -> Self {
        let person = &signed_in.person;
        let theirs = tree.those(|path| person.is_admin || person.workspaces.manages(path.workspace()));
        let mut places: Vec<(String, PlaceId)> =
            theirs.into_iter().filter_map(|id| Some((tree.words(id)?, id))).collect();
        places.sort_unstable();
        let choice = |(words, id): (String, PlaceId)| Choice::new(id.to_string(), words).chosen(id == server.place_id);
        Self { id: server.id.to_string(), name: server.name.clone(), places: places.into_iter().map(choice).collect() }
    }
}

impl ServersPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |name: &str, description, state, go: Option<&str>| ServerRow {
            name: name.to_owned(),
            description: Some(description),
            place: "acme/apps".to_owned(),
            page: go.map(|_| format!("/gate/settings/workspaces/acme/servers/{name}")),
            states: vec![state],
            go: go.map(str::to_owned),
        };
        let go = "/gate/settings/workspaces/acme/servers?move=1";
        let rows = vec![
            row("calendar", Foreign::new("Meetings and rooms"), Badge::new(Tone::Good, "On"), Some(go)),
            row("mail", Foreign::hostile_sample(), Badge::new(Tone::Ended, "Off"), Some(go)),
        ];
        let moving = Moving {
            id: "1".to_owned(),
            name: "calendar".to_owned(),
            places: vec![Choice::new("1", "acme"), Choice::new("2", "acme/apps").chosen(true)],
        };
        let page = |role, rows, moving, errors| Self {
            site: Site::sample(),
            shell: Shell::sample(Menu::Workspaces),
            head: Head::sample(Part::Servers, role, Foreign::new("Acme Research")),
            toolbar: LIST.toolbar(&Asked::default(), "/gate/settings/workspaces/acme/servers"),
            pager: Pager { shown: "2 servers".to_owned(), ..Pager::default() },
            is_narrowed: false,
            rows,
            moving,
            register: if role == Role::Member {
                String::new()
            } else {
                "/gate/settings/workspaces/acme/register-server".to_owned()
            },
            errors,
        };
        let wrong = Errors::one("place", "There is no such place, or it is not yours to put servers into.");
        vec![
            page(Role::Admin, rows, Some(moving), wrong),
            page(
                Role::Member,
                vec![row("calendar", Foreign::new("Meetings"), Badge::new(Tone::Good, "On"), None)],
                None,
                Errors::none(),
            ),
            Self { is_narrowed: true, ..page(Role::Admin, Vec::new(), None, Errors::none()) },
            page(Role::Member, Vec::new(), None, Errors::none()),
            page(Role::Admin, Vec::new(), None, Errors::none()),
        ]
    }
}

impl View for ServersPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
