//! Documents read strictly: whatever is not known is named, with the way to it.

use serde_json::{Map, Value};

/// What is wrong with a document, and where (a JSON pointer, RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", if at.is_empty() { "the document" } else { at.as_str() })]
pub struct Fault {
    /// Where.
    pub at: String,
    /// What.
    pub what: String,
}

/// A part of a document, and the way to it.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    at: String,
    value: &'a Value,
}

impl<'a> Reading<'a> {
    /// The whole of it.
    pub fn of(value: &'a Value) -> Self {
        Self { at: String::new(), value }
    }

    /// As it is.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// The way to it.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What is wrong here.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { at: self.at.clone(), what: what.into() }
    }

    /// An object with no other members than these.
    pub fn members(&self, known: &[&str]) -> Result<&'a Map<String, Value>, Fault> {
        let members = self.object()?;
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(members),
            Some(unknown) => Err(self.below(unknown).fault(match nearest(unknown, known) {
                Some(nearest) => format!("this field is not known here; is it {nearest:?}?"),
                None => format!("this field is not known here; known are {}", known.join(", ")),
            })),
        }
    }

    /// An object with any members.
    pub fn object(&self) -> Result<&'a Map<String, Value>, Fault> {
        self.value.as_object().ok_or_else(|| self.fault("this must be an object"))
    }

    /// Every member of an object, with its name.
    pub fn entries(&self) -> Result<impl Iterator<Item = (&'a str, Self)> + use<'a>, Fault> {
        let at = self.at.clone();
        let below = move |name: &str| format!("{at}/{}", escaped(name));
        Ok(self.object()?.iter().map(move |(name, value)| (name.as_str(), Self { at: below(name), value })))
    }

    /// The member of that name, unless it is missing or null.
    pub fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { at: format!("{}/{}", self.at, escaped(name)), value })
    }

    /// The member of that name.
    pub fn need(&self, name: &str) -> Result<Self, Fault> {
        self.get(name).ok_or_else(|| self.fault(format!("the field {name:?} is missing")))
    }

    /// A text.
    pub fn text(&self) -> Result<&'a str, Fault> {
        self.value.as_str().ok_or_else(|| self.fault("this must be a text"))
    }

    /// True or false.
    pub fn flag(&self) -> Result<bool, Fault> {
        self.value.as_bool().ok_or_else(|| self.fault("this must be true or false"))
    }

    /// Everything in a list.
    pub fn list(&self) -> Result<impl Iterator<Item = Self> + use<'a>, Fault> {
        let at = self.at.clone();
        let items = self.value.as_array().ok_or_else(|| self.fault("this must be a list"))?;
        Ok(items.iter().enumerate().map(move |(place, value)| Self { at: format!("{at}/{place}"), value }))
    }

    /// A list of texts.
    pub fn texts(&self) -> Result<Vec<String>, Fault> {
        self.list()?.map(|item| item.text().map(str::to_owned)).collect()
    }

    /// The text of that member, or nothing.
    pub fn text_of(&self, name: &str) -> Result<String, Fault> {
        self.get(name).map_or(Ok(String::new()), |text| text.text().map(str::to_owned))
    }

    /// The list of texts of that member, or none.
    pub fn texts_of(&self, name: &str) -> Result<Vec<String>, Fault> {
        self.get(name).map_or(Ok(Vec::new()), |texts| texts.texts())
    }

    fn below(&self, name: &str) -> Self {
        Self { at: format!("{}/{}", self.at, escaped(name)), value: self.value }
    }
}

/// RFC 6901 §3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Which of the known names somebody may have meant.
fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let by_distance = known.iter().map(|name| (strsim::damerau_levenshtein(written, name), *name)).min();
    by_distance.filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fault_says_where_it_is_and_what_was_meant() {
        let document = json!({ "a/b": [{ "servr": 1 }, { "server": 1 }] });
        let list = Reading::of(&document).need("a/b").unwrap();
        let faults: Vec<_> = list
            .list()
            .unwrap()
            .map(|item| item.members(&["server"]).and_then(|_| item.need("server")?.text()).unwrap_err().to_string())
            .collect();
        assert_eq!(
            faults,
            ["/a~1b/0/servr: this field is not known here; is it \"server\"?", "/a~1b/1/server: this must be a text"]
        );
        assert_eq!(Reading::of(&json!(3)).object().unwrap_err().to_string(), "the document: this must be an object");
    }
}
