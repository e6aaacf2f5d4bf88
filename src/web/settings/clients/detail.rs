//! One client: what it is, who uses it, what was done to it.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::list::state;
use super::{Preview, above, managed, may_change, method_words, people, type_words};
use crate::app::App;
use crate::audit::{self, Event, Told};
use crate::db::{self, Connection};
use crate::grants::client::Listed;
use crate::grants::client_ownership::Rank;
use crate::grants::{client_logo, client_secret, grant};
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn, urls};
use crate::identity::user;
use crate::types::RedirectUri;
use crate::web::components::{Badge, Crumb};
use crate::web::scoping::ScopingWords;
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Identity, Moment};

/// As much of its trail is shown.
const TOLD: i64 = 20;
/// What of its trail is about the client itself.
const EVENTS: [Event; 6] = [
    Event::ClientAdded,
    Event::ClientChanged,
    Event::ClientSecretRotated,
    Event::ClientSecretRevoked,
    Event::ClientDisabled,
    Event::ClientEnabled,
];

/// What leads here.
#[derive(Debug, Default, Deserialize)]
pub struct DetailQuery {
    /// What was just done, in a word.
    #[serde(default)]
    done: String,
}

/// `GET /settings/clients/{id}`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    signed_in: SignedIn,
    query: Query<DetailQuery>,
) -> Result<Page<DetailPage>, PageError> {
    let known = managed(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let page = show(&app, &signed_in, &known, &query.done).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

async fn show(app: &App, signed_in: &SignedIn, known: &Listed, done: &str) -> Result<DetailPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    let (client, now, tree) = (&known.client, app.clock.now(), app.places.tree());
    let mut conn = app.db.read().await?;
    let connected = grant::people_of(&mut conn, &[&client.id], now).await?;
    let logo = client_logo::digest(&mut conn, &client.id).await?;
    let replaced = client_secret::good(&mut conn, &client.id, now).await?.len();
    let trail = trail(&mut conn, &client.id, now).await?;
    let href = |page: &str| site.of_client(page, &client.id);
    let narrowed = known.ownership.as_ref();
    let reaches = narrowed.map(|own| {
        ScopingWords::of(&own.narrowed_to(), own.permissions.as_ref(), &tree, &app.servers.enabled()).to_string()
    });
    Ok(DetailPage {
        above: above(&site, None),
        name: Foreign::new(&client.name),
        id: client.id.clone(),
        kind: type_words(client),
        method: method_words(client.auth_method),
        redirect_uris: client.redirect_uris.iter().map(RedirectUri::to_string).collect(),
        reaches,
        registrar: words::registrar(known, &tree),
        since: Moment::new(client.created_at, now),
        last_used: client.last_used_at.map(|at| Moment::new(at, now)),
        people: people(connected.first().map_or(0, |(_, people)| *people)),
        state: state(client.disabled_at.is_some()),
        is_disabled: client.disabled_at.is_some(),
        withheld: known.withheld_from(Rank::of(&signed_in.person, narrowed)).map(withheld_words),
        secrets: client.secret_hash.is_some().then(|| secrets_words(replaced)),
        may_change: may_change(&signed_in.person, known),
        preview: Preview::of(app, &site, &tree, known, logo.as_deref()),
        trail,
        notice: notice(done),
        edit: href(urls::EDIT_CLIENT),
        secrets_page: href(urls::CLIENT_SECRETS),
        logo_page: href(urls::CLIENT_LOGO),
        disable: href(urls::DISABLE_CLIENT),
        remove: href(urls::REMOVE_CLIENT),
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    })
}

async fn trail(conn: &mut Connection, client: &str, now: DateTime<Utc>) -> Result<Vec<TrailRow>, db::Error> {
    let told = audit::of_client(conn, client, &EVENTS, TOLD).await?;
    let mut rows = Vec::new();
    for Told { at, event, user, .. } in told {
        let who = match user {
            Some(id) => user::person(conn, id).await?.map(|person| Foreign::new(&person.username)),
            None => None,
        };
        rows.push(TrailRow { at: Moment::new(at, now), what: event_words(&event), who });
    }
    Ok(rows)
}

fn event_words(event: &str) -> &'static str {
    let known = [
        (Event::ClientAdded, "Registered"),
        (Event::ClientChanged, "Changed"),
        (Event::ClientSecretRotated, "Secret rotated"),
        (Event::ClientSecretRevoked, "Old secret ended"),
        (Event::ClientDisabled, "Disabled"),
        (Event::ClientEnabled, "Enabled"),
    ];
    known.into_iter().find(|(known, _)| known.name() == event).map_or("Something else", |(_, words)| words)
}

