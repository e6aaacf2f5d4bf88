//! The first request, without a token: it must end in a challenge (RFC 6750 §3, RFC 9728 §5.1).

use serde_json::json;

use super::super::challenge::{self, Challenge};
use super::super::finding::{Findings, Step};
use super::super::profile::{Home, Knock};
use super::super::record::{Look, Missing, is_secure, shown};
use super::{may_be_read, shared};
use crate::net::{Exchange, Request};

const STEP: Step = Step::Knock;

/// What the client learns of where to sign in; `None` where there is nothing more to see.
pub(super) fn judge(look: &Look<'_>, found: &mut Findings) -> Result<Option<Challenge>, Missing> {
    place(look, found);
    let url = look.case.url.as_str();
    let exchange = match look.send(request(look.profile.knock, url))? {
        Ok(exchange) => exchange,
        Err(error) => {
            found.problem(STEP, "unreachable", format!("{url}: {error}"), UNREACHABLE, MEND_UNREACHABLE);
            return Ok(None);
        }
    };
    match exchange.status {
        401 => return Ok(Some(challenged(look, exchange, found))),
        200..=299 => {
            let seen = format!("It answers {} without a token.", exchange.status);
            found.note(STEP, "open", seen, OPEN, MEND_OPEN);
            return Ok(None);
        }
        status => refused(look.profile.knock, status, found),
    }
    // Whatever else is wrong further on is worth knowing in the same go.
    Ok(Some(Challenge::default()))
}

/// The request as this client sends it, but for who it says it is.
fn request(knock: Knock, url: &str) -> Request {
    let post = |body: serde_json::Value| {
        let request = Request::post(url, "application/json", body.to_string());
        request.with("accept", "application/json, text/event-stream")
    };
    let info = json!({ "name": "portcullis-doctor", "version": env!("CARGO_PKG_VERSION") });
    match knock {
        Knock::Initialize => {
            let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
            post(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }))
        }
        Knock::Discover => {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": info,
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": { "_meta": meta } });
            post(body).with("mcp-protocol-version", "2026-07-28").with("mcp-method", "server/discover")
        }
        Knock::Get(version) => {
            let request = Request::get(url).with("accept", "text/event-stream");
            match version {
                Some(version) => request.with("mcp-protocol-version", version),
                None => request,
            }
        }
    }
}

/// Whether this client can come here at all.
fn place(look: &Look<'_>, found: &mut Findings) {
    let url = look.case.url.as_str();
    match look.profile.home {
        Home::Cloud if look.case.is_private() => {
            let seen = format!("{url} is on a private network.");
            found.note(STEP, "not_public", seen, NOT_PUBLIC, "Give the server a public https address for this client.");
        }
        Home::Cloud if look.case.url.scheme() != "https" => {
            found.problem(STEP, "plain_http", format!("{url} is plain http."), PLAIN_HTTP, MEND_HTTP);
        }
        _ if !is_secure(url) => {
            found.note(STEP, "plain_http", format!("{url} is plain http."), PLAIN_HTTP, MEND_HTTP);
        }
        Home::Cloud | Home::Desktop | Home::Browser(_) => {}
    }
}

/// Reads the challenge as this client does, and holds it against what is meant.
fn challenged(look: &Look<'_>, exchange: &Exchange, found: &mut Findings) -> Challenge {
    shared(look, STEP, exchange, look.case.url.as_str(), found);
    let Some(header) = exchange.header("www-authenticate") else {
        found.note(STEP, "no_challenge", "It answers 401 without WWW-Authenticate.", NO_CHALLENGE, MEND_CHALLENGE);
        return Challenge::default();
    };
    exposed(look, exchange, found);
    let meant = challenge::meant(&header);
    let Some(read) = challenge::read(&header, look.profile.reader) else {
        let seen = format!("WWW-Authenticate does not begin with Bearer: {}", shown(&header));
        found.note(STEP, "bearer_not_first", seen, BEARER_NOT_FIRST, "Send the Bearer challenge first, or alone.");
        return Challenge::default();
    };
    if meant.as_ref().is_some_and(|meant| *meant != read) {
        let seen = format!("WWW-Authenticate is read otherwise than it is meant: {}", shown(&header));
        found.problem(STEP, "misread_challenge", seen, MISREAD, MEND_MISREAD);
    } else if read.resource_metadata.is_none() {
        let seen = format!("WWW-Authenticate names no resource_metadata: {}", shown(&header));
        found.note(STEP, "no_resource_metadata", seen, NO_CHALLENGE, MEND_CHALLENGE);
    } else {
        found.ok(STEP, "challenge", "It answers 401 with a challenge that this client can read.");
    }
    read
}

