//! What came back, and the rules that hold for every answer of ours.

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, SET_COOKIE};
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;
use url::Url;

use super::Tokens;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Checks what must hold of any answer, whatever it answers.
    pub fn check(&self) {
        assert_ne!(self.status, 500, "no input is worth a 500: {}", self.body);
        assert!(self.headers.contains_key("x-request-id"), "{self:?}");
        assert_eq!(self.headers["x-content-type-options"], "nosniff");
        if self.is_json() && !self.body.is_empty() {
            let json = self.json();
            // JSON-RPC 2.0 §5 has one place where `null` must be: the id of what could not be read.
            assert!(json.get("jsonrpc").is_some() || !has_null(&json), "null in {}", self.body);
        }
    }

    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The cookies that it sets; an empty value takes one away.
    pub fn cookies(&self) -> Vec<(String, String)> {
        let lines = self.headers.get_all(SET_COOKIE).iter();
        let pairs = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// A parameter in the query of where it redirects to; it must be there at most once.
    pub fn callback_parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(self.location()).ok()?;
        let mut found: Vec<_> = url.query_pairs().filter(|(key, _)| key == name).collect();
        assert!(found.len() < 2, "{name} twice in {url}");
        found.pop().map(|(_, value)| value.into_owned())
    }

    pub fn is_json(&self) -> bool {
        self.header(CONTENT_TYPE.as_str()).starts_with("application/json")
    }

    pub fn is_page(&self) -> bool {
        self.header(CONTENT_TYPE.as_str()).starts_with("text/html")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} is not JSON: {}", self.status, self.body))
    }

    /// The tokens in it.
    pub fn tokens(self) -> Tokens {
        Tokens::read(&self.assert(200))
    }

    /// Fails unless it has this status.
    #[track_caller]
    pub fn assert(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}", self.location(), self.body);
        self
    }

    /// Fails unless it refuses with this status and OAuth error code (RFC 6749 §5.2), in JSON that nobody keeps.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{} {}", self.location(), self.body);
        let json = self.json();
        assert_eq!(json["error"], code, "{}", self.body);
        assert!(json["error_description"].is_string(), "{}", self.body);
        assert!(self.header("cache-control").contains("no-store"), "{:?}", self.headers);
    }

    /// Fails unless it is a page of ours that leads nowhere else.
    #[track_caller]
    pub fn assert_error_page(&self) {
        assert!(
            (400..500).contains(&self.status) && self.is_page(),
            "{} {}: {}",
            self.status,
            self.location(),
            self.body
        );
        assert_eq!(self.location(), "");
    }

    /// Fails unless it sends this error to the client, with `state` and the one true `iss` (RFC 6749 §4.1.2.1, RFC 9207).
    #[track_caller]
    pub fn assert_error_at(&self, redirect_uri: &str, code: &str, issuer: &str) {
        assert_eq!(self.status, 303, "{}", self.body);
        assert!(self.location().starts_with(redirect_uri), "{}", self.location());
        assert_eq!(self.callback_parameter("error").as_deref(), Some(code), "{}", self.location());
        assert_eq!(self.callback_parameter("iss").as_deref(), Some(issuer), "{}", self.location());
        assert_eq!(self.callback_parameter("code"), None);
    }

    /// True when its page has a form with this button.
    pub fn offers(&self, button: &str) -> bool {
        self.is_page() && self.find_form(button).is_some()
    }

    /// The form that has this button.
    #[track_caller]
    pub fn form(&self, button: &str) -> Form {
        self.find_form(button).unwrap_or_else(|| panic!("no button {button:?}: {} {}", self.status, self.body))
    }

    fn find_form(&self, button: &str) -> Option<Form> {
        let html = Html::parse_document(&self.body);
        let form = html.select(&selector("form")).find(|form| buttons(*form).any(|(words, _)| words == button))?;
        Some(Form::read(form, button, &html))
    }

    /// The text of the element with this id.
    pub fn text_of(&self, id: &str) -> Option<String> {
        let html = Html::parse_document(&self.body);
        let found = html.select(&selector(&format!("[id='{id}']"))).next();
        found.map(|element| element.text().collect::<String>().trim().to_owned())
    }

    /// What stands in a text area.
    #[track_caller]
    pub fn textarea(&self, id: &str) -> String {
        self.text_of(id).unwrap_or_else(|| panic!("no text area {id}: {}", self.body))
    }

    /// What an element of its page says.
    #[track_caller]
    pub fn says(&self, id: &str) -> String {
        let html = Html::parse_document(&self.body);
        let found = html.select(&selector(&format!("#{id}"))).next();
        found.unwrap_or_else(|| panic!("nothing is called {id}: {}", self.body)).text().collect()
    }

    /// The words of the page.
    pub fn words(&self) -> String {
        let html = Html::parse_document(&self.body);
        html.select(&selector("body")).flat_map(|body| body.text()).flat_map(str::split_whitespace).fold(
            String::new(),
            |mut words, word| {
                words.push_str(word);
                words.push(' ');
                words
            },
        )
    }
}

