//! Register New OAuth Client.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::fields::{self, ClientFields, Understood};
use super::{Preview, above, chosen_workspace, method_words, subject};
use crate::access::scoping::Purpose;
use crate::app::App;
use crate::db::{self, Connection};
use crate::errands::client_logo;
use crate::grants::add_client::Plan;
use crate::grants::change_client::{self, NewLogo};
use crate::grants::client_metadata::AuthMethod;
use crate::grants::register_client::{Narrowed, Registering, Registrar, register_client, scope_of};
use crate::http::form::Fields;
use crate::http::making::MakingLimits;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, once, see_other, urls};
use crate::places::{Place, Tree};
use crate::types::{Logo, PlaceId, SubjectId, Words};
use crate::web::components::{Choice, Crumb, Errors};
use crate::web::consent::within;
use crate::web::scoping::{ScopingFields, ScopingView};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Identity;

/// What leads here.
#[derive(Debug, Default, Deserialize)]
pub struct NewQuery {
    /// `public` or `confidential`: which of the two is ticked.
    #[serde(default, rename = "type")]
    kind: String,
}

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewForm {
    /// Names the client to be, so that one form makes one.
    #[serde(default)]
    form: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    auth_method: String,
    #[serde(default)]
    logo_url: String,
    /// `preview` or `register`.
    #[serde(default, rename = "do")]
    action: String,
    #[serde(flatten)]
    fields: ClientFields,
}

impl Fields for NewForm {
    const LISTS: &'static [&'static str] = ScopingFields::LISTS;
}

