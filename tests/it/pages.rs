//! Every page renders every sample, and keeps the rules that hold for all of them.

use std::collections::HashSet;

use actix_web::body::to_bytes;
use actix_web::http::header::HeaderMap;
use portcullis::http::assets::Asset;
use portcullis::http::page::{Csp, ErrorPage, FormPostPage, Page, View};
use portcullis::web::admin::audit::AuditPage;
use portcullis::web::admin::doctor::DoctorPage;
use portcullis::web::admin::flows::FlowsPage;
use portcullis::web::admin::policies::list::PoliciesPage;
use portcullis::web::admin::policies::one::PolicyPage;
use portcullis::web::admin::policies::simulate::SimulatePage;
use portcullis::web::confirm::ConfirmPage as QuestionPage;
use portcullis::web::consent::ConsentPage;
use portcullis::web::device::{CodePage, ConfirmPage as DeviceConfirmPage, DonePage};
use portcullis::web::home::HomePage;
use portcullis::web::reauthenticate::ConfirmItIsYouPage;
use portcullis::web::set_up::SetUpPage;
use portcullis::web::settings::apps::AppsPage;
use portcullis::web::settings::clients;
#[cfg(debug_assertions)]
use portcullis::web::settings::components::ComponentsPage;
use portcullis::web::settings::jwt_token::TokenPage;
use portcullis::web::settings::keys::{
    KeyPage, KeysPage, MadePage as MadeKeyPage, NewKeyPage, RotatePage as RotateKeyPage,
};
use portcullis::web::settings::passkeys::PasskeyPage;
use portcullis::web::settings::password::PasswordPage;
use portcullis::web::settings::profile::ProfilePage;
use portcullis::web::settings::recovery_codes::RecoveryCodesPage;
use portcullis::web::settings::security::SecurityPage;
use portcullis::web::settings::sessions::SessionsPage;
use portcullis::web::settings::setup::SetupPage;
use portcullis::web::settings::tokens::{NewTokenPage, OnePage, RotatePage, TokensPage};
use portcullis::web::settings::two_step::TwoStepPage;
use portcullis::web::settings::workspaces::WorkspacesPage;
use portcullis::web::settings::workspaces::itself::ItselfPage;
use portcullis::web::settings::workspaces::members::MembersPage;
use portcullis::web::settings::workspaces::new::NewWorkspacePage;
use portcullis::web::settings::workspaces::places::PlacesPage;
use portcullis::web::settings::workspaces::server;
use portcullis::web::settings::workspaces::servers::ServersPage;
use portcullis::web::sign_in::SignInPage;
use portcullis::web::sign_in::code::SecondStepPage;
use portcullis::web::sign_out::{SignOutPage, SignedOutPage};
use scraper::{ElementRef, Html, Selector};

/// A page as a browser would hold it.
struct Shown {
    name: String,
    text: String,
    html: Html,
    headers: HeaderMap,
    csp: Csp,
}

impl Shown {
    fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        self.html.select(&Selector::parse(selector).unwrap()).collect()
    }
}

