//! The way of one client, step by step, over what was recorded.

mod authorization;
mod issuer;
mod knock;
mod registration;
mod resource;
mod token;

use serde_json::Value;

use super::finding::{Diagnosis, Findings, Step};
use super::profile::{Home, Profile};
use super::record::{Case, Look, Missing, Records, object};
use crate::net::Exchange;

/// What this client would make of it; or the next answer that is needed to tell.
pub fn examine(case: &Case, profile: &Profile, records: &Records) -> Result<Diagnosis, Missing> {
    let mut found = Findings::default();
    walk(&Look { case, profile, records }, &mut found)?;
    let (level, findings) = found.all();
    Ok(Diagnosis { client: profile.id, name: profile.name, level, findings })
}

fn walk(look: &Look<'_>, found: &mut Findings) -> Result<(), Missing> {
    let Some(challenge) = knock::judge(look, found)? else { return Ok(()) };
    let Some(resource) = resource::judge(look, &challenge, found)? else { return Ok(()) };
    let Some(server) = issuer::judge(look, &resource, found)? else { return Ok(()) };
    let client = registration::judge(look, &server, &resource, found)?;
    authorization::judge(look, &server, &resource, client.as_ref(), found)?;
    token::judge(look, &server, found)?;
    token::keys(look, &server, found)?;
    match client {
        Some(client) => registration::undo(look, &server, &client, found),
        None => Ok(()),
    }
}

/// What came of looking for a document in several places.
enum Search {
    /// Here it is, with where it was.
    Found(Value, String),
    /// Nowhere.
    Nowhere,
    /// Something went wrong that ends the search; it has been told.
    Broken,
}

/// Looks for a document in these places, in order. A client error means the next place; anything worse ends the search.
fn search(look: &Look<'_>, step: Step, places: &[String], found: &mut Findings) -> Result<Search, Missing> {
    for url in places {
        let exchange = match look.fetch(url)? {
            Ok(exchange) => exchange,
            Err(error) => {
                found.problem(step, "unreachable", format!("{url}: {error}"), UNREACHABLE, MEND_UNREACHABLE);
                return Ok(Search::Broken);
            }
        };
        match exchange.status {
            200 => {
                let Some(document) = object(exchange) else {
                    let seen = format!("{url} answers 200 with something that is not a JSON object.");
                    found.problem(step, "not_json", seen, NOT_JSON, MEND_NOT_JSON);
                    return Ok(Search::Broken);
                };
                shared(look, step, exchange, url, found);
                return Ok(Search::Found(document, url.clone()));
            }
            300..=399 => {
                let seen = format!("{url} redirects ({}).", exchange.status);
                found.note(step, "redirects", seen, REDIRECTS, "Answer with the document itself, at this URL.");
            }
            400..=499 => {
                if look.profile.reads_error_bodies && object(exchange).is_none() {
                    let seen = format!("{url} answers {} without a JSON body.", exchange.status);
                    found.note(
                        step,
                        "error_not_json",
                        seen,
                        ERROR_NOT_JSON,
                        "Give every error a JSON object as its body.",
                    );
                }
            }
            status => {
                let seen = format!("{url} answers {status}.");
                found.problem(
                    step,
                    "server_error",
                    seen,
                    SERVER_ERROR,
                    "Answer 404 with a JSON body where there is no document.",
                );
                return Ok(Search::Broken);
            }
        }
    }
    Ok(Search::Nowhere)
}

const UNREACHABLE: &str = "It cannot get this document, so it cannot sign in.";
const MEND_UNREACHABLE: &str = "Make this URL answer, over https with a certificate that everybody trusts.";
const NOT_JSON: &str = "It stops here: it takes the answer for the document and cannot read it.";
const MEND_NOT_JSON: &str = "Serve the document as application/json, or 404 where there is none; a catch-all page must not answer well-known URLs.";
const REDIRECTS: &str = "Clients that guard against forged addresses do not follow it.";
const ERROR_NOT_JSON: &str = "It reads the error as an OAuth answer and may stop instead of looking elsewhere.";
const SERVER_ERROR: &str = "A server error is no answer: it stops instead of looking elsewhere.";

/// True when a page of that origin may read the answer (the Fetch standard's CORS check).
fn may_be_read(exchange: &Exchange, origin: &str) -> bool {
    exchange.header("access-control-allow-origin").is_some_and(|allowed| allowed == "*" || allowed == origin)
}

/// Tells when a client in a browser cannot read an answer.
fn shared(look: &Look<'_>, step: Step, exchange: &Exchange, url: &str, found: &mut Findings) {
    if let Home::Browser(origin) = look.profile.home
        && !may_be_read(exchange, origin)
    {
        let seen = format!("{url} has no Access-Control-Allow-Origin for {origin}.");
        found.problem(
            step,
            "cors",
            seen,
            CORS,
            "Answer with Access-Control-Allow-Origin: * (no credentials are involved).",
        );
    }
}

const CORS: &str = "The browser keeps the answer from it, which looks as if the server were down.";
