//! What the macros in `templates/components/` are handed: fields and their errors, choices, lists, states, steps.
//!
//! Each is words that are ready to be shown; what they mean was decided before. `templates/components/` shows how to call
//! them, and `/settings/components` of a development build shows how they look.

use chrono::{DateTime, TimeDelta, Utc};
use url::form_urlencoded;

use crate::web::words::Moment;

/// What is wrong with a form, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors(Vec<FieldError>);

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The id of the field, for the link from the summary.
    pub field: &'static str,
    /// What is wrong and how to put it right.
    pub words: String,
}

impl Errors {
    /// Nothing is wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// One thing is wrong.
    pub fn one(field: &'static str, words: impl Into<String>) -> Self {
        let mut errors = Self::none();
        errors.add(field, words);
        errors
    }

    /// Adds what is wrong with a field.
    pub fn add(&mut self, field: &'static str, words: impl Into<String>) {
        self.0.push(FieldError { field, words: words.into() });
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with this field; empty when nothing is.
    pub fn of(&self, field: &str) -> &str {
        self.0.iter().find(|error| error.field == field).map_or("", |error| &error.words)
    }

    /// All of it, in the order of the form.
    pub fn all(&self) -> &[FieldError] {
        &self.0
    }
}

/// One of the answers of a select, of radio buttons or of tick boxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What a person reads.
    pub label: String,
    /// The same, a little more exactly; not shown in a select.
    pub detail: String,
    /// What the summary sentence calls it, where that is not the label.
    pub words: String,
    /// True when it is chosen.
    pub chosen: bool,
}

impl Choice {
    /// An answer that is not chosen.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), ..Self::default() }
    }

    /// The same, explained.
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// The same, with other words in the summary sentence.
    pub fn words(self, words: impl Into<String>) -> Self {
        Self { words: words.into(), ..self }
    }

    /// The same, chosen or not.
    pub fn chosen(self, chosen: bool) -> Self {
        Self { chosen, ..self }
    }
}

/// One row of the grid of permissions: a kind of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridRow {
    /// Its name in what the form sends: `{name}:read`, `{name}:write`, `{name}:delete`.
    pub name: String,
    /// What a person reads.
    pub label: String,
    /// What it comprises.
    pub detail: String,
    /// The boxes in the order of the columns.
    pub boxes: Vec<GridBox>,
}

/// One box of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridBox {
    /// The verb: the column's, in lower case.
    pub verb: &'static str,
    /// The column's name.
    pub label: &'static str,
    /// What it is.
    pub state: BoxState,
}

/// What a box of the grid is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxState {
    /// Not ticked.
    Off,
    /// Ticked.
    On,
    /// This kind of resource knows no such thing, or the person may not give it away.
    Absent,
}

impl GridBox {
    /// True where there is nothing to tick.
    pub fn is_absent(&self) -> bool {
        self.state == BoxState::Absent
    }

    /// True when it is ticked.
    pub fn is_ticked(&self) -> bool {
        self.state == BoxState::On
    }
}

impl GridRow {
    /// A row whose boxes stand for reading, writing and deleting.
    pub fn new(name: &str, label: &str, detail: &str, [read, write, delete]: [BoxState; 3]) -> Self {
        let boxes = [("read", "Read", read), ("write", "Write", write), ("delete", "Delete", delete)];
        let boxes = boxes.map(|(verb, label, state)| GridBox { verb, label, state }).to_vec();
        Self { name: name.to_owned(), label: label.to_owned(), detail: detail.to_owned(), boxes }
    }
}

/// A box of the tree, with those below it: workspace, project, folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeNode {
    /// What the form sends.
    pub value: String,
    /// Its name.
    pub label: String,
    /// What is known of it beside the name, such as how many servers are in it.
    pub detail: String,
    /// True when it is chosen: with everything below it.
    pub chosen: bool,
    /// True when what is below it is to be seen at once.
    pub open: bool,
    /// What is below it; three levels are shown.
    pub below: Vec<TreeNode>,
}

impl TreeNode {
    /// True when something below it is chosen, or to be seen at once.
    pub fn narrows(&self) -> bool {
        self.open || self.below.iter().any(|node| node.chosen || node.narrows())
    }
}

/// How a state is coloured. The words beside it say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look before long.
    Soon,
    /// Not any more, or not at all.
    Bad,
    /// Over.
    Ended,
    /// Just a fact.
    Plain,
}

impl Tone {
    /// The class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Soon => "soon",
            Self::Bad => "bad",
            Self::Ended => "ended",
            Self::Plain => "plain",
        }
    }
}

/// A state in one or two words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Its colour.
    pub tone: Tone,
    /// The words.
    pub words: String,
}

impl Badge {
    /// A state of that colour.
    pub fn new(tone: Tone, words: impl Into<String>) -> Self {
        Self { tone, words: words.into() }
    }
}

/// When something ends, as a list shows it: amber two weeks before, red when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Its colour.
    pub tone: Tone,
    /// "Expires" or "Expired", before the time; the whole of it where there is no time.
    pub words: &'static str,
    /// The time, if it ever ends.
    pub at: Option<Moment>,
}

