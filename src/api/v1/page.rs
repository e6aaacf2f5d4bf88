//! Long lists, page by page.

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::api::error::Problem;
use crate::http::params::Params;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The key of the last item of the page before, if there was one.
    pub after: Option<String>,
    /// How many items at most.
    pub limit: usize,
    params: Params,
}

/// A page of a list. `next_cursor` is absent on the last one.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What is given without asking for a number.
const USUAL: usize = 100;
/// The most that is given.
const MOST: usize = 500;

impl Asked {
    /// Reads `limit` and `cursor` from the query.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let params = Params::parse(request.query_string().as_bytes());
        if params.flaw().is_some() {
            return Err(Problem::BadRequest("A parameter came twice or cannot be read"));
        }
        let limit = match params.get("limit").map(str::parse::<usize>) {
            None => USUAL,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(_) => return Err(Problem::BadRequest("limit must be a number from 1 to 500")),
        };
        let after = params.get("cursor").map(|cursor| {
            let key = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|key| String::from_utf8(key).ok());
            key.filter(|key| !key.contains('\0')).ok_or(Problem::BadRequest("The cursor is none of ours"))
        });
        Ok(Self { after: after.transpose()?, limit, params })
    }

    /// True of something with what is looked for (`search`) in one of these texts, whatever its case.
    pub fn finds<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let wanted = self.get("search").unwrap_or_default().to_lowercase();
        wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Another parameter of the query.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }

    /// Refuses a query with any other parameter: of a filter that is not known, nobody shall believe that it filters.
    pub fn only(&self, names: &[&str]) -> Result<(), Problem> {
        let is_known = |name: &&str| names.contains(name) || ["limit", "cursor"].contains(name);
        match self.params.names().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                let name: String = name.chars().take(40).collect();
                Err(Problem::Malformed(format!("{name:?} is no parameter here; there are {}", names.join(", "))))
            }
        }
    }

    /// The page of `found`, of which one more than asked for was looked up.
    pub fn page<T>(&self, found: Vec<T>, key: impl Fn(&T) -> &str) -> Page<T> {
        self.page_by(found, |item| key(item).to_owned())
    }

    /// The same where a key has to be written first.
    pub fn page_by<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let goes_on = found.len() > self.limit;
        found.truncate(self.limit);
        let next_cursor = found.last().filter(|_| goes_on).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Page { items: found, next_cursor }
    }
}

impl<T> Page<T> {
    /// The same page with every item said otherwise.
    pub fn map<U>(self, item: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(item).collect(), next_cursor: self.next_cursor }
    }
}
