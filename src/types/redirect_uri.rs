//! Redirect URIs: which texts may be registered, and what a presented one must look like to be the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Url, form_urlencoded};

/// A redirect URI that a client may register; kept and compared as the exact text (RFC 9700 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RedirectUri(String);

/// Where a redirect URI leads, in the terms in which a person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// A site, by TLS.
    Web {
        /// `host` or `host:port`, in small letters.
        host: String,
    },
    /// A program on the person's own machine (RFC 8252 §7.3).
    Loopback,
    /// Whichever program claimed the scheme on the person's machine (RFC 8252 §7.1).
    PrivateScheme {
        /// In small letters, without the colon.
        scheme: String,
    },
}

/// Why a text cannot be registered as a redirect URI. The messages repeat nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Longer than [`RedirectUri::MAX_LENGTH`].
    #[error("a redirect URI must be at most 2048 characters long")]
    TooLong,
    /// No scheme, or nothing that can be one.
    #[error("a redirect URI must be absolute, such as https://app.example/callback")]
    NotAbsolute,
    /// Control characters, spaces, backslashes, anything but the characters of RFC 3986, or a broken `%` sequence.
    #[error("a redirect URI must contain only the ASCII characters of a URI and well-formed escapes")]
    BadCharacter,
    /// `*`: we compare exactly.
    #[error("a redirect URI must not contain a wildcard")]
    Wildcard,
    /// RFC 6749 §3.1.2.
    #[error("a redirect URI must not have a fragment")]
    Fragment,
    /// `https://app.example@evil.example/`
    #[error("a redirect URI must not contain a user name or password")]
    UserInfo,
    /// `.`, `..`, their escapes, and `..;`
    #[error("a redirect URI must not contain dot segments")]
    DotSegment,
    /// A host or port in a form that others may read differently.
    #[error("a redirect URI must have a plainly written host and port")]
    BadHost,
    /// `http` anywhere but on loopback.
    #[error("an http redirect URI must have the host 127.0.0.1, [::1] or localhost; others must be https")]
    HttpNotLoopback,
    /// A scheme that runs code, reads files or starts something else than an OAuth client.
    #[error("the scheme of this redirect URI is never allowed")]
    DangerousScheme,
    /// A private-use scheme without `/` after it, such as `localhost:8080`.
    #[error("a private-use scheme must be followed by a slash, such as com.example.app:/callback")]
    NoPath,
    /// The query has a parameter that our answer carries.
    #[error("the query of a redirect URI must not contain code, state, iss, response or error parameters")]
    ReservedParameter,
}

impl RedirectUriError {
    /// True when the text looks like an attack, and false when it is merely something that we do not support.
    ///
    /// A registration drops an unsupported URI among good ones; a dangerous URI refuses the registration as a whole.
    pub fn is_dangerous(self) -> bool {
        match self {
            Self::TooLong | Self::NotAbsolute | Self::HttpNotLoopback | Self::NoPath => false,
            Self::BadCharacter
            | Self::Wildcard
            | Self::Fragment
            | Self::UserInfo
            | Self::DotSegment
            | Self::BadHost
            | Self::DangerousScheme
            | Self::ReservedParameter => true,
        }
    }
}

/// The parameters of our own answer (RFC 6749 §4.1.2, RFC 9207, JARM); one in the registered query could shadow ours.
const RESERVED_PARAMETERS: [&str; 7] = ["code", "state", "iss", "error", "error_description", "error_uri", "response"];

