//! Settings → MCP Setup → API Keys: the keys of a workspace, as far as somebody sees them.

mod new;
mod one;
mod over;

pub use new::{MadePage, NewKeyPage, get as new, post as make};
pub use one::{KeyPage, get as one};
pub use over::{RotatePage, confirm_replace, confirm_revoke, confirm_rotate, replace, revoke, rotate};

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::notice::Notice;
use crate::access::Subject;
use crate::app::App;
use crate::credentials::{After, ApiKey, Listing, Seen, Sort, State, api_key, list};
use crate::db;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn, urls};
use crate::identity::{Person, User, service_account};
use crate::places::Tree;
use crate::types::{ApiKeyId, PlaceId, ServiceAccountId, SubjectId, Thing, UserId};
use crate::web::components::{Badge, Crumb, Expiry, Pager, Tone, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::scoping::ScopingWords;
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// The `show` of keys that are over.
const ENDED: &str = "ended";
/// There may be very many of a workspace: a page goes on behind a key (`after`), along an index.
const LIST: List = List {
    label: "Search keys",
    nouns: ["key", "keys"],
    sorts: &[
        ("created", "Newest first"),
        ("name", "By name"),
        ("expires", "Ending soonest first"),
        ("used", "Last used first"),
    ],
    shows: &[("", "Active"), (ENDED, "Revoked and expired")],
    on_a_page: 50,
};

/// `GET /settings/keys`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<KeysPage>, PageError> {
    let page = KeysPage::of(&app, &signed_in, &asked).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// The list.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/keys/list.html")]
pub struct KeysPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list.
    pub toolbar: Toolbar,
    /// The list.
    pub keys: Vec<KeyRow>,
    /// Those that are over, where the list shows those that work.
    pub ended: Vec<KeyRow>,
    /// Where all of those are, if these are not all.
    pub more_ended: Option<String>,
    /// Below it.
    pub pager: Pager,
    /// What was just done.
    pub notice: Option<String>,
    /// True when there is none and there was none.
    pub is_empty: bool,
    /// True when only some are asked for.
    pub is_narrowed: bool,
    /// The same on the command line.
    pub command: String,
    /// The same over the API.
    pub request: String,
}

/// One key as lists show it.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Names it in URLs.
    pub id: String,
    /// What its maker calls it.
    pub name: Foreign,
    /// The part of it that stays visible.
    pub prefix: String,
    /// Whose it is.
    pub owner: Foreign,
    /// What it may do, and where: "can read 3 servers in Acme".
    pub scoping: ScopingWords,
    /// When it was made.
    pub created: Moment,
    /// When it was last used.
    pub used: Option<LastUse>,
    /// When it ends.
    pub expires: Expiry,
    /// How it stands.
    pub state: Badge,
    /// What was unusual about its use lately.
    pub notice: Option<Notice>,
    /// True when it is over.
    pub ended: bool,
    /// True when the person may have another made in its place.
    pub renews: bool,
}

/// The last use of a key.
#[derive(Clone, Debug)]
pub struct LastUse {
    /// When.
    pub at: Moment,
    /// From which address.
    pub address: String,
    /// By which program, as that says itself.
    pub client: Foreign,
}

impl LastUse {
    fn of(key: &ApiKey, now: DateTime<Utc>) -> Option<Self> {
        let at = Moment::new(key.last_used_at?, now);
        let address = key.last_used_address.clone().unwrap_or_default();
        let client = Foreign::new(key.last_used_client.as_deref().unwrap_or("an unnamed program"));
        Some(Self { at, address, client })
    }
}

/// Whose the keys are that are shown, and what was unusual about them.
#[derive(Default)]
struct Beside {
    people: HashMap<UserId, String>,
    accounts: HashMap<ServiceAccountId, String>,
    notices: HashMap<Uuid, Notice>,
}

impl Beside {
    async fn of(app: &App, keys: &[ApiKey]) -> Result<Self, db::Error> {
        let (mut people, mut accounts) = (Vec::new(), Vec::new());
        for key in keys {
            match key.owner() {
                SubjectId::Person(id) => people.push(id),
                SubjectId::Service(id) => accounts.push(id),
                SubjectId::Workspace(_) => {}
            }
        }
        let mut conn = app.db.read().await?;
        let people = User::names(&mut conn, &people).await?.into_iter().collect();
        let accounts = service_account::names(&mut conn, &accounts).await?.into_iter().collect();
        let notices = Notice::of(&mut conn, keys.iter().map(|key| key.id.0), app.clock.now()).await?;
        Ok(Self { people, accounts, notices })
    }

    fn of_owner(&self, app: &App, key: &ApiKey, person: &Person) -> Foreign {
        match key.owner() {
            SubjectId::Person(id) if id == person.id => Foreign::new("You"),
            SubjectId::Person(id) => Foreign::new(self.people.get(&id).map_or("", String::as_str)),
            SubjectId::Service(id) => Foreign::new(self.accounts.get(&id).map_or("", String::as_str)),
            SubjectId::Workspace(id) => {
                let tree = app.places.tree();
                Foreign::new(tree.get(id).map_or("", |place| &place.title))
            }
        }
    }
}

