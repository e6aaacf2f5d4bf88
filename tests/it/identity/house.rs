//! A house with nothing but the doors that people sign in and out by, and browsers to knock with.
#![expect(clippy::panic, reason = "a helper that cannot go on fails its test")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::cookie::Cookie;
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, LOCATION, SET_COOKIE};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::web::{Data, get, post};
use actix_web::{App as Router, HttpResponse};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use portcullis::app::{App, Parts};
use portcullis::audit::Origin;
use portcullis::clock::Clock;
use portcullis::config::Config;
use portcullis::crypto::{PasswordHash, PlainToken, Random, RootKeys};
use portcullis::db::Connection;
use portcullis::http::form::Fields;
use portcullis::http::limit::SignInLimits;
use portcullis::http::{PageForm, SignedIn, urls};
use portcullis::identity::add_person::{AddPerson, NewPerson, add_person};
use portcullis::identity::session::{Browser as Place, Opening};
use portcullis::identity::set_up::{Issue, issue};
use portcullis::identity::{Session, User};
use portcullis::web;
use serde::Deserialize;

use crate::support::cluster::{TestDatabase, create_database};

pub const PASSWORD: &str = "correct horse battery";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

type Door = Rc<dyn Fn(TestRequest) -> LocalBoxFuture<'static, Answer>>;

/// Everything a request may reach, on a database of its own.
pub struct House {
    pub app: Data<App>,
    door: Door,
    _database: TestDatabase,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl House {
    pub async fn build() -> Self {
        Self::at("http://localhost:8080").await
    }

    pub async fn at(public_url: &str) -> Self {
        let database = create_database();
        let parts = Parts {
            config: config(public_url),
            db: database.open(),
            keys: Arc::new(KEY.parse::<RootKeys>().unwrap()),
            clock: Clock::adjustable(),
            random: Random::system(),
        };
        let app = Data::new(App::open(parts).await.unwrap());
        let door = door(app.clone()).await;
        Self { app, door, _database: database }
    }

    /// A person with [`PASSWORD`].
    pub async fn person(&self, username: &str) -> User {
        self.add(NewPerson { username: username.to_owned(), ..NewPerson::default() }).await
    }

    pub async fn add(&self, person: NewPerson) -> User {
        let password = Some(self.hash(PASSWORD).await);
        let now = self.app.clock.now();
        let person = NewPerson { password, ..person };
        match self.app.db.write(async |conn| add_person(conn, person, &Origin::default(), now).await).await.unwrap() {
            AddPerson::Added(user) => user,
            AddPerson::Refused(refusal) => panic!("{refusal}"),
        }
    }

    pub async fn hash(&self, password: &str) -> PasswordHash {
        self.app.passwords.hash(password.into()).await.unwrap()
    }

    /// A set-up link's token for a person.
    pub async fn link(&self, user: &User) -> PlainToken {
        let (app, now) = (&self.app, self.app.clock.now());
        let lifetime = app.config.lifetimes.setup_link;
        let issued = app.db.write(async |conn| {
            issue(conn, (&app.keys, &app.random), user.id, lifetime, &Origin::default(), now).await
        });
        match issued.await.unwrap() {
            Issue::Link(token) => token,
            Issue::Refused => panic!("refused"),
        }
    }

    /// A session about to begin.
    pub fn opening(&self) -> (Opening, PlainToken) {
        let place = Place { address: [192, 0, 2, 1].into(), user_agent: Some("Firefox".to_owned()) };
        Opening::new(&self.app.keys, &self.app.random, place, self.app.config.lifetimes.session)
    }

    /// The live session of a token.
    pub async fn live(&self, token: &PlainToken) -> Option<Session> {
        let (hashes, idle) = (self.app.keys.hashes(token), self.app.config.lifetimes.session_idle);
        let mut conn = self.app.db.read().await.unwrap();
        Session::live(&mut conn, &hashes, idle, self.app.clock.now()).await.unwrap()
    }

    /// Runs a verb in a transaction.
    pub async fn write<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> diesel::QueryResult<T>) -> T {
        self.app.db.write(verb).await.unwrap()
    }

    /// A browser that has never been here, at home.
    pub fn browser(&self) -> Browser {
        self.browser_at("198.51.100.7")
    }

    pub fn browser_at(&self, address: &str) -> Browser {
        Browser { door: Rc::clone(&self.door), address: address.to_owned(), jar: RefCell::default(), says: Vec::new() }
    }
}

