//! Changes what a client is called, where its answers go, and what its tokens are narrowed to.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::fields::{self, ClientFields};
use super::{above, changeable, method_words, subject, type_words};
use crate::access::scoping::Purpose;
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::change_client::{ChangeClient, Wish, change_client};
use crate::grants::client::Listed;
use crate::grants::client_metadata::AuthMethod;
use crate::grants::register_client::{Narrowed, scope_of};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::places::Reach;
use crate::web::components::{Crumb, Errors, link};
use crate::web::scoping::{ScopingFields, ScopingView};
use crate::web::shell::{Menu, Shell};

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EditForm {
    #[serde(flatten)]
    fields: ClientFields,
}

impl Fields for EditForm {
    const LISTS: &'static [&'static str] = ScopingFields::LISTS;
}

/// `GET /settings/clients/{id}/edit`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
) -> Result<Page<EditPage>, PageError> {
    let known = changeable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let (reach, permissions) = match &known.ownership {
        Some(own) => (own.narrowed_to(), own.permissions.clone()),
        None => (Reach::Everywhere, None),
    };
    let fields = ClientFields::of(&known.client, &reach, permissions.as_ref());
    let page = page(&app, &signed_in, &known, &fields, Errors::none()).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/{id}/edit`.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(form): PageForm<EditForm>,
) -> Result<HttpResponse, PageError> {
    change(&app, &request, &id, &signed_in, &form).await.map_err(|refusal| refusal.to(&request))
}

async fn change(
    app: &App,
    request: &HttpRequest,
    id: &str,
    signed_in: &SignedIn,
    form: &EditForm,
) -> Result<HttpResponse, Refusal> {
    let known = changeable(app, signed_in, id).await?;
    let mut errors = Errors::none();
    let again = async |errors| {
        let page = page(app, signed_in, &known, &form.fields, errors).await?;
        Ok(Page(page).into_response())
    };
    if form.fields.scoping.looks() {
        return again(errors).await;
    }
    let maker = known.ownership.as_ref().map(|_| subject(signed_in));
    let Some(understood) = form.fields.understood(&*app.tree().await?, maker.as_ref(), &mut errors) else {
        return again(errors).await;
    };
    let wish = Wish {
        name: form.fields.name.clone(),
        redirect_uris: understood.redirect_uris,
        jwks: understood.jwks.filter(|_| known.client.auth_method == AuthMethod::PrivateKeyJwt),
        // One of nobody's has no places; what it may be granted was said by the operator.
        scope: known.ownership.as_ref().map_or(known.client.scope.clone(), |_| scope_of(&understood.permissions)),
        narrowed: Narrowed { reach: understood.reach, permissions: Some(understood.permissions) },
    };
    let origin = origin_of(request);
    let (terms, by) = (app.terms(&origin), Some(signed_in.person.id));
    let verb = async |conn: &mut Connection| change_client(conn, &terms, by, id, wish.clone()).await;
    match app.cut(verb).await? {
        ChangeClient::Changed { ended } => {
            let done = if ended > 0 { "wider" } else { "changed" };
            Ok(see_other(&link(&app.at(&urls::CLIENT.replace("{id}", id)), &[("done", done)])).finish())
        }
        ChangeClient::Refused(flaw) => {
            fields::explain(&flaw, &mut errors);
            again(errors).await
        }
        ChangeClient::Gone => Err(Refusal::NotFound),
    }
}

async fn page(
    app: &App,
    signed_in: &SignedIn,
    known: &Listed,
    fields: &ClientFields,
    errors: Errors,
) -> Result<EditPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    Ok(EditPage {
        above: above(&site, Some(known)),
        action: site.of_client(urls::EDIT_CLIENT, &known.client.id),
        back: site.of_client(urls::CLIENT, &known.client.id),
        kind: type_words(&known.client),
        method: method_words(known.client.auth_method),
        signs: known.client.auth_method == AuthMethod::PrivateKeyJwt,
        name: fields.name.clone(),
        redirect_uris: fields.redirect_uris.clone(),
        jwks: fields.jwks.clone(),
        scoping: ScopingView::of(app, &subject(signed_in), Purpose::Client, &fields.scoping).await?,
        is_scoped: known.ownership.is_some(),
        errors,
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    })
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/edit.html")]
pub struct EditPage {
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
    /// Public or confidential.
    pub kind: &'static str,
    /// How it proves who it is.
    pub method: &'static str,
    /// True when that is by a key.
    pub signs: bool,
    /// What was typed.
    pub name: String,
    /// The same.
    pub redirect_uris: String,
    /// The same.
    pub jwks: String,
    /// What it is narrowed to.
    pub scoping: ScopingView,
    /// False where it is the whole installation's, and narrowed to nothing.
    pub is_scoped: bool,
}

impl EditPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let (site, id) = (Site::sample(), "01936a5e7c1d7f3a9d7e2b7f1f0f6c55");
        let notes = Self {
            above: above(&site, None),
            errors: Errors::none(),
            action: site.of_client(urls::EDIT_CLIENT, id),
            back: site.of_client(urls::CLIENT, id),
            kind: "Confidential",
            method: method_words(AuthMethod::SecretPost),
            signs: false,
            name: "Team notes".to_owned(),
            redirect_uris: "https://notes.example/callback".to_owned(),
            jwks: String::new(),
            scoping: ScopingView::sample(),
            is_scoped: true,
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let wrong = Self {
            errors: Errors::one("redirect_uris", "Line 1: a redirect URI must not have a fragment."),
            name: "\"><script>alert(1)</script>".to_owned(),
            redirect_uris: "https://notes.example/#</textarea><script>alert(1)</script>".to_owned(),
            signs: true,
            jwks: "</textarea><script>alert(1)</script>".to_owned(),
            is_scoped: false,
            ..notes.clone()
        };
        vec![notes, wrong]
    }
}

impl View for EditPage {}