async fn every_page() -> Vec<Shown> {
    let mut pages = Vec::new();
    show("sign_in", SignInPage::samples(), &mut pages).await;
    show("second_step", SecondStepPage::samples(), &mut pages).await;
    show("reauthenticate", ConfirmItIsYouPage::samples(), &mut pages).await;
    show("set_up", SetUpPage::samples(), &mut pages).await;
    show("sign_out", SignOutPage::samples(), &mut pages).await;
    show("signed_out", SignedOutPage::samples(), &mut pages).await;
    show("consent", ConsentPage::samples(), &mut pages).await;
    show("device_code", CodePage::samples(), &mut pages).await;
    show("device_confirm", DeviceConfirmPage::samples(), &mut pages).await;
    show("device_done", DonePage::samples(), &mut pages).await;
    show("home", HomePage::samples(), &mut pages).await;
    show("apps", AppsPage::samples(), &mut pages).await;
    show("jwt_token", TokenPage::samples(), &mut pages).await;
    show("tokens", TokensPage::samples(), &mut pages).await;
    show("tokens_new", NewTokenPage::samples(), &mut pages).await;
    show("tokens_one", OnePage::samples(), &mut pages).await;
    show("tokens_rotate", RotatePage::samples(), &mut pages).await;
    show("setup", SetupPage::samples(), &mut pages).await;
    show("keys", KeysPage::samples(), &mut pages).await;
    show("new_key", NewKeyPage::samples(), &mut pages).await;
    show("made_key", MadeKeyPage::samples(), &mut pages).await;
    show("key", KeyPage::samples(), &mut pages).await;
    show("rotate_key", RotateKeyPage::samples(), &mut pages).await;
    show("confirm", QuestionPage::samples(), &mut pages).await;
    #[cfg(debug_assertions)]
    show("components", ComponentsPage::samples(), &mut pages).await;
    show("clients", clients::list::ListPage::samples(), &mut pages).await;
    show("self_registered_clients", clients::self_registered::SelfRegisteredPage::samples(), &mut pages).await;
    show("new_client", clients::new::NewPage::samples(), &mut pages).await;
    show("made_client", clients::new::MadePage::samples(), &mut pages).await;
    show("client", clients::detail::DetailPage::samples(), &mut pages).await;
    show("edit_client", clients::edit::EditPage::samples(), &mut pages).await;
    show("client_secrets", clients::secrets::SecretsPage::samples(), &mut pages).await;
    show("client_logo", clients::logo::LogoPage::samples(), &mut pages).await;
    show("profile", ProfilePage::samples(), &mut pages).await;
    show("password", PasswordPage::samples(), &mut pages).await;
    show("security", SecurityPage::samples(), &mut pages).await;
    show("sessions", SessionsPage::samples(), &mut pages).await;
    show("two_step", TwoStepPage::samples(), &mut pages).await;
    show("passkey", PasskeyPage::samples(), &mut pages).await;
    show("recovery_codes", RecoveryCodesPage::samples(), &mut pages).await;
    show("form_post", FormPostPage::samples(), &mut pages).await;
    show("workspaces", WorkspacesPage::samples(), &mut pages).await;
    show("new_workspace", NewWorkspacePage::samples(), &mut pages).await;
    show("members", MembersPage::samples(), &mut pages).await;
    show("places", PlacesPage::samples(), &mut pages).await;
    show("servers", ServersPage::samples(), &mut pages).await;
    show("server", server::ServerPage::samples(), &mut pages).await;
    show("register_server", server::register::RegisterPage::samples(), &mut pages).await;
    show("edit_server", server::edit::EditPage::samples(), &mut pages).await;
    show("workspace_itself", ItselfPage::samples(), &mut pages).await;
    show("doctor", DoctorPage::samples(), &mut pages).await;
    show("audit", AuditPage::samples(), &mut pages).await;
    show("flows", FlowsPage::samples(), &mut pages).await;
    show("policies", PoliciesPage::samples(), &mut pages).await;
    show("policy", PolicyPage::samples(), &mut pages).await;
    show("simulate_policies", SimulatePage::samples(), &mut pages).await;
    show("error", ErrorPage::samples(), &mut pages).await;
    pages
}

async fn show<T: View>(name: &str, samples: Vec<T>, pages: &mut Vec<Shown>) {
    for (number, sample) in samples.into_iter().enumerate() {
        let (status, csp) = (sample.status(), sample.csp());
        let response = Page(sample).into_response();
        assert_eq!(response.status(), status, "{name} {number} could not be rendered");
        let headers = response.headers().clone();
        let bytes = to_bytes(response.into_body()).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        pages.push(Shown { name: format!("{name} {number}"), html: Html::parse_document(&text), text, headers, csp });
    }
}

