//! Administration → Audit: who did what, searched by a form and read page by page.

mod view;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::app::App;
use crate::audit::search::{Found, Key, Order, Search};
use crate::db;
use crate::http::origin::origin_of;
use crate::http::page::{Page, Site};
use crate::http::params::Params;
use crate::http::trail::{self, Format, Names, Wrong};
use crate::http::{Administrator, PageError, Refusal, SignedIn};
use crate::types::SubjectId;
use crate::web::components::Errors;
use crate::web::shell::{Menu, Shell};
pub use view::AuditPage;

/// As many events are on a page.
const SHOWN: usize = 50;

/// `GET /admin/audit`. What is looked for is in the URL, so that a search can be passed on.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
) -> Result<Page<AuditPage>, PageError> {
    shown(&app, &request, &signed_in).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `GET /admin/audit/export?format=`: the same, as a file.
pub async fn export(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
) -> Result<HttpResponse, PageError> {
    let said = Params::parse(request.query_string().as_bytes());
    let made = async {
        let Some(format) = said.get("format").map_or(Some(Format::Ndjson), Format::named) else { return Ok(None) };
        let Ok(search) = read(&app, &said).await? else { return Ok(None) };
        let entry = trail::looked_up(&search, Some(SubjectId::Person(signed_in.person.id)), Some(format));
        trail::note(&app, entry, &origin_of(&request)).await?;
        Ok(Some(trail::file(&app, search, format)))
    };
    let made: Result<_, db::Error> = made.await;
    let made = made.map_err(|error| Refusal::from(error).to(&request))?;
    made.ok_or_else(|| Refusal::BadForm("the trail is not exported like that").to(&request))
}

async fn shown(app: &App, request: &HttpRequest, signed_in: &SignedIn) -> Result<AuditPage, db::Error> {
    let said = Params::parse(request.query_string().as_bytes());
    let site = Site::of(&app.config.server.public_url);
    let page = AuditPage::new(site, Shell::of(app, signed_in, Menu::Audit), &said);
    let search = match read(app, &said).await? {
        Ok(search) => search,
        Err(Wrong { name, words }) => return Ok(AuditPage { errors: Errors::one(name, format!("{words}.")), ..page }),
    };
    let after: Option<Key> = said.get("after").and_then(|key| key.parse().ok());
    let found = search.page(&app.db, (Order::NewestFirst, after, SHOWN + 1), trail::PATIENCE).await?;
    let Found::Page(found) = found else {
        return Ok(AuditPage { errors: Errors::one("since", format!("{}.", trail::TOO_MUCH)), ..page });
    };
    if after.is_none() {
        let entry = trail::looked_up(&search, Some(SubjectId::Person(signed_in.person.id)), None);
        trail::note(app, entry, &origin_of(request)).await?;
    }
    let names = Names::of(&mut *app.db.read().await?, &found).await?;
    Ok(page.with(&search, found, &names, (after.is_some(), SHOWN), app.clock.now()))
}

async fn read(app: &App, said: &Params) -> Result<Result<Search, Wrong>, db::Error> {
    if let Some(flaw) = said.flaw() {
        return Ok(Err(Wrong { name: "q", words: flaw.to_string().trim_end_matches('.').to_owned() }));
    }
    let mut conn = app.db.read().await?;
    Ok(trail::read(&mut conn, |name| said.get(name), app.clock.now()).await?)
}
