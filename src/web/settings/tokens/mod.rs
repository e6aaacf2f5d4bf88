//! Settings → MCP Setup → Access Tokens: a person's long-lived tokens.

mod new;
mod one;

pub use new::{NewTokenPage, get as new, post as make};
pub use one::{OnePage, RotatePage, confirm_revoke, confirm_rotate, get as one, revoke, rotate};

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::notice::Notice;
use crate::app::App;
use crate::credentials::personal_token::{self, Listing};
use crate::credentials::{PersonalToken, Sort, State};
use crate::db;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{PageError, Refusal, SignedIn};
use crate::web::components::{Badge, Expiry, Pager, Tone, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::scoping::ScopingWords;
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// After this a token should be rotated.
pub const ROTATE_AFTER: TimeDelta = TimeDelta::days(90);
/// The `show` of tokens that are over.
const ENDED: &str = "ended";
const LIST: List = List {
    label: "Search tokens",
    nouns: ["token", "tokens"],
    sorts: &[
        ("created", "Newest first"),
        ("name", "By name"),
        ("expires", "Ending soonest first"),
        ("used", "Last used first"),
    ],
    shows: &[("", "Active"), (ENDED, "Revoked and expired")],
    on_a_page: 50,
};

/// `GET /settings/tokens`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    asked: Asked,
) -> Result<Page<TokensPage>, PageError> {
    let page = TokensPage::of(&app, &signed_in, &asked).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// The list.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/tokens/list.html")]
pub struct TokensPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list.
    pub toolbar: Toolbar,
    /// The list.
    pub tokens: Vec<TokenRow>,
    /// Those that are over, where the list shows those that work.
    pub ended: Vec<TokenRow>,
    /// Where all of those are, if these are not all.
    pub more_ended: Option<String>,
    /// Below it.
    pub pager: Pager,
    /// How many should be rotated.
    pub old: i64,
    /// True when the person has none and had none.
    pub is_empty: bool,
    /// True when only some are asked for.
    pub is_narrowed: bool,
    /// The same on the command line.
    pub command: String,
    /// The same over the API.
    pub request: String,
}

/// One token as lists show it.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Names it in URLs.
    pub id: String,
    /// What its owner calls it.
    pub name: Foreign,
    /// Its `client_id`, by which logs know it.
    pub client_id: String,
    /// What it may do, by OAuth scope.
    pub scope: String,
    /// Where.
    pub places: String,
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
}

/// The last use of a token.
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
    /// The last use of this token, if there was one.
    pub fn of(token: &PersonalToken, now: DateTime<Utc>) -> Option<Self> {
        let at = Moment::new(token.last_used_at?, now);
        let address = token.last_used_address.clone().unwrap_or_default();
        let client = Foreign::new(token.last_used_client.as_deref().unwrap_or("an unnamed program"));
        Some(Self { at, address, client })
    }
}

impl TokenRow {
    fn new(app: &App, token: &PersonalToken, notice: Option<Notice>, now: DateTime<Utc>) -> Self {
        let (tree, servers) = (app.places.tree(), app.servers.enabled());
        Self {
            id: token.id.to_string(),
            name: Foreign::new(token.name.as_str()),
            client_id: token.client_id.clone(),
            scope: token.scope.to_string(),
            places: ScopingWords::of(&token.reach, None, &tree, &servers).places,
            created: Moment::new(token.created_at, now),
            used: LastUse::of(token, now),
            expires: Expiry::new(token.stops_at(), now),
            state: state(token, now),
            notice,
            ended: token.state(now) != State::Active,
        }
    }
}

/// How a token stands, in a word or two.
fn state(token: &PersonalToken, now: DateTime<Utc>) -> Badge {
    let age = now - token.created_at;
    match token.state(now) {
        State::Revoked => Badge::new(Tone::Ended, "Revoked"),
        State::Expired if token.replaced_by.is_some() => Badge::new(Tone::Ended, "Replaced"),
        State::Expired => Badge::new(Tone::Ended, "Expired"),
        State::Active if token.replaced_by.is_some() => Badge::new(Tone::Plain, "Being replaced"),
        State::Active if age >= ROTATE_AFTER => {
            Badge::new(Tone::Soon, format!("{} days old: rotate it", age.num_days()))
        }
        State::Active => Badge::new(Tone::Good, "Active"),
    }
}