impl KeyRow {
    fn new(app: &App, signed_in: &SignedIn, key: &ApiKey, beside: &Beside) -> Self {
        let (tree, servers, now) = (app.places.tree(), app.servers.enabled(), app.clock.now());
        let may_hold = subject(signed_in).may_hold(Thing::Keys, key.owner(), key.workspace_id);
        Self {
            id: key.id.to_string(),
            name: Foreign::new(key.name.as_str()),
            prefix: key.prefix.clone(),
            owner: beside.of_owner(app, key, &signed_in.person),
            scoping: ScopingWords::of(&key.reach, Some(&key.permissions), &tree, &servers),
            created: Moment::new(key.created_at, now),
            used: LastUse::of(key, now),
            expires: Expiry::new(key.stops_at(), now),
            state: state(key, now),
            notice: beside.notices.get(&key.id.0).cloned(),
            ended: key.state(now) != State::Active,
            renews: may_hold && key.replaced_by.is_none() && !key.was_revoked_by_another(signed_in.person.id),
        }
    }
}

/// How a key stands, in a word or two.
fn state(key: &ApiKey, now: DateTime<Utc>) -> Badge {
    match (key.state(now), key.replaced_by.is_some()) {
        (State::Revoked, true) => Badge::new(Tone::Ended, "Replaced"),
        (State::Revoked, false) => Badge::new(Tone::Ended, "Revoked"),
        (State::Expired, _) => Badge::new(Tone::Ended, "Expired"),
        (State::Active, true) => Badge::new(Tone::Soon, "Being replaced"),
        (State::Active, false) => Badge::new(Tone::Good, "Active"),
    }
}

