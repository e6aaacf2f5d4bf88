//! Settings → Security: how somebody proves who they are, on one page.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::recovery_codes::RecoveryCodesPage;
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::identity::keyring::{RemovePasskey, remove_passkey};
use crate::identity::passkey::Passkey;
use crate::identity::totp::Totp;
use crate::identity::two_step::{TurnOff, renew_codes, turn_off};
use crate::identity::{User, code_budget, recovery_code};
use crate::types::PasskeyId;
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// What leads here.
#[derive(Debug, Deserialize)]
pub struct SecurityQuery {
    /// What was just done.
    done: Option<Done>,
}

/// What may just have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// Another password was chosen.
    Password,
    /// A passkey was added.
    Passkey,
    /// One was removed.
    Removed,
    /// Two-step sign-in was turned off.
    Off,
    /// Nothing: it is the last that is left.
    Kept,
}

impl Done {
    /// The page that says so.
    pub(super) fn url(self, app: &App) -> String {
        format!("{}?done={}", app.at(urls::SECURITY), self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Removed => "removed",
            Self::Off => "off",
            Self::Kept => "kept",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Password => "Your password is changed.",
            Self::Passkey => "Your passkey is added. You can sign in with it from now on.",
            Self::Removed => "That passkey is removed. It signs nobody in any more.",
            Self::Off => "Two-step sign-in is off.",
            Self::Kept => "Nothing was removed: it is the last of what you need to sign in here. Add another first.",
        }
    }
}

/// What the buttons send.
#[derive(Debug, Deserialize)]
pub struct SecurityForm {
    what: What,
    passkey: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    TurnOff,
    RecoveryCodes,
    RemovePasskey,
}

impl Fields for SecurityForm {}

