//! Settings → Sessions: the browsers in which somebody is signed in, and the end of each.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::device::device;
use crate::app::App;
use crate::db::{self, Connection};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Page, Site, View};
use crate::http::{PageError, PageForm, Refusal, SignedIn, cookies, see_other, urls};
use crate::identity::Session;
use crate::identity::end_sessions::{EndSessions, Which, end_sessions};
use crate::types::SessionId;
use crate::web::components::{Pager, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

const LIST: List = List {
    label: "Search sessions",
    nouns: ["session", "sessions"],
    sorts: &[("seen", "Last seen first"), ("newest", "Newest first")],
    shows: &[],
    on_a_page: 20,
};
/// Where somebody has so few sessions, there is nothing to search.
const FEW: usize = 5;

/// What the buttons send: the id of a session, or which of them.
#[derive(Debug, Deserialize)]
pub struct EndForm {
    session: String,
}

impl Fields for EndForm {}

/// All but the one that sends the form.
const OTHERS: &str = "others";
/// That one too.
const ALL: &str = "all";

/// `GET /settings/sessions`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<SessionsPage>, PageError> {
    let page = list(&app, &signed_in, &asked).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/sessions`: what is ended is over at once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<EndForm>,
) -> Result<HttpResponse, PageError> {
    let here = signed_in.session.id;
    let which = match form.session.as_str() {
        OTHERS => Which::AllBut(here),
        ALL => Which::All,
        id => Which::One(id.parse().map_err(|_| Refusal::NotFound.to(&request))?),
    };
    let (user, origin, now) = (signed_in.person.id, origin_of(&request), app.clock.now());
    let verb = async |conn: &mut Connection| end_sessions(conn, user, which, &origin, now).await;
    match app.db.write(verb).await.map_err(|error| Refusal::from(error).to(&request))? {
        EndSessions::Unknown => Err(Refusal::NotFound.to(&request)),
        EndSessions::Ended(ended) if ended.contains(&here) => {
            let gone = cookies::no_session(&app.config.server.public_url);
            Ok(see_other(&app.at(urls::LOGOUT)).cookie(gone).finish())
        }
        EndSessions::Ended(ended) => {
            Ok(see_other(&format!("{}?ended={}", app.at(urls::SESSIONS), ended.len())).finish())
        }
    }
}

async fn list(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<SessionsPage, db::Error> {
    let now = app.clock.now();
    let mut conn = app.db.read().await?;
    let sessions = Session::of_user(&mut conn, signed_in.person.id, app.config.lifetimes.session_idle, now).await?;
    let row = |session: Session| SessionRow {
        is_here: session.id == signed_in.session.id,
        id: session.id,
        device: device(session.user_agent.as_deref()),
        address: session.address,
        since: Moment::new(session.created_at, now),
        last_seen: Moment::new(session.last_seen_at, now),
    };
    let site = Site::of(&app.config.server.public_url);
    let (path, all) = (site.sessions(), sessions.len());
    let (sessions, pager) = LIST.page(asked, &path, chosen(asked, sessions).into_iter().map(row).collect());
    Ok(SessionsPage {
        toolbar: (all > FEW).then(|| LIST.toolbar(asked, &path)),
        has_others: all > 1,
        shell: Shell::of(app, signed_in, Menu::Sessions),
        notice: asked.id("ended").map(SessionsPage::ended),
        sessions,
        pager,
        site,
    })
}

/// Those that are looked for, in the order that is asked for.
fn chosen(asked: &Asked, mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.retain(|session| {
        let device = device(session.user_agent.as_deref());
        asked.finds([device.as_str(), session.address.as_deref().unwrap_or_default()])
    });
    if LIST.sort(asked) == "newest" {
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    }
    sessions
}

/// The list of sessions.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/sessions.html")]
pub struct SessionsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list, where it is long enough to be searched.
    pub toolbar: Option<Toolbar>,
    /// The sessions, the last used first unless another order is asked for.
    pub sessions: Vec<SessionRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when there is any but the one that shows the page.
    pub has_others: bool,
    /// What has just been done.
    pub notice: Option<String>,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// What *Sign out* sends.
    pub id: SessionId,
    /// The browser and the system, in plain words.
    pub device: String,
    /// Where it began.
    pub address: Option<String>,
    /// When it began.
    pub since: Moment,
    /// When it was last used.
    pub last_seen: Moment,
    /// True for the one that shows the page.
    pub is_here: bool,
}

impl SessionsPage {
    /// What the page says after some have ended.
    fn ended(number: usize) -> String {
        match number {
            0 => "There was no other session to end.".to_owned(),
            1 => "That session is over.".to_owned(),
            number => format!("{number} sessions are over."),
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |hours| Moment::new(now - TimeDelta::hours(hours), now);
        let here = SessionRow {
            id: SessionId::fresh(),
            device: device(Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")),
            address: Some("198.51.100.7".to_owned()),
            since: ago(30),
            last_seen: ago(0),
            is_here: true,
        };
        let other = SessionRow {
            id: SessionId::fresh(),
            device: device(Some("\"><script>alert(1)</script>")),
            address: None,
            since: ago(24 * 20),
            last_seen: ago(24 * 3),
            is_here: false,
        };
        let page = |asked: &Asked, sessions: Vec<SessionRow>, all: usize, notice| {
            let (site, path) = (Site::sample(), Site::sample().sessions());
            Self {
                toolbar: (all > FEW).then(|| LIST.toolbar(asked, &path)),
                pager: LIST.pager(asked, &path, LIST.part(asked, all)),
                shell: Shell::sample(Menu::Sessions),
                has_others: all > 1,
                sessions,
                notice,
                site,
            }
        };
        let plain = Asked::default();
        vec![
            page(&plain, vec![here.clone(), other.clone()], 2, None),
            page(&plain, vec![here.clone()], 1, Some(Self::ended(3))),
            page(&plain, vec![here], 1, Some(Self::ended(0))),
            page(&Asked::of("q=<script>&page=2"), vec![other], 90, None),
            page(&Asked::of("q=nothing"), Vec::new(), 90, None),
        ]
    }
}

impl View for SessionsPage {}
