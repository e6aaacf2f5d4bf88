//! The picture of a client: uploaded or fetched once, kept by us, and served from here alone.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{above, changeable};
use crate::app::App;
use crate::db::{self, Connection};
use crate::errands::client_logo as errand;
use crate::grants::change_client::{NewLogo, change_logo};
use crate::grants::client::Listed;
use crate::grants::client_logo;
use crate::http::making::MakingLimits;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::upload::Upload;
use crate::http::{Fresh, PageError, Refusal, SignedIn, see_other, urls};
use crate::types::{Logo, SubjectId};
use crate::web::components::{Crumb, Errors, link};
use crate::web::shell::{Menu, Shell};

/// `GET /settings/clients/{id}/logo`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
) -> Result<Page<LogoPage>, PageError> {
    let known = changeable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let page = show(&app, &signed_in, &known, "", Errors::none()).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/{id}/logo`: another picture, or none.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
    upload: Upload,
) -> Result<HttpResponse, PageError> {
    let known = changeable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    match wanted(&app, &request, &signed_in, &upload).await.map_err(|refusal| refusal.to(&request))? {
        Ok(logo) => {
            let origin = origin_of(&request);
            let (terms, by) = (app.terms(&origin), Some(signed_in.person.id));
            let verb = async |conn: &mut Connection| change_logo(conn, &terms, by, &id, &logo).await;
            app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))?;
            Ok(see_other(&link(&app.at(&urls::CLIENT.replace("{id}", &id)), &[("done", "logo")])).finish())
        }
        Err(errors) => {
            let page = show(&app, &signed_in, &known, upload.text("url"), errors).await;
            Ok(Page(page.map_err(|error| Refusal::from(error).to(&request))?).into_response())
        }
    }
}

/// The picture that is wanted: the one that was chosen, else the one at a URL; none when that is asked for.
async fn wanted(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    upload: &Upload,
) -> Result<Result<NewLogo, Errors>, Refusal> {
    let url = upload.text("url").trim();
    if upload.text("do") == "remove" {
        return Ok(Ok(NewLogo::Nothing));
    }
    MakingLimits::of(request)?.logo(SubjectId::Person(signed_in.person.id))?;
    Ok(match upload.file("image") {
        Some(bytes) => match Logo::read(bytes.to_vec()) {
            Ok(logo) => Ok(NewLogo::Picture(logo, None)),
            Err(why) => Err(Errors::one("image", format!("This file cannot be used: {why}."))),
        },
        None if url.is_empty() => Err(Errors::one("image", "Choose a file, or enter a URL.")),
        None => match errand::fetch(app, url).await {
            Ok(logo) => Ok(NewLogo::Picture(logo, Some(url.to_owned()))),
            Err(why) => Err(Errors::one("url", format!("This image cannot be used: {why}."))),
        },
    })
}

async fn show(
    app: &App,
    signed_in: &SignedIn,
    known: &Listed,
    url: &str,
    errors: Errors,
) -> Result<LogoPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    let mut conn = app.db.read().await?;
    let digest = client_logo::digest(&mut conn, &known.client.id).await?;
    Ok(LogoPage {
        above: above(&site, Some(known)),
        action: site.of_client(urls::CLIENT_LOGO, &known.client.id),
        back: site.of_client(urls::CLIENT, &known.client.id),
        name: Foreign::new(&known.client.name),
        logo: digest.map(|digest| site.logo(&digest)),
        url: url.to_owned(),
        errors,
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    })
}

/// `GET /static/logos/{digest}`: a picture, for any page of ours. What it is named by is what it holds, so it is kept for
/// ever; a browser that opens it by itself may do nothing with it.
pub async fn picture(app: Data<App>, request: HttpRequest, digest: Path<String>) -> Result<HttpResponse, PageError> {
    let Some(digest) = unhex(&digest) else { return Err(Refusal::NotFound.to(&request)) };
    let found = async {
        let mut conn = app.db.read().await?;
        Ok::<_, db::Error>(client_logo::find(&mut conn, &digest).await?)
    };
    let logo = found.await.map_err(|error| Refusal::from(error).to(&request))?;
    let logo = logo.ok_or_else(|| Refusal::NotFound.to(&request))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, logo.format().media_type()))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .body(logo.bytes().to_vec()))
}

/// The bytes that 64 hexadecimal digits in small letters stand for.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    is_digest.then(|| text.as_bytes().chunks(2).map(byte).collect()).flatten()
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/logo.html")]
pub struct LogoPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What is wrong with it.
    pub errors: Errors,
    /// Where it is sent.
    pub action: String,
    /// Where *Cancel* leads.
    pub back: String,
    /// What the client is called.
    pub name: Foreign,
    /// The picture that it has.
    pub logo: Option<String>,
    /// What was typed.
    pub url: String,
}

impl LogoPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let (site, id) = (Site::sample(), "01936a5e7c1d7f3a9d7e2b7f1f0f6c55");
        let plain = Self {
            above: above(&site, None),
            action: site.of_client(urls::CLIENT_LOGO, id),
            back: site.of_client(urls::CLIENT, id),
            name: Foreign::new("Team notes"),
            logo: Some(site.logo(&[7; 32])),
            url: String::new(),
            errors: Errors::none(),
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let mut errors = Errors::one("image", "This file cannot be used: the image must be a PNG, JPEG or WebP file.");
        errors.add("url", "This image cannot be used: the host is not on the public internet.");
        let hostile = Self {
            name: Foreign::hostile_sample(),
            logo: None,
            url: "\"><script>alert(1)</script>".to_owned(),
            errors,
            ..plain.clone()
        };
        vec![plain, hostile]
    }
}

impl View for LogoPage {}