/// A form as a browser would send it when its button is pressed.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
    /// Which field has which label.
    labels: Vec<(String, String)>,
}

impl Form {
    fn read(form: ElementRef<'_>, button: &str, html: &Html) -> Self {
        let mut fields = Vec::new();
        for input in form.select(&selector("input[name]")) {
            let attribute = |name| input.attr(name);
            let is_box = matches!(attribute("type"), Some("checkbox" | "radio"));
            let is_sent = attribute("disabled").is_none() && (!is_box || attribute("checked").is_some());
            if is_sent {
                let value = attribute("value").unwrap_or_default();
                fields.push((attribute("name").unwrap().to_owned(), value.to_owned()));
            }
        }
        for select in form.select(&selector("select[name]")) {
            let options: Vec<_> = select.select(&selector("option")).collect();
            let chosen = options.iter().find(|option| option.attr("selected").is_some()).or(options.first());
            let value = chosen.and_then(|option| option.attr("value")).unwrap_or_default();
            fields.push((select.attr("name").unwrap().to_owned(), value.to_owned()));
        }
        fields.extend(buttons(form).find(|(words, _)| words == button).and_then(|(_, pressed)| pressed));
        let labelled = selector("label[for]");
        let labels = html.select(&labelled).filter_map(|label| {
            let field = form.select(&selector(&format!("input#{0}, select#{0}", label.attr("for")?))).next()?;
            Some((words_of(label), field.attr("name")?.to_owned()))
        });
        Self { action: form.attr("action").unwrap().to_owned(), fields, labels: labels.collect() }
    }

    /// Types into the field with this label.
    #[track_caller]
    pub fn fill(self, label: &str, text: &str) -> Self {
        let name = self.labels.iter().find(|(words, _)| words == label).map(|(_, name)| name.clone());
        let name = name.unwrap_or_else(|| panic!("no field {label:?} among {:?}", self.labels));
        self.set(&name, text)
    }

    /// Changes what a field sends, as an attacker can.
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Sends it elsewhere, as an attacker can.
    pub fn sent_to(self, action: &str) -> Self {
        Self { action: action.to_owned(), ..self }
    }

    /// Sends one field more.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a field not at all.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self
    }

    /// Takes the tick from a box.
    pub fn untick(mut self, value: &str) -> Self {
        self.fields.retain(|(_, sent)| sent != value);
        self
    }

    /// What a field would send.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.unwrap_or_else(|| panic!("no field {name:?} in {self:?}")).1.clone()
    }
}

fn buttons(form: ElementRef<'_>) -> impl Iterator<Item = (String, Option<(String, String)>)> {
    form.select(&selector("button"))
        .map(|button| {
            let pressed =
                button.attr("name").map(|name| (name.to_owned(), button.attr("value").unwrap_or("").to_owned()));
            (words_of(button), pressed)
        })
        .collect::<Vec<_>>()
        .into_iter()
}

fn words_of(element: ElementRef<'_>) -> String {
    element.text().flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn has_null(json: &Value) -> bool {
    match json {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