#[actix_web::test]
async fn every_page_is_well_formed_for_people_and_their_screen_readers() {
    for page in every_page().await {
        let name = &page.name;
        assert!(page.text.starts_with("<!doctype html>"), "{name}");
        assert!(page.html.errors.is_empty(), "{name}: {:?}", page.html.errors);
        assert_eq!(page.all("html[lang=en]").len(), 1, "{name} says its language");
        assert_eq!(page.all("h1").len(), 1, "{name} has one h1");
        assert_eq!(page.all("main").len(), 1, "{name} has one main");
        assert!(!page.all("title")[0].text().collect::<String>().starts_with(" ·"), "{name} has a title");
        assert_eq!(page.all("meta[name=viewport]").len(), 1, "{name} fits a phone");
        let ids: Vec<_> = page.all("[id]").iter().map(|element| element.attr("id").unwrap()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{name} uses an id twice");
        for reference in page.all("[aria-describedby]") {
            for id in reference.attr("aria-describedby").unwrap().split(' ') {
                assert!(ids.contains(&id), "{name} points at #{id}, which is not there");
            }
        }
    }
}

#[actix_web::test]
async fn every_field_has_a_label_and_every_button_has_words() {
    for page in every_page().await {
        for field in page.all("input:not([type=hidden]), select, textarea") {
            let by_id = field.attr("id").is_some_and(|id| !page.all(&format!("label[for='{id}']")).is_empty());
            let around = field.ancestors().filter_map(ElementRef::wrap).any(|parent| parent.value().name() == "label");
            let named = by_id || around || field.attr("aria-label").is_some();
            assert!(named, "{}: {} has no label", page.name, field.html());
        }
        for button in page.all("button, a") {
            let words: String = button.text().collect();
            let named = !words.trim().is_empty() || button.attr("aria-label").is_some();
            assert!(named, "{}: {} says nothing", page.name, button.html());
        }
    }
}

#[actix_web::test]
async fn no_page_needs_more_than_the_content_security_policy_gives() {
    for page in every_page().await {
        for element in page.all("*") {
            let value = element.value();
            for (attribute, content) in value.attrs() {
                assert!(!attribute.starts_with("on") && attribute != "style", "{}: inline {attribute}", page.name);
                let leads = matches!(attribute, "href" | "src" | "action" | "formaction" | "srcset" | "xlink:href");
                // The way back to an app is that app's own.
                let back = page.name.starts_with("signed_out") && content.starts_with("https://notes.example/");
                // A link that opens a client on this computer.
                let installs = content.starts_with("vscode:mcp/install?")
                    || content.starts_with("cursor://anysphere.cursor-deeplink/");
                let ours = content.starts_with("/gate/") || content.starts_with('#') || back || installs;
                // The one form that is an answer to somebody else.
                let answers = matches!(page.csp, Csp::To(_)) && attribute == "action" && value.name() == "form";
                assert!(!leads || ours || answers, "{}: {attribute}={content} leaves the site", page.name);
            }
            let inline = value.name() == "style" || (value.name() == "script" && value.attr("src").is_none());
            assert!(!inline, "{}: inline {}", page.name, value.name());
        }
        let policy = page.headers.get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(policy.contains("form-action 'self'"), matches!(page.csp, Csp::Own | Csp::Live), "{}", page.name);
        assert_eq!(policy.contains("connect-src"), page.csp == Csp::Live, "{}: only what asks for more may", page.name);
        assert_eq!(policy.contains("form-action"), page.csp != Csp::MayLeave, "{}", page.name);
        let most = 6 + usize::from(page.csp == Csp::Live);
        assert!(policy.matches(';').count() <= most, "{}: a URL became a directive: {policy}", page.name);
    }
}

#[actix_web::test]
async fn pages_that_may_end_at_a_client_let_the_browser_go_there() {
    for page in every_page().await {
        let asked_by_app = page.name.starts_with("sign_out") && !page.all("input[name=request]").is_empty();
        let may_leave = ["sign_in", "second_step", "consent"].iter().any(|name| page.name.starts_with(name));
        let may_leave = may_leave || asked_by_app;
        assert_eq!(page.csp == Csp::MayLeave, may_leave, "{}", page.name);
        let may_leave = may_leave || page.name.starts_with("form_post");
        let opener = page.headers.get("cross-origin-opener-policy").unwrap();
        assert_eq!(opener == "unsafe-none", may_leave, "{}: a popup flow needs its opener", page.name);
    }
}

#[actix_web::test]
async fn no_page_is_stored_sniffed_or_framed() {
    for page in every_page().await {
        for (header, value) in [
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(page.headers.get(header).unwrap(), value, "{}: {header}", page.name);
        }
    }
}

#[actix_web::test]
async fn a_hostile_name_becomes_neither_markup_nor_disguise() {
    let mut hostile = 0;
    for page in every_page().await {
        hostile += usize::from(page.text.contains("O&#39;Hara"));
        let is_ours = |script: ElementRef<'_>| script.attr("src").is_some_and(|src| src.starts_with("/gate/static/"));
        assert!(page.all("script").into_iter().all(is_ours), "{}: a name became a script", page.name);
        assert!(!page.text.contains("alert(\"1\")"), "{}: a quote came through", page.name);
        for disguise in ['\u{202e}', '\u{200b}', '\u{feff}', '\u{2066}', '\0'] {
            assert!(!page.text.contains(disguise), "{}: {disguise:?} came through", page.name);
        }
    }
    assert!(hostile >= 7, "only {hostile} pages were tried with a hostile name");
}

#[actix_web::test]
async fn the_words_that_everything_relies_on_are_there() {
    let says = |page: &Shown, selector: &str, words: &str| {
        page.all(selector).iter().any(|element| element.text().collect::<String>().trim() == words)
    };
    for page in every_page().await {
        let expected: &[(&str, &str)] = match page.name.split_once(' ').unwrap().0 {
            "sign_in" => &[("label", "Username"), ("label", "Password"), ("button", "Sign in")],
            "form_post" => &[("button", "Continue")],
            "consent" | "device_confirm" => &[("button", "Allow"), ("button", "Deny")],
            "device_code" => &[("label", "Code"), ("button", "Continue")],
            "apps" => &[("h1", "Connected apps")],
            "setup" => &[("h1", "Set up a client"), ("h2", "What do you want to connect?")],
            "sign_out" => &[("button", "Sign out")],
            "workspaces" => &[("h1", "Workspaces")],
            "new_workspace" => &[("button", "Create workspace")],
            "doctor" => &[("h1", "Connection doctor"), ("button", "Examine")],
            "flows" => &[("h1", "Recent connections")],
            _ => &[],
        };
        for (selector, words) in expected {
            assert!(says(&page, selector, words), "{} has no {selector} {words:?}", page.name);
        }
        let is_of_apps = page.name.starts_with("apps ");
        assert_eq!(
            if is_of_apps { page.all("li.row").len() } else { 0 },
            if is_of_apps { page.all("li.row a.danger").len() } else { 0 },
            "{}: every app can be revoked",
            page.name
        );
    }
}

#[actix_web::test]
async fn a_consent_form_sends_back_nothing_that_decides() {
    for page in every_page().await.iter().filter(|page| page.name.starts_with("consent")) {
        let names: HashSet<_> = page.all("form [name]").iter().map(|field| field.attr("name").unwrap()).collect();
        assert_eq!(names, HashSet::from(["csrf", "request", "scope", "decision"]), "{}", page.name);
        assert!(page.all("[autofocus]").is_empty(), "{}: nobody allows by pressing Enter", page.name);
        assert_eq!(
            page.all("form button")[0].attr("value"),
            Some("deny"),
            "{}: Enter in a box presses the first button of a form",
            page.name
        );
    }
}

#[actix_web::test]
async fn a_device_is_answered_by_its_code_and_the_boxes_alone() {
    for page in every_page().await.iter().filter(|page| page.name.starts_with("device_confirm")) {
        let names: HashSet<_> = page.all("form [name]").iter().map(|field| field.attr("name").unwrap()).collect();
        assert_eq!(names, HashSet::from(["csrf", "user_code", "scope", "decision"]), "{}", page.name);
        assert!(page.all("[autofocus]").is_empty(), "{}: nobody allows by pressing Enter", page.name);
        assert_eq!(page.all("form button")[0].attr("value"), Some("deny"), "{}", page.name);
    }
}

/// With what it takes to show it, over the wire: no page of words and forms is heavier than a small picture.
#[actix_web::test]
async fn every_page_is_light() {
    let assets: usize = Asset::ALL.iter().map(|asset| asset.weight()).sum();
    for page in every_page().await {
        let weight = assets + page.text.len();
        // The page of components is every part of every page at once, and never sent to anybody.
        assert!(weight < 30_000 || page.name.starts_with("components"), "{} weighs {weight} bytes", page.name);
    }
}