/// Hosts that are this machine whoever resolves them (RFC 8252 §7.3, §8.3), as text: no other spelling counts.
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Schemes that no OAuth client lives behind. Browsers and systems give each a meaning of its own.
#[rustfmt::skip]
const DANGEROUS_SCHEMES: &[&str] = &[
    // They run code or show content under somebody's name.
    "javascript", "jscript", "livescript", "mocha", "vbscript", "vbs", "data", "blob", "filesystem", "about",
    "view-source", "srcdoc", "jar", "mhtml", "mk", "res", "resource", "wyciwyg", "its", "hcp", "help", "cid", "mid",
    // They open files, shells, packages or another browser.
    "file", "content", "shell", "search", "search-ms", "intent", "android-app", "market", "itms", "itms-apps",
    "itms-services", "microsoft-edge", "googlechrome", "googlechromes", "firefox", "chrome", "chrome-extension",
    "chrome-search", "chrome-untrusted", "devtools", "edge", "brave", "opera", "vivaldi", "moz-extension",
    "safari-extension", "safari-web-extension", "x-safari-https", "x-safari-http", "applescript", "osascript",
    // They are other network protocols.
    "ws", "wss", "ftp", "ftps", "sftp", "scp", "ssh", "telnet", "tn3270", "gopher", "dict", "ldap", "ldaps", "smb", "cifs",
    "afp", "nfs", "dav", "davs", "webdav", "git", "svn", "rsync", "rtsp", "rtmp", "rdp", "vnc", "imap", "pop", "nntp",
    "news", "irc", "ircs", "xmpp", "sip", "sips", "stun", "turn", "coap", "mqtt", "redis", "postgres", "postgresql",
    "mysql", "mongodb", "jdbc", "feed", "webcal", "magnet", "ipfs", "dns", "urn", "tag", "ni", "acct",
    // They write, call or pay somebody.
    "mailto", "tel", "sms", "smsto", "mms", "mmsto", "callto", "facetime", "facetime-audio", "skype", "geo", "bitcoin",
    "ethereum", "lightning", "payto", "upi",
    // They are hosts that somebody wrote without a scheme.
    "localhost",
];

/// Windows and Office register dozens of these, several of which have started programs.
const DANGEROUS_PREFIXES: [&str; 2] = ["ms-", "web+"];

impl RedirectUri {
    /// The longest text that we keep.
    pub const MAX_LENGTH: usize = 2048;

    /// The text as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when `presented` is this URI: byte for byte, but for the port of an http loopback URI, which a program takes
    /// as it finds it free (RFC 8252 §7.3).
    pub fn matches(&self, presented: &str) -> bool {
        if self.0 == presented {
            return true;
        }
        match (Loopback::read(&self.0), Loopback::read(presented)) {
            (Some(own), Some(other)) => own.host == other.host && own.rest == other.rest,
            _ => false,
        }
    }

