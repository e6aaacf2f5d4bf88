//! What somebody asks of a list: what to look for, in which order, which of it, and which page. All of it is in the URL.
//!
//! Anybody can write anything into a URL, so nothing here fails: what makes no sense counts as not said, and a page behind
//! the last one is the last one. A list whose rows are few by construction (passkeys: at most 20) needs none of this.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use url::form_urlencoded;

use super::components::{Choice, Pager, Toolbar, link};

/// What a URL says after its `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(BTreeMap<String, String>);

/// The most parameters that are looked at.
const MOST: usize = 32;
/// The longest text that is looked for, which is also the longest that the field takes.
const LONGEST: usize = 200;

impl Asked {
    /// Reads a query. Of several of one name the last counts; what no text column takes is left out.
    pub fn of(query: &str) -> Self {
        let said = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
        let pairs = form_urlencoded::parse(query.as_bytes()).take(MOST);
        Self(pairs.map(|(name, value)| (name.into_owned(), said(value.trim()))).collect())
    }

    /// A parameter; nothing where it was not said.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A parameter that names a thing; none where it names nothing.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name).parse().ok()
    }

    /// What is looked for.
    pub fn query(&self) -> &str {
        self.get("q")
    }

    /// True of something with what is looked for in one of these texts, whatever its case.
    pub fn finds<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let wanted = self.query().to_lowercase();
        wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
    }
}

impl FromRequest for Asked {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.query_string())))
    }
}

/// A word in the URL, and what people read. The first of several goes without saying.
pub type Answer = (&'static str, &'static str);

/// A list, as what stands above and below it has to know it.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// What its search is called: "Search keys".
    pub label: &'static str,
    /// One of it, and several.
    pub nouns: [&'static str; 2],
    /// Its orders (`sort`).
    pub sorts: &'static [Answer],
    /// What it can be narrowed to (`show`), if it can.
    pub shows: &'static [Answer],
    /// As many are on one page.
    pub on_a_page: usize,
}

/// The part of a list that is on one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which page, from 1.
    number: usize,
    /// How many there are on all pages.
    all: usize,
    /// How many are before it.
    pub skip: usize,
    /// How many it has at most.
    pub most: usize,
}

impl List {
    /// The order that is asked for.
    pub fn sort(&self, asked: &Asked) -> &'static str {
        one_of(self.sorts, asked.get("sort"))
    }

    /// What it is narrowed to.
    pub fn show(&self, asked: &Asked) -> &'static str {
        one_of(self.shows, asked.get("show"))
    }

    /// True when something else is asked for than all of it.
    pub fn is_narrowed(&self, asked: &Asked) -> bool {
        !asked.query().is_empty() || self.shows.first().is_some_and(|(usual, _)| self.show(asked) != *usual)
    }

    /// What stands above it.
    pub fn toolbar(&self, asked: &Asked, path: &str) -> Toolbar {
        let choices = |answers: &[Answer], chosen: &str| {
            answers.iter().map(|(word, label)| Choice::new(*word, *label).chosen(*word == chosen)).collect()
        };
        Toolbar {
            action: path.to_owned(),
            label: self.label.to_owned(),
            query: asked.query().to_owned(),
            sorts: choices(self.sorts, self.sort(asked)),
            filters: choices(self.shows, self.show(asked)),
        }
    }

    /// The part of so many that is asked for.
    pub fn part(&self, asked: &Asked, all: impl TryInto<usize>) -> Part {
        let all = all.try_into().unwrap_or_default();
        let last = all.div_ceil(self.on_a_page).max(1);
        let number = asked.id("page").unwrap_or(1).clamp(1, last);
        Part { number, all, skip: (number - 1) * self.on_a_page, most: self.on_a_page }
    }

    /// What stands below it.
    pub fn pager(&self, asked: &Asked, path: &str, part: Part) -> Pager {
        let Part { number, all, skip, most } = part;
        let noun = self.nouns[usize::from(all != 1)];
        let shown = match all <= most {
            true => format!("{} {noun}", grouped(all)),
            false => {
                let last = (skip + most).min(all);
                format!("{} to {} of {} {noun}", grouped(skip + 1), grouped(last), grouped(all))
            }
        };
        let at = |number: usize| self.link(asked, path, &[("page", &number.to_string())]);
        Pager {
            shown,
            first: None,
            previous: (number > 1).then(|| at(number - 1)),
            next: (skip + most < all).then(|| at(number + 1)),
        }
    }

    /// The same page again: where a form on it goes, and where that leads back to with what was `done`.
    pub fn here(&self, asked: &Asked, path: &str, done: &str) -> String {
        self.link(asked, path, &[("page", asked.get("page")), ("done", done)])
    }

    /// Another page of the same search, in the same order.
    pub fn link(&self, asked: &Asked, path: &str, more: &[(&str, &str)]) -> String {
        let unless_usual = |answers: &[Answer], word: &'static str| match answers.first() {
            Some((usual, _)) if *usual != word => word,
            _ => "",
        };
        let (sort, show) = (unless_usual(self.sorts, self.sort(asked)), unless_usual(self.shows, self.show(asked)));
        let mut parameters = vec![("q", asked.query()), ("sort", sort), ("show", show)];
        parameters.extend_from_slice(more);
        link(path, &parameters)
    }

    /// The page of what is in memory already, and what stands below it.
    pub fn page<T>(&self, asked: &Asked, path: &str, found: Vec<T>) -> (Vec<T>, Pager) {
        let part = self.part(asked, found.len());
        (found.into_iter().skip(part.skip).take(part.most).collect(), self.pager(asked, path, part))
    }
}

