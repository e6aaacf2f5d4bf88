//! `WWW-Authenticate` as it is meant (RFC 9110 §11.6.1), and as clients read it.

use super::profile::Reader;

/// What a challenge says that matters to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Where the protected resource metadata is (RFC 9728 §5.1).
    pub resource_metadata: Option<String>,
    /// What to ask for (RFC 6750 §3).
    pub scope: Option<String>,
}

/// The challenge as the server means it: the parameters of the `Bearer` scheme, texts in quotes taken as texts. `None`
/// where there is no such scheme.
pub fn meant(header: &str) -> Option<Challenge> {
    let mut challenge = None;
    for item in items(header) {
        let (scheme, parameter) = match item.split_once(char::is_whitespace) {
            Some((scheme, rest)) if is_token(scheme) && !rest.trim_start().starts_with('=') => {
                (Some(scheme), rest.trim())
            }
            _ if is_token(item) => (Some(item), ""),
            _ => (None, item),
        };
        if let Some(scheme) = scheme {
            match scheme.eq_ignore_ascii_case("bearer") {
                true if challenge.is_none() => challenge = Some((true, Challenge::default())),
                _ => challenge = challenge.map(|(_, kept)| (false, kept)),
            }
        }
        if let (Some((true, challenge)), Some((name, value))) = (&mut challenge, parameter.split_once('=')) {
            challenge.take(name.trim(), &unquoted(value.trim()));
        }
    }
    challenge.map(|(_, challenge)| challenge)
}

/// The challenge as a client of that kind reads it. `None` where it sees none.
pub fn read(header: &str, reader: Reader) -> Option<Challenge> {
    let mut words = header.split(' ');
    let begins = words.next().is_some_and(|first| first.eq_ignore_ascii_case("bearer")) && words.next().is_some();
    if reader == Reader::BearerFirst && !begins {
        return None;
    }
    let found = |name: &str| first_like(header, name);
    Some(Challenge { resource_metadata: found("resource_metadata"), scope: found("scope") })
}

impl Challenge {
    fn take(&mut self, name: &str, value: &str) {
        let place = match name.to_ascii_lowercase().as_str() {
            "resource_metadata" => &mut self.resource_metadata,
            "scope" => &mut self.scope,
            _ => return,
        };
        if place.is_none() && !value.is_empty() {
            *place = Some(value.to_owned());
        }
    }
}

/// What `name=(?:"([^"]+)"|([^\s,]+))` finds first: the pattern that the SDKs share.
fn first_like(header: &str, name: &str) -> Option<String> {
    let wanted = format!("{name}=");
    header.match_indices(&wanted).find_map(|(at, _)| {
        let rest = &header[at + wanted.len()..];
        let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(value, _)| value);
        let bare = rest.split(|c: char| c.is_whitespace() || c == ',').next();
        quoted.filter(|value| !value.is_empty()).or(bare.filter(|value| !value.is_empty())).map(str::to_owned)
    })
}

/// The items of a list, split at commas outside of quotes.
fn items(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = header.split(move |c: char| {
        let splits = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    });
    parts.map(str::trim).filter(|item| !item.is_empty())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_as_it_is_meant() {
        let plain = r#"Bearer scope="mcp:read mcp:write", resource_metadata="https://a/m""#;
        let meant_plain = meant(plain).unwrap();
        assert_eq!(meant_plain.scope.as_deref(), Some("mcp:read mcp:write"));
        assert_eq!(meant_plain.resource_metadata.as_deref(), Some("https://a/m"));
        assert_eq!(read(plain, Reader::BearerFirst), Some(meant_plain.clone()));
        assert_eq!(read(plain, Reader::Anywhere), Some(meant_plain));
        assert_eq!(meant("Basic realm=\"x\""), None);
        assert_eq!(meant("Bearer"), Some(Challenge::default()));
    }

    /// The text of a description is no parameter, but clients search for one naively.
    #[test]
    fn a_parameter_within_a_description_misleads_every_client() {
        let header =
            r#"Bearer error="invalid_token", error_description="needs scope=admin, or more", scope="mcp:read""#;
        assert_eq!(meant(header).unwrap().scope.as_deref(), Some("mcp:read"));
        for reader in [Reader::BearerFirst, Reader::Anywhere] {
            assert_eq!(read(header, reader).unwrap().scope.as_deref(), Some("admin"));
        }
    }

    #[test]
    fn two_headers_become_one_whose_first_scheme_decides_for_some() {
        let header = r#"Basic realm="scope=x", Bearer resource_metadata="https://a/m", scope="y""#;
        assert_eq!(read(header, Reader::BearerFirst), None);
        assert_eq!(read(header, Reader::Anywhere).unwrap().resource_metadata.as_deref(), Some("https://a/m"));
        let meant = meant(header).unwrap();
        assert_eq!((meant.resource_metadata.as_deref(), meant.scope.as_deref()), (Some("https://a/m"), Some("y")));
    }
}