/// A page reads only the headers that it is allowed to.
fn exposed(look: &Look<'_>, exchange: &Exchange, found: &mut Findings) {
    let Home::Browser(origin) = look.profile.home else { return };
    let exposed = exchange.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    let is_exposed = exposed.split(',').any(|name| matches!(name.trim(), "www-authenticate" | "*"));
    if may_be_read(exchange, origin) && !is_exposed {
        let seen = "Access-Control-Expose-Headers does not name WWW-Authenticate.";
        found.note(
            STEP,
            "challenge_hidden",
            seen,
            NO_CHALLENGE,
            "Add Access-Control-Expose-Headers: WWW-Authenticate.",
        );
    }
}

/// No challenge at all.
fn refused(knock: Knock, status: u16, found: &mut Findings) {
    let seen = format!("It answers {status} instead of 401.");
    match (status, knock) {
        (300..=399, _) => found.problem(
            STEP,
            "redirects",
            seen,
            KNOCK_REDIRECTS,
            "Give clients the URL at which the endpoint really is.",
        ),
        (405, Knock::Get(_)) => found.problem(STEP, "get_not_challenged", seen, GET, MEND_GET),
        (403, _) => {
            found.problem(STEP, "forbidden", seen, FORBIDDEN, "Answer 401 with WWW-Authenticate when no token came.")
        }
        (404, _) => found.problem(STEP, "not_found", seen, NOT_FOUND, "Check the path; it is often /mcp."),
        (500..=599, _) => found.problem(STEP, "server_error", seen, BROKEN, "Look into the server's log."),
        _ => found.problem(STEP, "checked_too_early", seen, TOO_EARLY, MEND_TOO_EARLY),
    }
}

const UNREACHABLE: &str = "It cannot connect at all.";
const MEND_UNREACHABLE: &str = "Check name, port, firewall and certificate, from where this client runs.";
const OPEN: &str = "It connects without signing in, and so does everybody else.";
const MEND_OPEN: &str = "If this should not be open to all, answer 401 with a challenge where no token came.";
const NOT_PUBLIC: &str = "It runs on its maker's computers and cannot come here. The rest is judged as if it could.";
const PLAIN_HTTP: &str = "Tokens would travel in the clear: it refuses, or asks for a special option.";
const MEND_HTTP: &str = "Put https in front, with a certificate that everybody trusts.";
const NO_CHALLENGE: &str = "It has to guess where the metadata is, and asks for every scope instead of those needed.";
const MEND_CHALLENGE: &str = "Answer 401 with WWW-Authenticate: Bearer resource_metadata=\"…\", scope=\"…\".";
const BEARER_NOT_FIRST: &str =
    "It reads the first scheme only, so it sees no challenge and guesses where the metadata is.";
const MISREAD: &str = "It searches the header for name=value and takes the first hit, even inside another text: it asks for \
    the wrong scope or at the wrong place.";
const MEND_MISREAD: &str =
    "Keep words that look like parameters out of error_description, and put every value in quotes.";
const KNOCK_REDIRECTS: &str = "It does not carry a token across redirects, or turns the POST into a GET.";
const GET: &str = "It begins with GET and never learns that it must sign in.";
const MEND_GET: &str = "Check the token before the method: GET and DELETE without one get 401 with the challenge, too.";
const FORBIDDEN: &str = "403 means a token without enough rights; it has none and does not start signing in.";
const NOT_FOUND: &str = "There is no MCP endpoint at this URL.";
const BROKEN: &str = "It reports a broken server and does not start signing in.";
const TOO_EARLY: &str = "It reports a protocol error and does not start signing in.";
const MEND_TOO_EARLY: &str = "Check the token before method, Accept, Content-Type, protocol version and body.";