fn one_of(answers: &[Answer], said: &str) -> &'static str {
    let known = answers.iter().find(|(word, _)| *word == said).or(answers.first());
    known.map_or("", |(word, _)| word)
}

/// A number that can be read at a glance: `12,345`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: List = List {
        label: "Search things",
        nouns: ["thing", "things"],
        sorts: &[("newest", "Newest first"), ("name", "By name")],
        shows: &[("", "All"), ("off", "Off")],
        on_a_page: 50,
    };

    #[test]
    fn what_makes_no_sense_was_not_said() {
        for query in ["", "q=%00&sort=x'--&show=%ff&page=-1", "page=99999999999999999999&sort=&show=all", "&&&=&%"] {
            let asked = Asked::of(query);
            let part = LIST.part(&asked, 120usize);
            assert_eq!((LIST.sort(&asked), LIST.show(&asked), part.skip), ("newest", "", 0), "{query}");
            assert!(!LIST.is_narrowed(&asked), "{query}");
        }
        assert_eq!(Asked::of("q=1&q=2").query(), "2");
        assert_eq!(Asked::of(&format!("q={}", "x".repeat(9000))).query().len(), LONGEST);
    }

    #[test]
    fn a_page_behind_the_last_is_the_last() {
        for (page, all, skip, shown) in [
            ("1", 0, 0, "0 things"),
            ("7", 1, 0, "1 thing"),
            ("2", 120, 50, "51 to 100 of 120 things"),
            ("3", 120, 100, "101 to 120 of 120 things"),
            ("4", 120, 100, "101 to 120 of 120 things"),
            ("1", 1204, 0, "1 to 50 of 1,204 things"),
        ] {
            let asked = Asked::of(&format!("page={page}"));
            let part = LIST.part(&asked, all);
            assert_eq!((part.skip, LIST.pager(&asked, "/x", part).shown.as_str()), (skip, shown));
        }
    }

    #[test]
    fn the_other_pages_are_of_the_same_search() {
        let asked = Asked::of("q=a%26b&sort=name&show=off&page=2&done=made");
        let pager = LIST.pager(&asked, "/x", LIST.part(&asked, 120));
        assert_eq!(pager.previous.as_deref(), Some("/x?q=a%26b&sort=name&show=off&page=1"));
        assert_eq!(pager.next.as_deref(), Some("/x?q=a%26b&sort=name&show=off&page=3"));
        let (page, pager) = LIST.page(&Asked::default(), "/x", (0..51).collect());
        assert_eq!((page.len(), pager.next.as_deref()), (50, Some("/x?page=2")));
    }

    #[test]
    fn a_search_takes_no_notice_of_case() {
        let asked = Asked::of("q=%20ACME%20");
        assert!(asked.finds(["x", "The Acme"]) && !asked.finds(["ac me"]) && Asked::default().finds([]));
    }
}