fn config(public_url: &str) -> Config {
    let mut config = Config::default();
    config.server.public_url = public_url.parse().unwrap();
    config
}

/// A form that only somebody who is signed in may send.
#[derive(Deserialize)]
struct Note {
    text: String,
}

impl Fields for Note {}

async fn door(app: Data<App>) -> Door {
    let limits = Data::new(SignInLimits::new(&app.clock));
    let whoami = |who: SignedIn| async move { format!("{} {}", who.person.username, who.session.id) };
    let csrf = |who: SignedIn, app: Data<App>| async move { hidden("csrf", &who.csrf_token(&app.keys)) };
    let note = |_: SignedIn, PageForm(note): PageForm<Note>| async move { HttpResponse::Ok().body(note.text) };
    let router = Router::new()
        .app_data(app)
        .app_data(limits)
        .route(urls::LOGIN, get().to(web::sign_in::get))
        .route(urls::LOGIN, post().to(web::sign_in::post))
        .route(urls::SETUP, get().to(web::set_up::get))
        .route(urls::SETUP, post().to(web::set_up::post))
        .route(urls::LOGOUT, get().to(web::sign_out::get))
        .route(urls::LOGOUT, post().to(web::sign_out::post))
        .route(urls::APPS, get().to(whoami))
        .route("/note", get().to(csrf))
        .route("/note", post().to(note));
    let service = Rc::new(init_service(router).await);
    Rc::new(move |request| {
        let service = Rc::clone(&service);
        async move {
            let response = service.call(request.to_request()).await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
            Answer { status, headers, body }
        }
        .boxed_local()
    })
}

fn hidden(name: &str, value: &str) -> String {
    format!(r#"<input type="hidden" name="{name}" value="{value}">"#)
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let start = format!(r#"<input type="hidden" name="{name}" value=""#);
        let rest = self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body)).1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    pub fn assert(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} {}", self.location(), self.body);
        self
    }

    /// The page without what differs from one showing to the next.
    pub fn without_token(&self) -> String {
        let question = self.body.split_once("data-options=\"").map(|(_, rest)| rest.split_once('"').unwrap().0);
        let shown = self.body.replace(&self.field("csrf"), "…");
        match question {
            Some(question) => shown.replace(question, "…").replace(&self.field("ceremony"), "…"),
            None => shown,
        }
    }
}

/// A browser: it keeps cookies, and says truly where a form comes from.
pub struct Browser {
    door: Door,
    pub address: String,
    pub jar: RefCell<BTreeMap<String, String>>,
    /// Headers that it adds to every request.
    pub says: Vec<(&'static str, String)>,
}

impl Browser {
    pub async fn get(&self, url: &str) -> Answer {
        self.send(TestRequest::get().uri(url.trim_start_matches("http://localhost:8080"))).await
    }

    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(TestRequest::post().uri(url).set_form(fields)).await
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        let mut request = request.peer_addr(format!("{}:5000", self.address).parse().unwrap());
        for (name, value) in self.jar.borrow().iter() {
            request = request.cookie(Cookie::new(name.clone(), value.clone()));
        }
        for (name, value) in &self.says {
            request = request.insert_header((*name, value.as_str()));
        }
        let answer = (self.door)(request).await;
        for line in answer.headers.get_all(SET_COOKIE) {
            let cookie = Cookie::parse(line.to_str().unwrap().to_owned()).unwrap();
            match cookie.value() {
                "" => self.jar.borrow_mut().remove(cookie.name()),
                value => self.jar.borrow_mut().insert(cookie.name().to_owned(), value.to_owned()),
            };
        }
        answer
    }

    /// Fills in the sign-in form and sends it.
    pub async fn sign_in(&self, username: &str, password: &str) -> Answer {
        let csrf = self.get(urls::LOGIN).await.field("csrf");
        self.post(urls::LOGIN, &[("csrf", &csrf), ("username", username), ("password", password)]).await
    }

    /// The name and session that the house knows this browser by.
    pub async fn whoami(&self) -> Option<String> {
        let answer = self.get(urls::APPS).await;
        (answer.status == StatusCode::OK).then_some(answer.body)
    }

    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.borrow().get(name).cloned()
    }

    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar.borrow_mut().insert(name.to_owned(), value.to_owned());
    }
}