/// `GET /settings/clients/new`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    query: Query<NewQuery>,
) -> Result<Page<NewPage>, PageError> {
    let page = async {
        let workspace = chosen_workspace(&signed_in, &*app.tree().await?);
        let scoping = workspace.map(ScopingFields::starting_at).unwrap_or_default();
        let form = NewForm {
            form: once::fresh(&app),
            kind: query.kind.clone(),
            fields: ClientFields { scoping, ..ClientFields::default() },
            ..NewForm::default()
        };
        page(&app, &signed_in, &form, Errors::none(), None).await
    };
    page.await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/new`: registers the client, and shows its secret this once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    PageForm(form): PageForm<NewForm>,
) -> Result<HttpResponse, PageError> {
    make(&app, &request, &signed_in, &form).await.map_err(|refusal| refusal.to(&request))
}

async fn make(app: &App, request: &HttpRequest, signed_in: &SignedIn, form: &NewForm) -> Result<HttpResponse, Refusal> {
    let (mut errors, tree) = (Errors::none(), app.tree().await?);
    let again = async |errors, preview| {
        let page = page(app, signed_in, form, errors, preview).await?;
        Ok(Page(page).into_response())
    };
    if form.fields.scoping.looks() {
        return again(errors, None).await;
    }
    let workspace = signed_in.workspace(&tree);
    let understood = understood(&tree, signed_in, form, &mut errors);
    let (Some((method, understood)), Some(workspace)) = (understood, workspace) else {
        return again(errors, None).await;
    };
    if form.action == "preview" {
        let preview = preview(signed_in, workspace, &tree, form, &understood);
        return again(errors, Some(preview)).await;
    }
    let logo = match form.logo_url.trim() {
        "" => None,
        url => match fetched(app, request, signed_in, url).await? {
            Ok(logo) => Some((logo, url.to_owned())),
            Err(why) => {
                errors.add("logo_url", format!("This image cannot be used: {why}."));
                return again(errors, None).await;
            }
        },
    };
    let wish = Wish { workspace: workspace.id, method, understood, logo };
    match register(app, request, signed_in, form, &wish).await? {
        Registering::Client { id, secret } => {
            let secret = secret.map(|secret| secret.reveal().to_owned());
            Ok(Page(MadePage::new(app, signed_in, form, method, (id, secret))).into_response())
        }
        Registering::Already(id) => Ok(see_other(&app.at(&urls::CLIENT.replace("{id}", &id))).finish()),
        Registering::Refused(flaw) => {
            fields::explain(&flaw, &mut errors);
            again(errors, None).await
        }
    }
}

async fn fetched(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    url: &str,
) -> Result<Result<Logo, String>, Refusal> {
    MakingLimits::of(request)?.logo(SubjectId::Person(signed_in.person.id))?;
    Ok(client_logo::fetch(app, url).await)
}

/// A form that was understood, with what had to be fetched for it.
struct Wish {
    workspace: PlaceId,
    method: AuthMethod,
    understood: Understood,
    logo: Option<(Logo, String)>,
}

fn understood(
    tree: &Tree,
    signed_in: &SignedIn,
    form: &NewForm,
    errors: &mut Errors,
) -> Option<(AuthMethod, Understood)> {
    let method = method(form);
    if method.is_none() {
        errors.add("type", "Choose whether the client can keep a secret.");
    }
    let understood = form.fields.understood(tree, Some(&subject(signed_in)), errors)?;
    Some((method?, understood))
}

/// How it will prove who it is: by nothing if it is public, else in the way that was chosen.
fn method(form: &NewForm) -> Option<AuthMethod> {
    match (form.kind.as_str(), form.auth_method.as_str()) {
        ("public", _) => Some(AuthMethod::None),
        ("confidential", "client_secret_basic") => Some(AuthMethod::SecretBasic),
        ("confidential", "private_key_jwt") => Some(AuthMethod::PrivateKeyJwt),
        ("confidential", _) => Some(AuthMethod::SecretPost),
        _ => None,
    }
}

async fn register(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    form: &NewForm,
    wish: &Wish,
) -> Result<Registering, Refusal> {
    let origin = origin_of(request);
    let (terms, person) = (app.terms(&origin), &signed_in.person);
    let registrar = Registrar { workspace: wish.workspace, person: Some(person.id), administers: person.is_admin };
    let Understood { redirect_uris, jwks, reach, permissions } = &wish.understood;
    // Keys are for those who sign; what stands in the field otherwise was typed before the method was chosen.
    let jwks = jwks.clone().filter(|_| wish.method == AuthMethod::PrivateKeyJwt);
    let plan = Plan {
        name: form.fields.name.clone(),
        auth_method: wish.method,
        redirect_uris: redirect_uris.clone(),
        grant_types: Words::from_iter(["authorization_code", "refresh_token"]),
        scope: scope_of(permissions),
        options: fields::options(jwks),
    };
    let narrowed = Narrowed { reach: reach.clone(), permissions: Some(permissions.clone()) };
    let id = once::id_of(app, signed_in, "client", &form.form);
    let verb = async |conn: &mut Connection| {
        let made = register_client(conn, &terms, &registrar, plan.clone(), &narrowed, id).await?;
        if let (Registering::Client { id, .. }, Some((logo, url))) = (&made, &wish.logo) {
            let picture = NewLogo::Picture(logo.clone(), Some(url.clone()));
            change_client::change_logo(conn, &terms, Some(person.id), id, &picture).await?;
        }
        Ok(made)
    };
    Ok(app.db.write(verb).await?)
}

fn preview(signed_in: &SignedIn, workspace: &Place, tree: &Tree, form: &NewForm, understood: &Understood) -> Preview {
    let Understood { redirect_uris, reach, permissions, .. } = understood;
    let workspace = Foreign::new(&workspace.title);
    let identity = match signed_in.person.is_admin {
        true => Identity::Administrator,
        false => Identity::Colleague(Foreign::new(&format!("{} ({workspace})", signed_in.person.username))),
    };
    let within = within(reach, tree);
    Preview { within, ..Preview::new(&form.fields.name, identity, redirect_uris, &scope_of(permissions)) }
}

async fn page(
    app: &App,
    signed_in: &SignedIn,
    form: &NewForm,
    errors: Errors,
    preview: Option<Preview>,
) -> Result<NewPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    Ok(NewPage {
        above: above(&site, None),
        form: form.form.clone(),
        kinds: kinds(&form.kind),
        methods: methods(&form.auth_method),
        name: form.fields.name.clone(),
        redirect_uris: form.fields.redirect_uris.clone(),
        jwks: form.fields.jwks.clone(),
        logo_url: form.logo_url.clone(),
        scoping: ScopingView::of(app, &subject(signed_in), Purpose::Client, &form.fields.scoping).await?,
        errors,
        preview,
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    })
}

fn kinds(chosen: &str) -> Vec<Choice> {
    vec![
        Choice::new("public", "Public")
            .detail("A desktop app, a command or a page in the browser: it cannot keep a secret. PKCE only.")
            .chosen(chosen == "public"),
        Choice::new("confidential", "Confidential")
            .detail("A program on a server that keeps a secret, or signs with a key.")
            .chosen(chosen == "confidential"),
    ]
}

fn methods(chosen: &str) -> Vec<Choice> {
    let known = [
        ("client_secret_post", "Client secret in the POST body (recommended)"),
        ("client_secret_basic", "Client secret by HTTP Basic"),
        ("private_key_jwt", "Statements that it signs (private_key_jwt)"),
    ];
    known.into_iter().map(|(value, label)| Choice::new(value, label).chosen(value == chosen)).collect()
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/new.html")]
pub struct NewPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What is wrong with it.
    pub errors: Errors,
    /// Names the client to be.
    pub form: String,
    /// Public or confidential.
    pub kinds: Vec<Choice>,
    /// How it proves who it is.
    pub methods: Vec<Choice>,
    /// What was typed.
    pub name: String,
    /// The same.
    pub redirect_uris: String,
    /// The same.
    pub jwks: String,
    /// The same.
    pub logo_url: String,
    /// What it is narrowed to.
    pub scoping: ScopingView,
    /// What people will be shown, if that was asked for.
    pub preview: Option<Preview>,
}

/// A client that was registered a moment ago.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/made.html")]
pub struct MadePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// Its own page.
    pub href: String,
    /// What it is called.
    pub name: Foreign,
    /// Its `client_id`.
    pub id: String,
    /// Its secret, on this one page and never again.
    pub secret: Option<String>,
    /// How it proves who it is.
    pub method: &'static str,
    /// Where it discovers everything.
    pub issuer: String,
    /// Where it redeems its codes.
    pub token_endpoint: String,
}

impl NewPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let blank = Self {
            above: above(&site, None),
            errors: Errors::none(),
            form: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            kinds: kinds("confidential"),
            methods: methods(""),
            name: String::new(),
            redirect_uris: String::new(),
            jwks: String::new(),
            logo_url: String::new(),
            scoping: ScopingView::sample(),
            preview: None,
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let mut errors = Errors::one("type", "Choose whether the client can keep a secret.");
        errors.add("name", "Enter a name that people will recognise.");
        errors.add("redirect_uris", "Line 2: the scheme of this redirect URI is never allowed.");
        errors.add("logo_url", "This image cannot be used: the host is not on the public internet.");
        errors.add("jwks", "This is no JSON Web Key Set: paste the whole {\"keys\": […]}.");
        let wrong = Self {
            errors,
            kinds: kinds(""),
            name: "</textarea><script>alert(1)</script>".to_owned(),
            redirect_uris: "https://app.example/cb\njavascript:alert(1)</textarea><script>".to_owned(),
            logo_url: "\"><script>alert(1)</script>".to_owned(),
            scoping: ScopingView::hostile_sample(),
            ..blank.clone()
        };
        let previewed = Self { preview: Some(Preview::sample()), name: "Team notes".to_owned(), ..blank.clone() };
        let hostile = Self { preview: Some(Preview::hostile_sample()), ..wrong.clone() };
        vec![blank, wrong, previewed, hostile]
    }
}

impl MadePage {
    fn new(
        app: &App,
        signed_in: &SignedIn,
        form: &NewForm,
        method: AuthMethod,
        (id, secret): (String, Option<String>),
    ) -> Self {
        let site = Site::of(&app.config.server.public_url);
        Self {
            above: above(&site, None),
            href: site.of_client(urls::CLIENT, &id),
            name: Foreign::new(&form.fields.name),
            id,
            secret,
            method: method_words(method),
            issuer: app.issuer().to_owned(),
            token_endpoint: app.at(urls::TOKEN),
            shell: Shell::of(app, signed_in, Menu::Clients),
            site,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let (site, id) = (Site::sample(), "01936a5e7c1d7f3a9d7e2b7f1f0f6c55".to_owned());
        let confidential = Self {
            above: above(&site, None),
            href: site.of_client(urls::CLIENT, &id),
            name: Foreign::new("Team notes"),
            id,
            secret: Some("pclx_sampleSampleSampleSampleSampleSampleSample".to_owned()),
            method: method_words(AuthMethod::SecretPost),
            issuer: "https://gate.example.com/gate".to_owned(),
            token_endpoint: "https://gate.example.com/gate/oauth/token".to_owned(),
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let public = Self {
            name: Foreign::hostile_sample(),
            secret: None,
            method: method_words(AuthMethod::None),
            ..confidential.clone()
        };
        vec![confidential, public]
    }
}

impl View for NewPage {}
impl View for MadePage {}
