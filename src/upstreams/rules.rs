//! What may be said about a server: each rule takes what was typed, and gives what is kept.

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::refusal::Flaw;
use super::server::{RESERVED, may_be_called};

/// Ways to speak to a server that are there.
pub const TRANSPORTS: [&str; 3] = ["streamable-http", "sse", STDIO];
/// That of servers that are programs of their own.
pub const STDIO: &str = "stdio";
/// The longest URL.
const LONGEST_URL: usize = 2048;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1024;
/// The longest value of a header.
const LONGEST_VALUE: usize = 4096;
/// So many tags at most, and so many characters in one.
const TAGS: (usize, usize) = (20, 32);
/// So many headers of callers at most, and so many characters in a name.
const HEADERS: (usize, usize) = (20, 64);

/// Headers that belong to the connection or to the framing of a message (RFC 9110 §7.6.1), and never pass a gateway.
const OF_THE_CONNECTION: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
/// Headers in which callers prove themselves to us.
const CREDENTIALS: [&str; 7] =
    ["authorization", "cookie", "cookie2", "dpop", "set-cookie", "x-api-key", "x-authorization"];
/// Headers that say who calls: a server would believe them of us, so no caller may write them.
const IDENTITY: [&str; 12] = [
    "x-auth-method",
    "x-client-id",
    "x-groups",
    "x-internal-token",
    "x-original-url",
    "x-real-ip",
    "x-region",
    "x-scopes",
    "x-server-name",
    "x-tool-name",
    "x-user",
    "x-username",
];
/// Families of headers that are ours, the browser's, the proxy's, or MCP's own, which go where they have to by themselves.
const FAMILIES: [&str; 6] = ["mcp-", "proxy-", "sec-", "x-forwarded-", "x-keycloak-", "x-user-pool-"];
/// Single headers of MCP, which go by themselves too.
const OF_MCP: [&str; 4] = ["accept", "content-type", "last-event-id", "x-mcp-session-id"];

/// A path segment that is nobody else's and no path of ours.
pub(super) fn name(text: &str) -> Result<String, Flaw> {
    let flaw = |why: &str| Err(Flaw::new("name", format!("a server cannot be called {text:?}: {why}")));
    match text {
        _ if may_be_called(text) => Ok(text.to_owned()),
        _ if RESERVED.contains(&text) => flaw("a path of this gateway has that name"),
        _ => flaw("a name has 1 to 63 characters, a to z, 0 to 9, _ and -, and begins with a letter or a digit"),
    }
}

/// An absolute http or https URL without a password. Whoever is not above all workspaces stays outside of our network: `https`,
/// and no host that is said to be local; where its name leads is judged whenever somebody goes there (`decisions` 20).
pub(super) fn url(text: &str, is_trusted: bool) -> Result<Url, Flaw> {
    let flaw = |why: &str| Err(Flaw::new("url", format!("the URL {why}")));
    let Some(url) = Url::parse(text.trim()).ok().filter(|_| text.len() <= LONGEST_URL) else {
        return flaw("must be absolute, such as https://mcp.example.com/mcp, and no longer than 2048 characters");
    };
    match url.scheme() {
        "http" | "https" if url.has_host() => {}
        _ => return flaw("must begin with https:// or http://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return flaw("must not have a user name or password in it: the server can be given a header instead");
    }
    if url.fragment().is_some() {
        return flaw("must not have a fragment");
    }
    if !is_trusted && url.scheme() != "https" {
        return flaw("must be https; only a system administrator registers a server that speaks plain http");
    }
    if !is_trusted && is_local(&url) {
        return flaw("leads into the inner network; only a system administrator registers servers there");
    }
    Ok(url)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    }
}

/// A way to speak to it that is there.
pub(super) fn transport(text: &str) -> Result<String, Flaw> {
    match text {
        _ if TRANSPORTS.contains(&text) => Ok(text.to_owned()),
        _ => Err(Flaw::new("transport", format!("{text:?} is no transport: it is streamable-http, sse or stdio"))),
    }
}

/// A few sentences.
pub(super) fn description(text: &str) -> Result<String, Flaw> {
    let text = text.trim().replace("\r\n", "\n");
    let fits = text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(|c| c.is_control() && c != '\n');
    let flaw = || Flaw::new("description", "a description has at most 1024 characters, and no control characters");
    fits.then_some(text).ok_or_else(flaw)
}

/// The name of the header that proves us to it.
pub(super) fn auth_header(text: &str) -> Result<String, Flaw> {
    let name = text.trim().to_ascii_lowercase();
    let flaw = |why: &str| Flaw::new("auth_header", format!("the header {text:?} {why}"));
    if !is_token(&name) || name.len() > HEADERS.1 {
        return Err(flaw("is no name of a header"));
    }
    let is_kept = OF_THE_CONNECTION.contains(&name.as_str()) || OF_MCP.contains(&name.as_str());
    if is_kept || ["mcp-", "proxy-", "sec-"].iter().any(|family| name.starts_with(family)) {
        return Err(flaw("cannot carry a credential: it belongs to the connection or to MCP"));
    }
    Ok(name)
}

/// Its value.
pub(super) fn auth_value(value: &SecretString) -> Result<(), Flaw> {
    let value = value.expose_secret();
    let fits = (1..=LONGEST_VALUE).contains(&value.len())
        && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && value.trim() == value;
    let flaw = || Flaw::new("auth_value", "the value of the header has 1 to 4096 visible ASCII characters");
    fits.then_some(()).ok_or_else(flaw)
}

