//! Somebody at a browser: it keeps cookies, finds forms by their buttons, and follows redirects while they stay here.

use std::collections::BTreeMap;
use std::sync::Mutex;

use portcullis::http::urls;
use portcullis::types::UserId;
use reqwest::header::{ACCEPT, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};

use super::Answer;
use super::answer::Form;
use super::app::{Node, PASSWORD, http_client, with_form};

/// A person's browser.
pub struct Browser {
    node: Node,
    http: reqwest::Client,
    jar: Mutex<BTreeMap<String, String>>,
    /// Headers that it sends with everything.
    says: HeaderMap,
    /// The name that its person signs in with.
    pub username: String,
    /// Who they are.
    pub user: UserId,
}

impl Browser {
    /// The browser of somebody, without any cookie.
    pub fn of(node: &Node, username: &str, user: UserId) -> Self {
        let (http, jar) = (http_client(None), Mutex::default());
        Self { node: node.clone(), http, jar, says: HeaderMap::new(), username: username.to_owned(), user }
    }

    /// Another browser of the same person, without any cookie.
    pub fn elsewhere(&self) -> Self {
        Self::of(&self.node, &self.username, self.user)
    }

    /// This browser, reaching another node.
    pub fn at(&self, node: &Node) -> Self {
        let jar = Mutex::new(self.jar.lock().unwrap().clone());
        Self { node: node.clone(), jar, says: self.says.clone(), ..self.elsewhere() }
    }

    /// This browser, saying something in a header of every request.
    pub fn saying(mut self, name: &str, value: &str) -> Self {
        self.says.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.lock().unwrap().get(name).cloned()
    }

    /// Plants or takes away a cookie.
    pub fn set_cookie(&self, name: &str, value: Option<&str>) {
        let mut jar = self.jar.lock().unwrap();
        match value {
            Some(value) => drop(jar.insert(name.to_owned(), value.to_owned())),
            None => drop(jar.remove(name)),
        }
    }

    /// Opens a page of ours, and says what came first.
    pub async fn get(&self, url: &str) -> Answer {
        self.send(self.node.request_by(&self.http, Method::GET, url)).await
    }

    /// Opens a page of ours and follows redirects until there is a page, or one leads away from us.
    pub async fn visit(&self, url: &str) -> Answer {
        self.follow(self.get(url).await).await
    }

    /// Sends a form, and says what came first.
    pub async fn submit(&self, form: &Form) -> Answer {
        self.send(with_form(self.node.request_by(&self.http, Method::POST, &form.action), &form.fields)).await
    }

    /// Sends any request with its cookies.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let cookies =
            self.jar.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let request = request.header(ACCEPT, "text/html,*/*;q=0.8").headers(self.says.clone());
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies.join("; ")) };
        let answer = self.node.send(request).await;
        for (name, value) in answer.cookies() {
            self.set_cookie(&name, (!value.is_empty()).then_some(&value));
        }
        answer
    }

    /// Follows redirects from here on.
    pub async fn follow(&self, first: Answer) -> Answer {
        let mut answer = first;
        for _ in 0..10 {
            match answer.location().to_owned() {
                ours if ours.strip_prefix(self.node.issuer()).is_some_and(|path| path.starts_with('/')) => {
                    answer = self.get(&ours).await;
                }
                _ => return answer,
            }
        }
        panic!("it goes in circles: {}", answer.location());
    }

    /// Signs in by the page, with the password that everybody has.
    pub async fn sign_in(&self) -> Answer {
        let page = self.get(urls::LOGIN).await;
        self.sign_in_on(&page).await.assert(303)
    }

    /// Fills in a sign-in page and sends it.
    pub async fn sign_in_on(&self, page: &Answer) -> Answer {
        let form = page.form("Sign in").fill("Username", &self.username).fill("Password", PASSWORD);
        self.submit(&form).await
    }

    /// Fills in *Confirm it is you* and sends it.
    pub async fn confirm(&self, page: &Answer) -> Answer {
        self.submit(&page.form("Confirm").fill("Password", PASSWORD)).await
    }

    /// Opens an authorization URL and signs in if asked to: the page on which there is something to decide, or a redirect
    /// away from us.
    pub async fn consider(&self, url: &str) -> Answer {
        let page = self.visit(url).await;
        match page.offers("Sign in") {
            true => self.follow(self.sign_in_on(&page).await).await,
            false => page,
        }
    }

    /// Opens an authorization URL, signs in if asked to, and presses *Allow*: the redirect to the client.
    pub async fn allow(&self, url: &str) -> Answer {
        let page = self.consider(url).await;
        self.submit(&page.form("Allow")).await.assert(303)
    }

    /// The same with *Deny*.
    pub async fn deny(&self, url: &str) -> Answer {
        let page = self.consider(url).await;
        self.submit(&page.form("Deny")).await.assert(303)
    }

    /// Ends what was allowed to the only connected app.
    pub async fn revoke_app(&self) -> Answer {
        let page = self.get(urls::REVOKE_APPS).await.assert(200);
        self.submit(&page.form("Revoke all")).await.assert(303)
    }

    /// The question before one connected app is ended.
    pub async fn asked_about_app(&self, client: &str) -> Answer {
        self.get(&format!("{}?app={client}", urls::REVOKE_APPS)).await
    }
}
