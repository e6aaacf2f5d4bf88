//! Request parameters as OAuth has them: none twice (RFC 6749 §3.1), except those that may repeat.

use std::collections::BTreeMap;

/// Parameters of a query or a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    values: BTreeMap<String, Vec<String>>,
    flaw: Option<Flaw>,
}

/// Why parameters are not to be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// A parameter came twice that must not (RFC 6749 §3.1).
    #[error("The parameter \u{201c}{0}\u{201d} came twice.")]
    Repeated(String),
    /// No identifier, URI or state has one, and the database takes none.
    #[error("A parameter holds a NUL character.")]
    Nul,
    /// Far more than any request has reason to send.
    #[error("There are too many parameters.")]
    TooMany,
}

/// The most parameters that are read.
const MOST: usize = 64;

/// May come more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

impl Params {
    /// Parses `application/x-www-form-urlencoded` text. An empty value counts as none (RFC 6749 §3.1).
    pub fn parse(text: &[u8]) -> Self {
        let mut params = Self::default();
        for (place, (name, value)) in url::form_urlencoded::parse(text).enumerate() {
            if place == MOST {
                params.flaw = Some(Flaw::TooMany);
                break;
            }
            if !value.is_empty() {
                params.add(name.into_owned(), value.into_owned());
            }
        }
        params
    }

    /// Parameters that came in another form than a query.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut params = Self::default();
        pairs.into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| params.add(name, value));
        params
    }

    fn add(&mut self, name: String, value: String) {
        if name.contains('\0') || value.contains('\0') {
            self.flaw = Some(Flaw::Nul);
        } else if self.values.contains_key(&name) && !REPEATABLE.contains(&name.as_str()) {
            self.flaw = Some(Flaw::Repeated(name.clone()));
        }
        self.values.entry(name).or_default().push(value);
    }

    /// What is wrong with them, if anything: then nothing in them is to be relied on.
    pub fn flaw(&self) -> Option<&Flaw> {
        self.flaw.as_ref()
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The value of a parameter that came exactly once.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    /// Every value of a parameter.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_parameter_is_found_and_never_picked_from() {
        let params = Params::parse(b"a=1&a=2&resource=x&resource=y&empty=&b=3");
        assert_eq!(params.flaw(), Some(&Flaw::Repeated("a".to_owned())));
        assert_eq!((params.get("a"), params.get("b"), params.get("empty")), (None, Some("3"), None));
        assert_eq!(params.all("resource"), ["x", "y"]);
        assert_eq!(Params::parse(b"resource=x&resource=y").flaw(), None);
    }

    #[test]
    fn a_nul_or_a_flood_of_names_is_noticed() {
        assert_eq!(Params::parse(b"state=a%00b").flaw(), Some(&Flaw::Nul));
        let flood: String = (0..100).map(|name| format!("{name}=1&")).collect();
        assert_eq!(Params::parse(flood.as_bytes()).flaw(), Some(&Flaw::TooMany));
    }
}