/// `GET /settings/security`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    query: Option<Query<SecurityQuery>>,
) -> Result<Page<SecurityPage>, PageError> {
    let done = query.and_then(|query| query.done);
    let page = overview(&app, &signed_in, done).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/security`: takes something away, or shows new recovery codes.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(form): PageForm<SecurityForm>,
) -> Result<HttpResponse, PageError> {
    let answer = match form.what {
        What::TurnOff => off(&app, &signed_in, &request).await,
        What::RecoveryCodes => codes(&app, &signed_in, &request).await,
        What::RemovePasskey => remove(&app, &signed_in, form.passkey.as_deref(), &request).await,
    };
    answer.map_err(|refusal| refusal.to(&request))
}

async fn off(app: &App, signed_in: &SignedIn, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let required = app.config.second_factor.applies_to(signed_in.person.is_admin);
    let (user, origin, now) = (signed_in.person.id, origin_of(request), app.clock.now());
    let done = match app.db.write(async |conn| turn_off(conn, user, required, &origin, now).await).await? {
        TurnOff::Off | TurnOff::WasOff => Done::Off,
        TurnOff::Required => Done::Kept,
    };
    Ok(see_other(&done.url(app)).finish())
}

async fn codes(app: &App, signed_in: &SignedIn, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let (user, origin, now) = (signed_in.person.id, origin_of(request), app.clock.now());
    let makers = (&*app.keys, &app.random);
    match app.db.write(async |conn| renew_codes(conn, makers, user, &origin, now).await).await? {
        Some(codes) => Ok(Page(RecoveryCodesPage::fresh(app, &codes, "Your new recovery codes")).into_response()),
        None => Err(Refusal::NotFound),
    }
}

async fn remove(
    app: &App,
    signed_in: &SignedIn,
    passkey: Option<&str>,
    request: &HttpRequest,
) -> Result<HttpResponse, Refusal> {
    let id: PasskeyId = passkey.and_then(|id| id.parse().ok()).ok_or(Refusal::NotFound)?;
    let required = app.config.second_factor.applies_to(signed_in.person.is_admin);
    let (user, origin, now) = (signed_in.person.id, origin_of(request), app.clock.now());
    match app.db.write(async |conn| remove_passkey(conn, (id, user), required, &origin, now).await).await? {
        RemovePasskey::Removed => Ok(see_other(&Done::Removed.url(app)).finish()),
        RemovePasskey::Last => Ok(see_other(&Done::Kept.url(app)).finish()),
        RemovePasskey::Unknown => Err(Refusal::NotFound),
    }
}

async fn overview(app: &App, signed_in: &SignedIn, done: Option<Done>) -> Result<SecurityPage, db::Error> {
    let (id, now) = (signed_in.person.id, app.clock.now());
    let mut conn = app.db.read().await?;
    let user = User::find(&mut conn, id).await?;
    let totp = Totp::of(&mut conn, id).await?;
    let passkeys = Passkey::of_user(&mut conn, id).await?;
    let demanded = app.config.second_factor.applies_to(signed_in.person.is_admin);
    let needs_codes = totp.is_some() || (demanded && !passkeys.is_empty());
    let row = |passkey: Passkey| PasskeyRow {
        id: passkey.id,
        name: Foreign::new(&passkey.name),
        since: Moment::new(passkey.created_at, now),
        last_used: passkey.last_used_at.map(|at| Moment::new(at, now)),
    };
    Ok(SecurityPage {
        site: Site::of(&app.config.server.public_url),
        shell: Shell::of(app, signed_in, Menu::Security),
        password_since: user.and_then(|user| user.password_changed_at).map(|at| Moment::new(at, now)),
        two_step_since: totp.map(|totp| Moment::new(totp.created_at, now)),
        codes_left: if needs_codes { Some(recovery_code::left(&mut conn, id).await?) } else { None },
        wrong_codes: code_budget::wrong(&mut conn, id).await?,
        passkeys: passkeys.into_iter().map(row).collect(),
        offers_passkeys: app.passkeys.is_some(),
        notice: done,
    })
}

/// What protects somebody.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/security.html")]
pub struct SecurityPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Since when they have their password, if they have one.
    pub password_since: Option<Moment>,
    /// Since when two-step sign-in is on, if it is.
    pub two_step_since: Option<Moment>,
    /// How many recovery codes are left, for somebody whom a password alone does not sign in.
    pub codes_left: Option<i64>,
    /// How many wrong codes were tried shortly before and since they last signed in by one.
    pub wrong_codes: i32,
    /// Their passkeys, the oldest first.
    pub passkeys: Vec<PasskeyRow>,
    /// False where passkeys cannot be.
    pub offers_passkeys: bool,
    /// What has just been done.
    pub notice: Option<Done>,
}

/// One passkey.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    /// What *Remove* sends.
    pub id: PasskeyId,
    /// As its person calls it.
    pub name: Foreign,
    /// Since when it counts.
    pub since: Moment,
    /// When it was last used, if ever.
    pub last_used: Option<Moment>,
}

impl SecurityPage {
    /// What has just been done, in words.
    pub fn words(&self) -> Option<&'static str> {
        self.notice.map(Done::words)
    }

    /// True when nothing was done, and why.
    pub fn is_kept(&self) -> bool {
        self.notice == Some(Done::Kept)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ago = |days| Moment::new(now - TimeDelta::days(days), now);
        let passkey = |name, last_used| PasskeyRow { id: PasskeyId::fresh(), name, since: ago(30), last_used };
        let plain = Self {
            site: Site::sample(),
            shell: Shell::sample(Menu::Security),
            password_since: Some(ago(80)),
            two_step_since: None,
            codes_left: None,
            wrong_codes: 0,
            passkeys: Vec::new(),
            offers_passkeys: true,
            notice: None,
        };
        let full = Self {
            two_step_since: Some(ago(3)),
            codes_left: Some(7),
            wrong_codes: 3,
            passkeys: vec![
                passkey(Foreign::new("Firefox on Linux"), Some(ago(1))),
                passkey(Foreign::hostile_sample(), None),
            ],
            ..plain.clone()
        };
        let noticed = [Done::Password, Done::Passkey, Done::Removed, Done::Off, Done::Kept];
        let mut samples: Vec<Self> =
            noticed.into_iter().map(|done| Self { notice: Some(done), ..full.clone() }).collect();
        samples.push(Self {
            password_since: None,
            offers_passkeys: false,
            codes_left: Some(1),
            wrong_codes: 1,
            ..full
        });
        samples.push(plain);
        samples
    }
}

impl View for SecurityPage {}