    /// Where it leads.
    pub fn target(&self) -> RedirectTarget {
        let (scheme, rest) = self.0.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return RedirectTarget::PrivateScheme { scheme };
        }
        let authority = authority_and_path(rest).map_or("", |(authority, _)| authority).to_ascii_lowercase();
        match split_port(&authority) {
            Some((host, _)) if LOOPBACK_HOSTS.contains(&host) => RedirectTarget::Loopback,
            _ => RedirectTarget::Web { host: authority },
        }
    }

    /// True when only a public client may have it: whoever claims the scheme gets the code, so a client secret proves
    /// nothing and PKCE has to (RFC 8252 §8.1).
    pub fn is_for_public_clients_only(&self) -> bool {
        matches!(self.target(), RedirectTarget::PrivateScheme { .. })
    }
}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, RedirectUriError> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once(':').ok_or(RedirectUriError::NotAbsolute)?;
        check_scheme(scheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" => check_web(text, rest)?,
            "http" => Loopback::read(text).map(|_| ()).ok_or_else(|| not_loopback(rest))?,
            _ => check_private(rest)?,
        }
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        if has_dot_segment(before_query) {
            return Err(RedirectUriError::DotSegment);
        }
        if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| RESERVED_PARAMETERS.contains(&&*name)) {
            return Err(RedirectUriError::ReservedParameter);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Refuses everything that two parsers could read in two ways.
fn check_characters(text: &str) -> Result<(), RedirectUriError> {
    if text.len() > RedirectUri::MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    if text.contains('*') {
        return Err(RedirectUriError::Wildcard);
    }
    if text.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    if is_uri_text(text) { Ok(()) } else { Err(RedirectUriError::BadCharacter) }
}

/// True when `text` has only the characters of RFC 3986 §2 and every `%` begins an escape of a printable character.
pub(super) fn is_uri_text(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    text.bytes().all(allowed) && text.split('%').skip(1).all(is_printable_escape)
}

fn is_printable_escape(after_percent: &str) -> bool {
    let digits = after_percent.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_some_and(|byte| byte >= 0x20 && byte != 0x7f)
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`, and none of the dangerous ones in any case.
fn check_scheme(scheme: &str) -> Result<(), RedirectUriError> {
    let well_formed = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !well_formed {
        return Err(RedirectUriError::NotAbsolute);
    }
    let scheme = scheme.to_ascii_lowercase();
    if DANGEROUS_SCHEMES.contains(&scheme.as_str())
        || DANGEROUS_PREFIXES.iter().any(|prefix| scheme.starts_with(prefix))
    {
        return Err(RedirectUriError::DangerousScheme);
    }
    Ok(())
}

/// An https URI: a host that every parser reads as it is written.
fn check_web(text: &str, rest: &str) -> Result<(), RedirectUriError> {
    let (authority, path) = authority_and_path(rest).ok_or(RedirectUriError::NotAbsolute)?;
    if authority.contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    let (host, _) = split_port(authority).ok_or(RedirectUriError::BadHost)?;
    let url = Url::parse(text).map_err(|_| RedirectUriError::BadHost)?;
    // `127.1`, `0x7f.1` or `%61pp.example`: the parser reads another host than the one that is written there.
    if url.host_str() != Some(host.to_ascii_lowercase().as_str()) || path.contains(['[', ']']) {
        return Err(RedirectUriError::BadHost);
    }
    Ok(())
}

/// Why an http URI is not one of loopback: an attempt at userinfo is told apart, as it is an attack.
fn not_loopback(rest: &str) -> RedirectUriError {
    match authority_and_path(rest) {
        Some((authority, _)) if authority.contains('@') => RedirectUriError::UserInfo,
        _ => RedirectUriError::HttpNotLoopback,
    }
}

/// A private-use URI: `scheme:/path` or `scheme://authority/path`.
fn check_private(rest: &str) -> Result<(), RedirectUriError> {
    if !rest.starts_with('/') {
        return Err(RedirectUriError::NoPath);
    }
    match authority_and_path(rest) {
        Some((authority, _)) if authority.contains('@') => Err(RedirectUriError::UserInfo),
        _ => Ok(()),
    }
}

/// Splits what follows `scheme:` into authority and all that comes after it.
fn authority_and_path(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.strip_prefix("//")?;
    Some(rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// Splits `host[:port]`; `None` unless the host is not empty and the port, if there is one, is plain.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority.get(host_end..)?.find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(host_end + colon);
            (host, Some(plain_port(port.strip_prefix(':')?)?))
        }
        None => (authority, None),
    };
    (!host.is_empty()).then_some((host, port))
}

/// A port from 1 to 65535 without sign, leading zero or space.
fn plain_port(text: &str) -> Option<u16> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// True when a segment is `.` or `..` to some reader: escaped, behind an escaped slash, or with a path parameter
/// (`..;/`, which servlet containers cut off).
pub(super) fn has_dot_segment(path: &str) -> bool {
    let read =
        path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace("%3b", ";");
    read.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).any(|name| name == "." || name == "..")
}