fn secrets_words(replaced: usize) -> String {
    match replaced {
        0 => "One secret".to_owned(),
        1 => "One secret, and one old one that is still good".to_owned(),
        many => format!("One secret, and {many} old ones that are still good"),
    }
}

fn withheld_words(by: Rank) -> &'static str {
    match by {
        Rank::Member => "Whoever registered this client disabled it, and can enable it.",
        Rank::Manager => "A manager of the workspace disabled this client, so only its managers enable it.",
        Rank::Administrator => "An administrator disabled this client, so only administrators enable it.",
    }
}

fn notice(done: &str) -> Option<&'static str> {
    match done {
        "changed" => Some("The client is changed. People are asked again the next time that they connect."),
        "wider" => Some("The client is changed. It may reach more than before, so everybody has to connect it again."),
        "logo" => Some("The logo is changed. People are asked again the next time that they connect."),
        "disabled" => Some("The client is disabled. Whatever it holds has stopped working."),
        "enabled" => Some("The client is enabled. Whoever was connected is connected again."),
        _ => None,
    }
}

/// One client.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/detail.html")]
pub struct DetailPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What it is called.
    pub name: Foreign,
    /// Its `client_id`.
    pub id: String,
    /// Public or confidential.
    pub kind: &'static str,
    /// How it proves who it is.
    pub method: &'static str,
    /// Where answers go.
    pub redirect_uris: Vec<String>,
    /// What its tokens can do and where, if they are narrowed.
    pub reaches: Option<String>,
    /// Who registered it.
    pub registrar: Foreign,
    /// When.
    pub since: Moment,
    /// When it was last used, if it ever was.
    pub last_used: Option<Moment>,
    /// How many people are connected.
    pub people: String,
    /// Whether it may act.
    pub state: Badge,
    /// The same.
    pub is_disabled: bool,
    /// Why this person cannot enable it, if they cannot.
    pub withheld: Option<&'static str>,
    /// How many secrets it has, if it has any.
    pub secrets: Option<String>,
    /// True for those who may change it.
    pub may_change: bool,
    /// What people are shown.
    pub preview: Preview,
    /// What was done to it, the latest first.
    pub trail: Vec<TrailRow>,
    /// What has just been done.
    pub notice: Option<&'static str>,
    /// Where it is changed.
    pub edit: String,
    /// Where its secrets are.
    pub secrets_page: String,
    /// Where its picture is.
    pub logo_page: String,
    /// Where it is cut off.
    pub disable: String,
    /// Where it is removed.
    pub remove: String,
}

/// Something that was done to it.
#[derive(Clone, Debug)]
pub struct TrailRow {
    /// When.
    pub at: Moment,
    /// What.
    pub what: &'static str,
    /// By whom; by the operator or a program where there is nobody.
    pub who: Option<Foreign>,
}

impl DetailPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |hours| Moment::new(now - TimeDelta::hours(hours), now);
        let (site, id) = (Site::sample(), "01936a5e7c1d7f3a9d7e2b7f1f0f6c55");
        let href = |page| site.of_client(page, id);
        let done = |what, who| TrailRow { at: ago(24), what, who };
        let notes = Self {
            above: above(&site, None),
            name: Foreign::new("Team notes"),
            id: id.to_owned(),
            kind: "Confidential",
            method: "Client secret in the POST body",
            redirect_uris: vec!["https://notes.example/callback".to_owned()],
            reaches: Some("can read 3 servers in Acme".to_owned()),
            registrar: Foreign::new("alice (Acme)"),
            since: ago(24 * 40),
            last_used: Some(ago(2)),
            people: people(12),
            state: state(false),
            is_disabled: false,
            withheld: None,
            secrets: Some(secrets_words(1)),
            may_change: true,
            preview: Preview::sample(),
            trail: vec![done("Secret rotated", Some(Foreign::new("alice"))), done("Registered", None)],
            notice: None,
            edit: href(urls::EDIT_CLIENT),
            secrets_page: href(urls::CLIENT_SECRETS),
            logo_page: href(urls::CLIENT_LOGO),
            disable: href(urls::DISABLE_CLIENT),
            remove: href(urls::REMOVE_CLIENT),
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let hostile = Self {
            name: Foreign::hostile_sample(),
            redirect_uris: vec!["https://x.example/?a='><script>alert(1)</script>".to_owned()],
            reaches: None,
            registrar: Foreign::hostile_sample(),
            last_used: None,
            people: people(0),
            state: state(true),
            is_disabled: true,
            withheld: Some(withheld_words(Rank::Administrator)),
            secrets: None,
            may_change: false,
            preview: Preview::hostile_sample(),
            trail: vec![done("Changed", Some(Foreign::hostile_sample()))],
            notice: notice("disabled"),
            ..notes.clone()
        };
        vec![notes, hostile]
    }
}

impl View for DetailPage {}