/// Headers of callers that go on to the server, beside the one that proves us to it.
pub(super) fn forwarded_headers(texts: &[String], auth_header: Option<&str>) -> Result<Vec<String>, Flaw> {
    let flaw = |words: String| Flaw::new("forwarded_headers", words);
    let mut names = Vec::new();
    for text in texts {
        let name = text.trim().to_ascii_lowercase();
        if !is_token(&name) || name.len() > HEADERS.1 {
            return Err(flaw(format!("{text:?} is no name of a header")));
        }
        if !may_be_forwarded(&name) {
            return Err(flaw(format!(
                "the header {name} is never forwarded: it carries a credential or an identity, or goes where it must by itself"
            )));
        }
        if auth_header == Some(name.as_str()) {
            return Err(flaw(format!(
                "the header {name} proves this gateway to the server; callers cannot send it too"
            )));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > HEADERS.0 {
        return Err(flaw("at most 20 headers are forwarded".to_owned()));
    }
    Ok(names)
}

/// True for a header, in lower case, that may go on to a server if somebody who manages that says so. What does not may not when it is
/// entered, nor when it is met.
pub fn may_be_forwarded(name: &str) -> bool {
    let lists: [&[&str]; 4] = [&OF_THE_CONNECTION, &CREDENTIALS, &IDENTITY, &OF_MCP];
    !lists.iter().any(|list| list.contains(&name)) && !FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Words by which servers are found.
pub(super) fn tags(texts: &[String]) -> Result<Vec<String>, Flaw> {
    let mut tags: Vec<String> = Vec::new();
    for text in texts {
        let tag = text.trim();
        let fits = (1..=TAGS.1).contains(&tag.chars().count()) && !tag.chars().any(|c| c.is_control() || c == ',');
        if !fits {
            return Err(Flaw::new("tags", format!("the tag {text:?} must have 1 to 32 characters, and no commas")));
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    match tags.len() {
        0..=20 => Ok(tags),
        _ => Err(Flaw::new("tags", "a server has at most 20 tags")),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let is_mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn a_name_is_no_path_of_ours_and_is_told_so() {
        assert_eq!(name("calendar").unwrap(), "calendar");
        assert!(name("mcp").unwrap_err().to_string().contains("a path of this gateway"));
        assert!(name("Calendar").unwrap_err().to_string().contains("a to z"));
    }

    /// H: a workspace manager points the gateway at what only the gateway reaches.
    #[test]
    fn who_is_not_trusted_stays_outside() {
        for text in ["http://mcp.example", "https://localhost/mcp", "https://a.localhost./x", "https://intranet/mcp"] {
            assert!(url(text, false).is_err(), "{text}");
            assert!(url(text, true).is_ok(), "{text}");
        }
        assert_eq!(url("https://mcp.example/mcp?v=1", false).unwrap().as_str(), "https://mcp.example/mcp?v=1");
    }

    #[test]
    fn a_url_that_cannot_be_spoken_to_is_refused_and_its_password_is_not_repeated() {
        for text in [
            "",
            "/mcp",
            "mcp.example",
            "ftp://mcp.example",
            "file:///etc/passwd",
            "https://u:hush@a.example",
            "https://a.example/#x",
        ] {
            let flaw = url(text, true).unwrap_err();
            assert!(flaw.field == "url" && !flaw.to_string().contains("hush"), "{text}");
        }
    }

    #[test]
    fn a_transport_that_is_not_there_says_what_is() {
        assert_eq!(transport("stdio").unwrap(), "stdio");
        assert!(transport("carrier-pigeon").unwrap_err().to_string().contains("streamable-http"));
        assert_eq!(transport("sse").unwrap(), "sse");
    }

    /// H, and the flaw that gateway tokens reached every upstream.
    #[test]
    fn neither_credentials_nor_identities_are_forwarded() {
        for bad in [
            "Authorization",
            "X-Authorization",
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "host",
            "content-length",
            "transfer-encoding",
            "x-user",
            "X-Username",
            "x-client-id",
            "x-scopes",
            "x-groups",
            "x-user-pool-id",
            "x-region",
            "X-Keycloak-Realm",
            "mcp-session-id",
            "mcp-protocol-version",
            "x-forwarded-for",
            "sec-fetch-site",
            "x-internal-token",
            "",
            "a b",
            "x\r\ny: z",
        ] {
            assert!(forwarded_headers(&one(bad), None).is_err(), "{bad}");
        }
        assert!(forwarded_headers(&one("x-token"), Some("x-token")).is_err(), "it would replace our own");
        assert_eq!(forwarded_headers(&one(" X-Atlassian-Cloud-Id"), None).unwrap(), ["x-atlassian-cloud-id"]);
    }

    #[test]
    fn a_credential_is_a_header_of_one_line() {
        assert_eq!(auth_header("X-API-Key").unwrap(), "x-api-key");
        for bad in ["", "host", "mcp-session-id", "content-length", "x y", "accept"] {
            assert!(auth_header(bad).is_err(), "{bad}");
        }
        assert!(auth_value(&"Bearer abc".into()).is_ok());
        for bad in ["", " a", "a\r\nb", "ä", &"x".repeat(4097)] {
            assert!(auth_value(&bad.to_owned().into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tags_are_few_and_short() {
        assert_eq!(tags(&["time".to_owned(), " time ".to_owned(), "zone".to_owned()]).unwrap(), ["time", "zone"]);
        for bad in ["", "a,b", "a\nb", &"x".repeat(33)] {
            assert!(tags(&one(bad)).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        assert!(tags(&many).is_err());
    }
}