impl KeysPage {
    async fn of(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<Self, db::Error> {
        let (now, site) = (app.clock.now(), Site::of(&app.config.server.public_url));
        let shell = Shell::of(app, signed_in, Menu::ApiKeys);
        let (sort, show) = (Sort::named(LIST.sort(asked)).unwrap_or_default(), LIST.show(asked));
        let over = vec![State::Expired, State::Revoked];
        let page = LIST.on_a_page;
        let listing = Listing {
            seen: seen(&signed_in.person),
            workspace: chosen_workspace(signed_in, &*app.tree().await?),
            states: if show == ENDED { over.clone() } else { vec![State::Active] },
            search: asked.query().to_owned(),
            sort,
            after: After::read(asked.get("after"), sort),
            limit: i64::try_from(page).unwrap_or_default() + 1,
        };
        let mut conn = app.db.read().await?;
        let mut found = list(&mut conn, &listing, now).await?;
        let next = found.get(page.saturating_sub(1)).filter(|_| found.len() > page);
        let next = next.map(|last| After::the(last, sort).written());
        found.truncate(page);
        let mut ended = match show {
            ENDED => Vec::new(),
            _ => list(&mut conn, &Listing { states: over, after: None, ..listing }, now).await?,
        };
        let more_ended = (ended.len() > page).then(|| LIST.link(asked, &site.keys(), &[("show", ENDED)]));
        ended.truncate(page);
        let notice = match asked.id::<ApiKeyId>("revoked") {
            Some(id) => api_key::find(&mut conn, id).await?.filter(|key| oversees(signed_in, key)),
            None => None,
        };
        let notice = notice.filter(|key| key.revoked_at.is_some());
        drop(conn);
        let (of_found, of_ended) = (Beside::of(app, &found).await?, Beside::of(app, &ended).await?);
        let is_plain = !LIST.is_narrowed(asked) && asked.get("after").is_empty();
        Ok(Self {
            toolbar: LIST.toolbar(asked, &site.keys()),
            pager: pager(&site, asked, found.len(), next.as_deref()),
            is_empty: is_plain && found.is_empty() && ended.is_empty(),
            is_narrowed: !is_plain,
            more_ended,
            keys: found.iter().map(|key| KeyRow::new(app, signed_in, key, &of_found)).collect(),
            ended: ended.iter().map(|key| KeyRow::new(app, signed_in, key, &of_ended)).collect(),
            notice: notice.map(|key| Foreign::new(key.name.as_str()).to_string()),
            command: "portcullis api-key-list --state active".to_owned(),
            request: format!("curl -H \"Authorization: Bearer $TOKEN\" {}", app.at(urls::API_KEYS)),
            shell,
            site,
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let empty = Self {
            shell: Shell::sample(Menu::ApiKeys),
            toolbar: LIST.toolbar(&Asked::default(), &site.keys()),
            keys: Vec::new(),
            ended: Vec::new(),
            more_ended: None,
            pager: Pager::default(),
            notice: None,
            is_empty: true,
            is_narrowed: false,
            command: "portcullis api-key-list --state active".to_owned(),
            request: "curl https://gate.example.com/gate/api/v1/api-keys".to_owned(),
            site,
        };
        let row = KeyRow::sample();
        let hostile = KeyRow {
            name: Foreign::hostile_sample(),
            owner: Foreign::hostile_sample(),
            used: row.used.clone().map(|used| LastUse { client: Foreign::hostile_sample(), ..used }),
            ..row.clone()
        };
        let numbered =
            |row: KeyRow, number: u8| KeyRow { id: format!("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c{number:02}"), ..row };
        let replaced = KeyRow {
            state: Badge::new(Tone::Soon, "Being replaced"),
            used: None,
            notice: None,
            renews: false,
            ..row.clone()
        };
        let revoked = KeyRow { state: Badge::new(Tone::Ended, "Revoked"), ended: true, ..row.clone() };
        let pager = Pager {
            shown: "50 keys".to_owned(),
            first: Some("/gate/settings/keys".to_owned()),
            previous: None,
            next: Some("/gate/settings/keys?after=x".to_owned()),
        };
        let notice = Some(Foreign::hostile_sample().to_string());
        let full = Self {
            keys: vec![row, numbered(replaced, 1)],
            ended: vec![numbered(revoked, 2)],
            more_ended: Some("/gate/settings/keys?show=ended".to_owned()),
            is_empty: false,
            notice,
            ..empty.clone()
        };
        let nothing_found = Self { is_empty: false, is_narrowed: true, ..empty.clone() };
        let none_works = Self { is_empty: false, ended: full.ended.clone(), ..empty.clone() };
        vec![empty, full.clone(), nothing_found, none_works, Self { keys: vec![hostile], pager, notice: None, ..full }]
    }
}

impl KeyRow {
    /// A key for samples.
    fn sample() -> Self {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        Self {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            name: Foreign::new("Claude Desktop – MacBook"),
            prefix: "pcl_abc1".to_owned(),
            owner: Foreign::new("You"),
            scoping: ScopingWords {
                can: "read".to_owned(),
                of: "3 servers".to_owned(),
                places: "Acme Research".to_owned(),
            },
            created: Moment::new(now - TimeDelta::days(20), now),
            used: Some(LastUse {
                at: Moment::new(now - TimeDelta::hours(2), now),
                address: "192.0.2.7".to_owned(),
                client: Foreign::new("claude-code/2.1"),
            }),
            expires: Expiry::new(Some(now + TimeDelta::days(9)), now),
            state: Badge::new(Tone::Good, "Active"),
            notice: Some(Notice::sample(now)),
            ended: false,
            renews: true,
        }
    }
}

impl View for KeysPage {}

fn pager(site: &Site, asked: &Asked, shown: usize, next: Option<&str>) -> Pager {
    let at = |more: &[(&str, &str)]| LIST.link(asked, &site.keys(), more);
    let [one, many] = LIST.nouns;
    // Along an index, a list goes forward; back, the browser knows the way.
    Pager {
        shown: format!("{shown} {}", if shown == 1 { one } else { many }),
        first: (!asked.get("after").is_empty()).then(|| at(&[])),
        previous: None,
        next: next.map(|after| at(&[("after", after)])),
    }
}

/// The person, as one who makes something.
fn subject(signed_in: &SignedIn) -> Subject {
    Subject::Person(Arc::new(signed_in.person.clone()))
}

/// The workspace that the page shows.
fn chosen_workspace(signed_in: &SignedIn, tree: &Tree) -> Option<PlaceId> {
    signed_in.workspace(tree).map(|place| place.id)
}

fn seen(person: &Person) -> Seen {
    let managed = person.workspaces.all().map(|(workspace, _)| workspace);
    match person.is_admin {
        true => Seen::All,
        false => Seen::Of {
            managed: managed.filter(|workspace| person.workspaces.manages(*workspace)).collect(),
            own: Some(person.id),
        },
    }
}

fn oversees(signed_in: &SignedIn, key: &ApiKey) -> bool {
    subject(signed_in).oversees(Thing::Keys, key.owner(), key.workspace_id)
}

/// The key of that id, if the person sees it; of any other nobody learns whether it is there.
async fn visible(app: &App, signed_in: &SignedIn, id: &str) -> Result<ApiKey, Refusal> {
    let id: ApiKeyId = id.parse().map_err(|_| Refusal::NotFound)?;
    let mut conn = app.db.read().await?;
    let found = api_key::find(&mut conn, id).await.map_err(db::Error::from)?;
    found.filter(|key| oversees(signed_in, key)).ok_or(Refusal::NotFound)
}

/// The page above.
fn crumbs(site: &Site) -> Vec<Crumb> {
    vec![Crumb { href: site.keys(), label: "API Keys".to_owned() }]
}