/// An http URI on loopback, in its parts.
struct Loopback<'a> {
    host: &'static str,
    /// Path and query, empty or from the first `/` or `?` on.
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    /// Reads the text as it stands; nothing is decoded or normalised, so there is no trick to fall for.
    fn read(text: &'a str) -> Option<Self> {
        let (authority, rest) = authority_and_path(text.strip_prefix("http:")?)?;
        let (host, _) = split_port(authority)?;
        let host = LOOPBACK_HOSTS.into_iter().find(|known| *known == host)?;
        Some(Self { host, rest })
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(text: &str) -> Result<(), RedirectUriError> {
        text.parse::<RedirectUri>().map(drop)
    }

    fn uri(text: &str) -> RedirectUri {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn what_real_clients_register_is_accepted_as_it_is() {
        for text in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/AbC_d-1",
            "https://vscode.dev/redirect",
            "https://app.example:8443/cb?tenant=1&decoder=x",
            "https://192.0.2.7/cb",
            "https://xn--bcher-kva.example/cb",
            "http://localhost/callback",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:33418",
            "http://[::1]:8787/oauth/callback",
            "http://localhost:8787/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "com.example.app:/cb",
            "com.Example.App:/cb",
        ] {
            assert_eq!(uri(text).as_str(), text);
        }
    }

    #[test]
    fn attacks_b2_to_b6_are_refused_at_registration() {
        use RedirectUriError as E;
        for (text, why) in [
            ("", E::NotAbsolute),
            ("//evil.example/cb", E::NotAbsolute),
            ("/cb", E::NotAbsolute),
            ("https:app.example/cb", E::NotAbsolute),
            ("https:///cb", E::BadHost),
            ("https://app.example@evil.example/cb", E::UserInfo),
            ("https://a@b@evil.example/cb", E::UserInfo),
            ("http://localhost:80@evil.example/cb", E::UserInfo),
            ("cursor://app@evil/cb", E::UserInfo),
            ("https://app.example\\@evil.example/cb", E::BadCharacter),
            ("https://app.example/\tcb", E::BadCharacter),
            ("https://app.example/cb\r\nX: y", E::BadCharacter),
            ("https://app.example/c b", E::BadCharacter),
            (" https://app.example/cb", E::BadCharacter),
            ("https://app.example/cb%00", E::BadCharacter),
            ("https://app.example/cb%0d%0a", E::BadCharacter),
            ("https://app.example/%zz", E::BadCharacter),
            ("https://app.example/%2", E::BadCharacter),
            ("https://аpp.example/cb", E::BadCharacter),
            ("https://app.example/%2e%2e/cb", E::DotSegment),
            ("https://app.example/a/.%2E/cb", E::DotSegment),
            ("https://app.example/a/../cb", E::DotSegment),
            ("https://app.example/a/./cb", E::DotSegment),
            ("https://app.example/a/..;/cb", E::DotSegment),
            ("https://app.example/a%2f..%2fcb", E::DotSegment),
            ("http://localhost/a/../cb", E::DotSegment),
            ("cursor://host/../cb", E::DotSegment),
            ("https://*.app.example/cb", E::Wildcard),
            ("https://app.example/*", E::Wildcard),
            ("https://app.example/cb#x", E::Fragment),
            ("https://app.example/cb#", E::Fragment),
            ("https://127.1/cb", E::BadHost),
            ("https://0x7f.1/cb", E::BadHost),
            ("https://2130706433/cb", E::BadHost),
            ("https://app.example:/cb", E::BadHost),
            ("https://app.example:0443/cb", E::BadHost),
            ("https://app.example:99999/cb", E::BadHost),
            ("https://%61pp.example/cb", E::BadHost),
            ("http://app.example/cb", E::HttpNotLoopback),
            ("http://localhost.evil.example/cb", E::HttpNotLoopback),
            ("http://127.0.0.1.evil.example/cb", E::HttpNotLoopback),
            ("http://127.1/cb", E::HttpNotLoopback),
            ("http://127.0.0.2/cb", E::HttpNotLoopback),
            ("http://0x7f.1/cb", E::HttpNotLoopback),
            ("http://[::ffff:127.0.0.1]/cb", E::HttpNotLoopback),
            ("http://[0:0:0:0:0:0:0:1]/cb", E::HttpNotLoopback),
            ("http://0.0.0.0/cb", E::HttpNotLoopback),
            ("http://localhost./cb", E::HttpNotLoopback),
            ("http://LOCALHOST/cb", E::HttpNotLoopback),
            ("http://localhost:080/cb", E::HttpNotLoopback),
            ("http://localhost:+80/cb", E::HttpNotLoopback),
            ("http://localhost:/cb", E::HttpNotLoopback),
            ("http:///cb", E::HttpNotLoopback),
            ("cursor:callback", E::NoPath),
            ("app.example:8080/cb", E::NoPath),
            ("https://app.example/cb?code=1", E::ReservedParameter),
            ("https://app.example/cb?a=1&st%61te=1", E::ReservedParameter),
            ("https://app.example/cb?iss", E::ReservedParameter),
            ("http://localhost/cb?error=x", E::ReservedParameter),
            ("cursor://host/cb?response=x", E::ReservedParameter),
        ] {
            assert_eq!(judge(text), Err(why), "{text:?}");
        }
        assert_eq!(judge(&format!("https://app.example/{}", "a".repeat(2048))), Err(E::TooLong));
    }

    #[test]
    fn dangerous_schemes_are_refused_in_any_case() {
        for scheme in
            ["javascript", "JaVaScRiPt", "data", "FILE", "vbscript", "blob", "intent", "ms-msdt", "urn", "wss"]
        {
            for rest in ["alert(1)", "//host/cb", "/cb"] {
                let text = format!("{scheme}:{rest}");
                assert_eq!(judge(&text), Err(RedirectUriError::DangerousScheme), "{text}");
            }
        }
        assert_eq!(judge("java\nscript:/x"), Err(RedirectUriError::BadCharacter));
        assert_eq!(judge("localhost:8080/cb"), Err(RedirectUriError::DangerousScheme));
    }

    #[test]
    fn a_web_uri_matches_byte_for_byte_only() {
        let registered = uri("https://app.example/cb");
        assert!(registered.matches("https://app.example/cb"));
        for presented in [
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/c",
            "https://app.example/CB",
            "https://APP.example/cb",
            "HTTPS://app.example/cb",
            "http://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example:8443/cb",
            "https://app.example/cb#",
            "https://app.example/cb\n",
            "https://app.example.evil.example/cb",
            "https://app.example@evil.example/cb",
            "",
        ] {
            assert!(!registered.matches(presented), "{presented:?}");
        }
        assert!(!uri("https://localhost:1/cb").matches("https://localhost:2/cb"));
        assert!(!uri("cursor://host:1/cb").matches("cursor://host:2/cb"));
    }

    #[test]
    fn on_loopback_the_port_alone_may_differ() {
        let registered = uri("http://127.0.0.1/callback");
        for presented in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"]
        {
            assert!(registered.matches(presented), "{presented}");
        }
        for presented in [
            "http://localhost:80/callback",
            "http://[::1]:80/callback",
            "http://127.0.0.1:80/callback/",
            "http://127.0.0.1:80/callback?x=1",
            "http://127.0.0.1:80/x/../callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:080/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1:80:80/callback",
            "http://127.1:80/callback",
            "http://0x7f.1/callback",
            "http://[::ffff:127.0.0.1]:80/callback",
            "http://0.0.0.0:80/callback",
            "http://127.0.0.1.evil.example/callback",
            "https://127.0.0.1:80/callback",
        ] {
            assert!(!registered.matches(presented), "{presented:?}");
        }
        assert!(uri("http://127.0.0.1:33418").matches("http://127.0.0.1:40000"));
        assert!(uri("http://[::1]:1/cb").matches("http://[::1]:2/cb"));
        assert!(!uri("http://localhost/cb").matches("http://localhost.evil.example/cb"));
    }

    #[test]
    fn a_person_is_told_where_it_leads() {
        let web = |host: &str| RedirectTarget::Web { host: host.to_owned() };
        assert_eq!(uri("https://App.example:8443/cb").target(), web("app.example:8443"));
        assert_eq!(uri("http://[::1]:1/cb").target(), RedirectTarget::Loopback);
        assert_eq!(uri("https://localhost/cb").target(), RedirectTarget::Loopback);
        let cursor = uri("Cursor://anysphere.cursor-mcp/oauth/callback");
        assert_eq!(cursor.target(), RedirectTarget::PrivateScheme { scheme: "cursor".to_owned() });
        assert!(cursor.is_for_public_clients_only());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", other in ".{0,80}") {
            if let Ok(uri) = text.parse::<RedirectUri>() {
                uri.target();
                uri.matches(&other);
            }
        }

        #[test]
        fn a_match_is_the_same_text_or_loopback_with_the_same_path(
            registered in "(https?|app)://(localhost|127\\.0\\.0\\.1|\\[::1\\]|a\\.example)(:[0-9]{1,5})?(/[a-c]{0,2})?(\\?[xy])?",
            presented in "(https?|app)://(localhost|127\\.0\\.0\\.1|\\[::1\\]|a\\.example)(:[0-9]{0,6}|@|\\.evil)?(/[a-c]{0,2})?(\\?[xy])?",
        ) {
            let Ok(uri) = registered.parse::<RedirectUri>() else { return Ok(()) };
            if uri.matches(&presented) && registered != presented {
                prop_assert_eq!(uri.target(), RedirectTarget::Loopback);
                let (a, b) = (Url::parse(&registered).unwrap(), Url::parse(&presented).unwrap());
                prop_assert_eq!((a.scheme(), a.host(), a.path(), a.query()), (b.scheme(), b.host(), b.path(), b.query()));
            }
        }
    }
}