impl TokensPage {
    async fn of(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<Self, db::Error> {
        let (now, owner, site) = (app.clock.now(), signed_in.person.id, Site::of(&app.config.server.public_url));
        let (path, show, over) = (site.access_tokens(), LIST.show(asked), vec![State::Expired, State::Revoked]);
        let number = |places: usize| i64::try_from(places).unwrap_or_default();
        let listing = Listing {
            owner: Some(owner),
            states: if show == ENDED { over.clone() } else { vec![State::Active] },
            search: asked.query().to_owned(),
            sort: Sort::named(LIST.sort(asked)).unwrap_or_default(),
            offset: 0,
            limit: number(LIST.on_a_page),
        };
        let mut conn = app.db.read().await?;
        let part = LIST.part(asked, personal_token::count(&mut conn, &listing, now).await?);
        let page = Listing { offset: number(part.skip), ..listing.clone() };
        let found = personal_token::list(&mut conn, &page, now).await?;
        let over = Listing { states: over, ..listing };
        let (ended, all_ended) = match show {
            ENDED => (Vec::new(), 0),
            _ => {
                let ended = personal_token::list(&mut conn, &over, now).await?;
                (ended, personal_token::count(&mut conn, &over, now).await?)
            }
        };
        let has_more = all_ended > number(ended.len());
        let old = personal_token::made_before(&mut conn, owner, now - ROTATE_AFTER, now).await?;
        let mut notices = Notice::of(&mut conn, found.iter().map(|token| token.id.0), now).await?;
        let mut rows = |tokens: &[PersonalToken]| {
            tokens.iter().map(|token| TokenRow::new(app, token, notices.remove(&token.id.0), now)).collect()
        };
        let is_narrowed = LIST.is_narrowed(asked);
        Ok(Self {
            toolbar: LIST.toolbar(asked, &path),
            pager: LIST.pager(asked, &path, part),
            is_empty: !is_narrowed && found.is_empty() && ended.is_empty(),
            is_narrowed,
            more_ended: has_more.then(|| LIST.link(asked, &path, &[("show", ENDED)])),
            tokens: rows(&found),
            ended: rows(&ended),
            old,
            command: format!("portcullis token-list --user {}", signed_in.person.username),
            request: format!(
                "curl -H \"Authorization: Bearer $TOKEN\" {}",
                app.at(crate::http::urls::API_ACCESS_TOKENS)
            ),
            shell: Shell::of(app, signed_in, Menu::AccessTokens),
            site,
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let site = Site::sample();
        let empty = Self {
            shell: Shell::sample(Menu::AccessTokens),
            toolbar: LIST.toolbar(&Asked::default(), &site.access_tokens()),
            tokens: Vec::new(),
            ended: Vec::new(),
            more_ended: None,
            pager: Pager::default(),
            old: 0,
            is_empty: true,
            is_narrowed: false,
            command: "portcullis token-list --user alice".to_owned(),
            request: "curl https://gate.example.com/gate/api/v1/access-tokens".to_owned(),
            site,
        };
        let row = TokenRow::sample(now);
        let hostile = TokenRow {
            name: Foreign::hostile_sample(),
            places: Foreign::hostile_sample().to_string(),
            used: row.used.clone().map(|used| LastUse { client: Foreign::hostile_sample(), ..used }),
            ..row.clone()
        };
        let id = |last: &str| format!("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c{last}");
        let state = Badge::new(Tone::Soon, "120 days old: rotate it");
        let old = TokenRow { id: id("56"), state, used: None, ..row.clone() };
        let state = Badge::new(Tone::Ended, "Revoked");
        let revoked = TokenRow { id: id("57"), state, ended: true, ..row.clone() };
        let pager = Pager {
            shown: "51 to 100 of 120 tokens".to_owned(),
            first: None,
            previous: Some("/gate/settings/tokens".to_owned()),
            next: Some("/gate/settings/tokens?page=3".to_owned()),
        };
        let more_ended = Some("/gate/settings/tokens?show=ended".to_owned());
        let full = Self { tokens: vec![row, old], ended: vec![revoked], is_empty: false, old: 1, ..empty.clone() };
        let nothing_found = Self { is_empty: false, is_narrowed: true, ..empty.clone() };
        let none_works = Self { tokens: Vec::new(), more_ended, ..full.clone() };
        vec![empty, full.clone(), nothing_found, none_works, Self { tokens: vec![hostile], pager, old: 3, ..full }]
    }
}

impl TokenRow {
    /// A token for samples.
    pub(super) fn sample(now: DateTime<Utc>) -> Self {
        Self {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            name: Foreign::new("Nightly report"),
            client_id: "pat_4f8c0a2f9b7d4a0d8a55b1c3d2e1f0a9".to_owned(),
            scope: "mcp:read mgmt.read".to_owned(),
            places: "MCP Gateway".to_owned(),
            created: Moment::new(now - TimeDelta::days(20), now),
            used: Some(LastUse {
                at: Moment::new(now - TimeDelta::hours(2), now),
                address: "192.0.2.7".to_owned(),
                client: Foreign::new("curl/8.9.1"),
            }),
            expires: Expiry::new(Some(now + TimeDelta::days(70)), now),
            state: Badge::new(Tone::Good, "Active"),
            notice: Some(Notice::sample(now)),
            ended: false,
        }
    }
}

impl View for TokensPage {}
