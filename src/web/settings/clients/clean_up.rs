//! Removes clients that made themselves known: those that are chosen, or those that nobody uses.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use url::form_urlencoded;

use super::{above, people};
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::{Listed, Sort, State, Wanted, Whose};
use crate::grants::{grant, remove_client};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site};
use crate::http::{Administrator, Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::web::components::{Crumb, link};
use crate::web::confirm::ConfirmPage;
use crate::web::shell::{Menu, Shell};
use crate::web::words;

/// As many are chosen at a time: those of one page of the list.
const MOST_CHOSEN: usize = 50;
/// As many are named in the question.
const NAMED: i64 = 10;
/// As many days may be asked about.
const LONGEST: i64 = 3650;

/// What the confirmation sends: the chosen, or since when the others are unused.
#[derive(Debug, Default, Deserialize)]
pub struct CleanUpForm {
    #[serde(default)]
    client: String,
    /// Seconds since 1970: what was shown is what is removed, however long the page stays open.
    #[serde(default)]
    unused_since: Option<i64>,
}

impl Fields for CleanUpForm {
    const LISTS: &'static [&'static str] = &["client"];
}

/// `GET /settings/clients/clean-up?client=…&client=…` or `?unused_for=90`: what would stop.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
) -> Result<HttpResponse, PageError> {
    let asked: Vec<(String, String)> = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let days = asked.iter().find(|(name, _)| name == "unused_for").map(|(_, days)| days.parse::<i64>());
    let page = match days {
        Some(Ok(days)) if (1..=LONGEST).contains(&days) => unused(&app, &signed_in, days).await,
        Some(_) => return Err(Refusal::BadForm("no number of days").to(&request)),
        None => {
            let ids = asked.iter().filter(|(name, _)| name == "client").map(|(_, id)| id.as_str());
            chosen(&app, &signed_in, &ids.take(MOST_CHOSEN).collect::<Vec<_>>()).await
        }
    };
    match page.map_err(|error| Refusal::from(error).to(&request))? {
        Some(page) => Ok(Page(page).into_response()),
        None => Ok(see_other(&link(&app.at(urls::SELF_REGISTERED_CLIENTS), &[("done", "0")])).finish()),
    }
}

/// `POST /settings/clients/clean-up`.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(Administrator(signed_in)): Fresh<Administrator>,
    PageForm(form): PageForm<CleanUpForm>,
) -> Result<HttpResponse, PageError> {
    let origin = origin_of(&request);
    let (terms, by) = (app.terms(&origin), signed_in.person.id);
    let since = form.unused_since.map(|seconds| DateTime::from_timestamp(seconds, 0));
    let ids: Vec<String> = form.client.split_whitespace().map(str::to_owned).take(MOST_CHOSEN).collect();
    let removed = match since {
        Some(Some(since)) if since <= terms.now => {
            app.cut(async |conn: &mut Connection| remove_client::clean_up_unused(conn, &terms, Some(by), since).await)
                .await
        }
        Some(_) => return Err(Refusal::BadForm("no time in the past").to(&request)),
        None => {
            app.cut(async |conn: &mut Connection| remove_client::clean_up_chosen(conn, &terms, by, &ids).await).await
        }
    };
    let removed = removed.map_err(|error| Refusal::from(error).to(&request))?.to_string();
    Ok(see_other(&link(&app.at(urls::SELF_REGISTERED_CLIENTS), &[("done", &removed)])).finish())
}

/// What would stop if those were removed that are chosen; `None` when there is none among them.
async fn chosen(app: &App, signed_in: &SignedIn, ids: &[&str]) -> Result<Option<ConfirmPage>, db::Error> {
    let (now, mut conn) = (app.clock.now(), app.db.read().await?);
    let known = Listed::find_all(&mut conn, ids).await?;
    let known: Vec<&Listed> = known.iter().filter(|known| known.client.origin.is_self_made()).collect();
    if known.is_empty() {
        return Ok(None);
    }
    let ids: Vec<&str> = known.iter().map(|known| known.client.id.as_str()).collect();
    let connected = grant::people_of(&mut conn, &ids, now).await?;
    let sentence = |known: &&Listed| {
        let name = Foreign::new(&known.client.name);
        let live = connected.iter().find(|(client, _)| *client == known.client.id).map_or(0, |(_, people)| *people);
        match live {
            0 => format!("{name}: nobody is connected, so nothing stops."),
            live => format!("{name}: stops at once for {}.", people(live)),
        }
    };
    let count = count(known.len().try_into().unwrap_or(i64::MAX));
    let fields = ids.iter().map(|id| ("client", (*id).to_owned())).collect();
    let question = format!("Remove {count}?");
    Ok(Some(page(app, signed_in, question, known.iter().map(sentence).collect(), fields)))
}

/// The same for those that nobody used for so many days.
async fn unused(app: &App, signed_in: &SignedIn, days: i64) -> Result<Option<ConfirmPage>, db::Error> {
    let (now, mut conn) = (app.clock.now(), app.db.read().await?);
    // To the second, as it is sent.
    let since = DateTime::<Utc>::from_timestamp((now - TimeDelta::days(days)).timestamp(), 0).unwrap_or(now);
    let state = State::UnusedSince(since);
    let whose = Whose::SelfMade;
    let wanted = Wanted { whose, search: None, state, sort: Sort::Used, after: None, skip: 0, most: NAMED };
    let (all, first) = (wanted.count(&mut conn, now).await?, wanted.page(&mut conn, now).await?);
    let name = |known: &Listed| {
        let used = known.client.last_used_at.map_or_else(
            || format!("never used, first seen {}", words::relative(known.client.created_at, now)),
            |at| format!("last used {}", words::relative(at, now)),
        );
        format!("{}: {used}.", Foreign::new(&known.client.name))
    };
    let mut stops = vec!["Nothing that is in use: nobody is connected to any of them.".to_owned()];
    stops.extend(first.iter().map(name));
    if all > NAMED {
        stops.push(format!("And {} more.", all - NAMED));
    }
    let question = format!("Remove {} that nobody used for {}?", count(all), words::length(TimeDelta::days(days)));
    let fields = vec![("unused_since", since.timestamp().to_string())];
    Ok((all > 0).then(|| page(app, signed_in, question, stops, fields)))
}

fn page(
    app: &App,
    signed_in: &SignedIn,
    question: String,
    stops: Vec<String>,
    fields: Vec<(&'static str, String)>,
) -> ConfirmPage {
    let site = Site::of(&app.config.server.public_url);
    let here = Crumb { href: site.self_registered_clients(), label: "Self-registered".to_owned() };
    ConfirmPage {
        shell: Shell::of(app, signed_in, Menu::Clients),
        above: above(&site, None).into_iter().chain([here]).collect(),
        question,
        stops,
        stays: vec!["One that somebody still wants registers again by itself, and asks again.".to_owned()],
        action: site.clean_up_clients(),
        fields,
        button: "Remove clients",
        site,
    }
}

fn count(clients: i64) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}