/// So long before its end, a thing is marked.
const SOON: TimeDelta = TimeDelta::days(14);

impl Expiry {
    /// As it reads at `now`.
    pub fn new(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let Some(at) = at else { return Self { tone: Tone::Plain, words: "Never expires", at: None } };
        let (tone, words) = match at - now {
            left if left <= TimeDelta::zero() => (Tone::Bad, "Expired"),
            left if left < SOON => (Tone::Soon, "Expires"),
            _ => (Tone::Plain, "Expires"),
        };
        Self { tone, words, at: Some(Moment::new(at, now)) }
    }
}

/// What is above a list: a search, an order, and whatever else narrows it. All of it is in the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolbar {
    /// The list's own address.
    pub action: String,
    /// What the search looks through: "Search keys".
    pub label: String,
    /// What is looked for (`q`).
    pub query: String,
    /// The orders (`sort`); with fewer than two there is nothing to choose.
    pub sorts: Vec<Choice>,
    /// The states (`show`), where the list can be narrowed to one.
    pub filters: Vec<Choice>,
}

/// What is below a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pager {
    /// What is shown: "51 to 100 of 1,204 keys".
    pub shown: String,
    /// Where the first page is, for a list that only goes forward.
    pub first: Option<String>,
    /// Where the page before is.
    pub previous: Option<String>,
    /// Where the next one is.
    pub next: Option<String>,
}

impl Pager {
    /// True when there is nothing but this page.
    pub fn is_only_page(&self) -> bool {
        self.first.is_none() && self.previous.is_none() && self.next.is_none()
    }
}

/// `path` with these parameters; those without a value are left out.
pub fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let said = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A page that belongs to the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Where it is.
    pub href: String,
    /// Its name.
    pub label: &'static str,
    /// True on the page itself.
    pub here: bool,
}

/// A page above this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crumb {
    /// Where it is.
    pub href: String,
    /// Its name.
    pub label: String,
}

/// One step of something that takes a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRow {
    /// Names it for the script that fills it in.
    pub id: &'static str,
    /// What is done.
    pub title: String,
    /// How it stands.
    pub state: StepState,
    /// What was seen, or what to do about it.
    pub detail: String,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Not begun, or under way.
    Waiting,
    /// As it should be.
    Done,
    /// It works, with a remark.
    Remark,
    /// It did not work.
    Failed,
    /// Left out, because one before it failed or nobody asked for it.
    Skipped,
}

impl StepState {
    /// The class.
    pub fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Remark => "remark",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// The word for who cannot see the colour.
    pub fn words(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Done => "Done",
            Self::Remark => "Done, with a remark",
            Self::Failed => "Failed",
            Self::Skipped => "Not tried",
        }
    }
}

/// A long identifier, shortened in the middle: `0193…6c55`.
pub fn shortened(id: &str) -> String {
    const HEAD: usize = 8;
    const TAIL: usize = 4;
    let characters: Vec<char> = id.chars().collect();
    if characters.len() <= HEAD + TAIL + 1 {
        return id.to_owned();
    }
    let (head, tail) = (&characters[..HEAD], &characters[characters.len() - TAIL..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_marks_what_ends_within_two_weeks() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (left, tone, words) in [
            (Some(TimeDelta::days(90)), Tone::Plain, "Expires"),
            (Some(SOON), Tone::Plain, "Expires"),
            (Some(SOON - TimeDelta::seconds(1)), Tone::Soon, "Expires"),
            (Some(TimeDelta::seconds(1)), Tone::Soon, "Expires"),
            (Some(TimeDelta::zero()), Tone::Bad, "Expired"),
            (Some(-TimeDelta::days(3)), Tone::Bad, "Expired"),
            (None, Tone::Plain, "Never expires"),
        ] {
            let expiry = Expiry::new(left.map(|left| now + left), now);
            assert_eq!((expiry.tone, expiry.words), (tone, words), "{left:?}");
        }
    }

    #[test]
    fn an_error_is_found_by_its_field() {
        let errors = Errors::one("name", "Enter a name.");
        assert_eq!(errors.of("name"), "Enter a name.");
        assert_eq!(errors.of("other"), "");
        assert!(Errors::none().is_empty() && !errors.is_empty());
    }

    #[test]
    fn a_link_says_only_what_was_chosen() {
        assert_eq!(link("/settings/keys", &[("q", ""), ("sort", "")]), "/settings/keys");
        assert_eq!(link("/settings/keys", &[("q", "a&b"), ("sort", "")]), "/settings/keys?q=a%26b");
    }

    #[test]
    fn a_long_identifier_keeps_its_ends() {
        assert_eq!(shortened("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55"), "01936a5e…6c55");
        assert_eq!(shortened("pcl_abc1"), "pcl_abc1");
        assert_eq!(shortened("äbcdefghijklmnö"), "äbcdefgh…lmnö");
    }
}
