//! `/api/v1/audit-events`: who did what, for administrators and for programs that collect it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::page::Asked;
use crate::api::caller::Known;
use crate::api::error::Problem;
use crate::app::App;
use crate::audit::search::{Found, Key, Order, Search};
use crate::db;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::trail::{self, Format, Names};
use crate::places::Reach;
use crate::types::{Thing, Verb};

/// `GET /api/v1/audit-events`: what matches, newest first. A search is written down once, and not with each of its pages.
pub async fn list(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    may(&app, &known)?;
    let asked = Asked::of(&request)?;
    asked.only(&trail::NAMES)?;
    let search = search(&app, &asked).await?;
    let after: Option<Key> = asked.after.as_deref().map(str::parse).transpose().map_err(|_| no_cursor())?;
    let page = (Order::NewestFirst, after, asked.limit + 1);
    let Found::Page(found) = search.page(&app.db, page, trail::PATIENCE).await? else {
        return Err(Problem::BadRequest(trail::TOO_MUCH));
    };
    let names = Names::of(&mut *app.db.read().await?, &found).await.map_err(db::Error::from)?;
    if after.is_none() {
        let entry = trail::looked_up(&search, Some(known.0.subject.id()), None);
        trail::note(&app, entry, &origin_of(&request)).await?;
    }
    let page = asked.page_by(found, |event| event.key().to_string());
    Ok(HttpResponse::Ok().no_store().json(page.map(|event| trail::item(&event, &names))))
}

/// `GET /api/v1/audit-events/export?format=`: all that matches, oldest first, as a file.
pub async fn export(app: Data<App>, known: Known, request: HttpRequest) -> Result<HttpResponse, Problem> {
    may(&app, &known)?;
    let asked = Asked::of(&request)?;
    asked.only(&[trail::NAMES.as_slice(), &["format"]].concat())?;
    let unknown = Problem::BadRequest("format must be ndjson or csv");
    let format = asked.get("format").map_or(Some(Format::Ndjson), Format::named).ok_or(unknown)?;
    let search = search(&app, &asked).await?;
    let entry = trail::looked_up(&search, Some(known.0.subject.id()), Some(format));
    trail::note(&app, entry, &origin_of(&request)).await?;
    Ok(trail::file(&app, search, format))
}

async fn search(app: &App, asked: &Asked) -> Result<Search, Problem> {
    let mut conn = app.db.read().await?;
    let read = trail::read(&mut conn, |name| asked.get(name), app.clock.now()).await.map_err(db::Error::from)?;
    read.map_err(|wrong| Problem::Malformed(wrong.words))
}

/// The trail belongs to the installation: whose credential is narrowed to places has no business here.
fn may(app: &App, known: &Known) -> Result<(), Problem> {
    known.may(app, Thing::Audit, Verb::Read)?;
    match known.0.narrowing.reach {
        Reach::Everywhere => Ok(()),
        Reach::Places(_) => {
            Err(Problem::Forbidden("The audit trail belongs to no place, and the credential is narrowed to places"))
        }
    }
}

fn no_cursor() -> Problem {
    Problem::BadRequest("The cursor is none of ours")
}
