//! DPoP (RFC 9449): whoever uses a token, or asks for one, proves that they hold a key.
//!
//! [`Proof::of`] judges a proof against the request that it came with. That it is used once is for its two places to see to:
//! the token endpoint asks the database, which all nodes share; resource endpoints ask this node's memory
//! ([`first_sight`](crate::access::Access::first_sight)), so that a call costs no query. A proof that is heard on its way can
//! thus be repeated at another node, with the token that its `ath` names, for the same method and URL, until its `iat` is
//! five minutes old; the setting that requires nonces shortens nothing, but makes proofs that were made in advance worthless
//! (RFC 9449 §11.2).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use crate::app::App;
use crate::crypto::statement::{StatementAlgorithm, prove_possession};
use crate::crypto::{Label, RootKeys};
use crate::types::NumericDate;

/// Where a proof comes (§4.1).
pub const HEADER: HeaderName = HeaderName::from_static("dpop");
/// Where a nonce for the next proof goes (§8.1).
pub const NONCE_HEADER: HeaderName = HeaderName::from_static("dpop-nonce");
/// How far the `iat` of a proof may be from our clock: MCP's DPoP extension says five minutes.
const WINDOW: TimeDelta = TimeDelta::minutes(5);
/// The longest proof: an RSA key of 4096 bits and its signature take some two thousand bytes.
const LONGEST: usize = 4096;
/// The longest `jti`.
const LONGEST_ID: usize = 256;
/// Seconds for which one nonce is given.
const NONCE_PERIOD: i64 = 5 * 60;

/// The algorithms of proofs, as discovery lists them.
pub fn algorithms() -> [&'static str; StatementAlgorithm::STRONG.len()] {
    StatementAlgorithm::STRONG.map(StatementAlgorithm::name)
}

/// A proof that fits its request; not yet looked at is whether it was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of the key that made it.
    pub key: String,
    /// Names it among all that this key made.
    pub id: String,
    /// When it stops being good by itself, whatever the clock of a node says.
    pub until: DateTime<Utc>,
}

/// Why a proof is refused. The words are safe to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not a proof for this request.
    Invalid(&'static str),
    /// It has no nonce, or an old one; the client may try again with the one that it is given (§8).
    Nonce,
}

/// What a proof must fit.
#[derive(Clone, Copy, Debug)]
struct Fits<'a> {
    method: &'a str,
    /// Without query and fragment.
    url: &'a str,
    /// The access token that came with it, at a resource endpoint.
    token: Option<&'a str>,
    now: DateTime<Utc>,
}

/// The claims of a proof (§4.2).
#[derive(Clone, Debug, Deserialize)]
struct Claims {
    htm: String,
    htu: String,
    iat: NumericDate,
    jti: String,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Proof {
    /// The proof in a request, if it has one: at a resource endpoint for this access token.
    pub fn of(app: &App, request: &HttpRequest, token: Option<&str>) -> Result<Option<Self>, Flaw> {
        let Some(text) = alone(request.headers())? else { return Ok(None) };
        let url = format!("{}{}", app.config.server.public_url.origin(), request.path());
        let fits = Fits { method: request.method().as_str(), url: &url, token, now: app.clock.now() };
        let (claims, key) = prove_possession::<Claims>(text, "dpop+jwt")
            .ok_or(Flaw::Invalid("The proof is not signed as it should be with the key in its header"))?;
        claims.judge(&fits)?;
        let require = app.config.tokens.require_dpop_nonce;
        if !claims.nonce.as_deref().map_or(!require, |nonce| is_fresh(&app.keys, nonce, fits.now)) {
            return Err(Flaw::Nonce);
        }
        Ok(Some(Self { key, id: claims.jti, until: claims.iat.0 + WINDOW + TimeDelta::minutes(1) }))
    }
}

/// The one proof of a request (§4.3): two are none.
fn alone(headers: &HeaderMap) -> Result<Option<&str>, Flaw> {
    let mut proofs = headers.get_all(HEADER);
    match (proofs.next(), proofs.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(Flaw::Invalid("There is more than one DPoP header")),
        (Some(proof), None) if proof.len() > LONGEST => Err(Flaw::Invalid("The proof is too long")),
        (Some(proof), None) => {
            proof.to_str().map(|text| Some(text.trim())).map_err(|_| Flaw::Invalid("The proof is not a JWT"))
        }
    }
}

impl Claims {
    /// Holds them against the request (§4.3, 8 to 12).
    fn judge(&self, fits: &Fits<'_>) -> Result<(), Flaw> {
        if self.htm != fits.method {
            return Err(Flaw::Invalid("The proof was made for another method"));
        }
        if !is_same_place(&self.htu, fits.url) {
            return Err(Flaw::Invalid("The proof was made for another URL"));
        }
        if self.jti.is_empty() || self.jti.len() > LONGEST_ID {
            return Err(Flaw::Invalid("The jti of the proof is empty or too long"));
        }
        if (fits.now - self.iat.0).abs() > WINDOW {
            return Err(Flaw::Invalid("The proof was not made just now; is your clock right?"));
        }
        let Some(token) = fits.token else { return Ok(()) };
        let expected = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        match &self.ath {
            Some(ath) if ath.as_bytes().ct_eq(expected.as_bytes()).into() => Ok(()),
            _ => Err(Flaw::Invalid("The ath of the proof is not that of the access token")),
        }
    }
}

/// Compares without query and fragment, after normalising case, default port and dot segments (RFC 3986 §6.2.2, §6.2.3).
fn is_same_place(htu: &str, url: &str) -> bool {
    let place = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    place(htu).is_some_and(|htu| place(url) == Some(htu))
}

/// The nonce that proofs should carry now. It is not stored: every node makes the same of the root key and the time.
pub fn nonce(keys: &RootKeys, now: DateTime<Utc>) -> String {
    let period = now.timestamp().div_euclid(NONCE_PERIOD);
    URL_SAFE_NO_PAD.encode(keys.mac(Label::DpopNonce, &[&period.to_be_bytes()]))
}

/// True for the nonce of this period and the one before it, and of the next, which a node whose clock is ahead may give.
fn is_fresh(keys: &RootKeys, nonce: &str, now: DateTime<Utc>) -> bool {
    let period = now.timestamp().div_euclid(NONCE_PERIOD);
    [period, period - 1, period + 1].into_iter().any(|period| {
        let period = period.to_be_bytes();
        let is = |mac: [u8; 32]| bool::from(URL_SAFE_NO_PAD.encode(mac).as_bytes().ct_eq(nonce.as_bytes()));
        keys.macs(Label::DpopNonce, &[&period]).any(is)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    const URL: &str = "https://gate.example/mcp";
    const NOW: i64 = 1_800_000_000;

    fn fits(token: Option<&'static str>) -> Fits<'static> {
        Fits { method: "POST", url: URL, token, now: DateTime::from_timestamp(NOW, 0).unwrap() }
    }

    /// Good claims, but for what is said here.
    fn judged(says: serde_json::Value, token: Option<&'static str>) -> Option<Result<(), Flaw>> {
        let mut claims = json!({ "htm": "POST", "htu": URL, "iat": NOW, "jti": "one" });
        for (name, value) in says.as_object().unwrap() {
            claims[name] = value.clone();
        }
        serde_json::from_value::<Claims>(claims).ok().map(|claims| claims.judge(&fits(token)))
    }

    #[test]
    fn a_proof_is_for_one_method_url_and_moment() {
        for good in [
            json!({}),
            json!({ "htu": "HTTPS://Gate.Example:443/mcp" }),
            json!({ "htu": "https://gate.example/mcp?a=b#c" }),
            json!({ "htu": "https://gate.example/x/../mcp" }),
            json!({ "iat": NOW - 300 }),
            json!({ "iat": NOW + 300 }),
            json!({ "ath": "ignored where there is no token", "nonce": "n" }),
        ] {
            assert_eq!(judged(good.clone(), None), Some(Ok(())), "{good}");
        }
        for bad in [
            json!({ "htm": "GET" }),
            json!({ "htm": "post" }),
            json!({ "htu": "http://gate.example/mcp" }),
            json!({ "htu": "https://gate.example/mcp/" }),
            json!({ "htu": "https://gate.example/MCP" }),
            json!({ "htu": "https://gate.example:8443/mcp" }),
            json!({ "htu": "https://a@gate.example/mcp" }),
            json!({ "htu": "https://gate.example.evil.example/mcp" }),
            json!({ "htu": "/mcp" }),
            json!({ "htu": "" }),
            json!({ "iat": NOW - 301 }),
            json!({ "iat": NOW + 301 }),
            json!({ "iat": 0 }),
            json!({ "jti": "" }),
            json!({ "jti": "x".repeat(257) }),
        ] {
            assert!(matches!(judged(bad.clone(), None), Some(Err(Flaw::Invalid(_)))), "{bad}");
        }
        for malformed in [json!({ "iat": "now" }), json!({ "iat": 1e300 }), json!({ "jti": 1 }), json!({ "htu": null })]
        {
            assert_eq!(judged(malformed.clone(), None), None, "{malformed}");
        }
    }

    #[test]
    fn with_a_token_its_hash_is_in_the_proof() {
        // RFC 9449 §7.1, the example.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let right = json!({ "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" });
        assert_eq!(judged(right.clone(), Some(token)), Some(Ok(())));
        assert!(matches!(judged(right, Some("another")), Some(Err(_))));
        for wrong in [json!({}), json!({ "ath": "" }), json!({ "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEO" })]
        {
            assert!(matches!(judged(wrong.clone(), Some(token)), Some(Err(_))), "{wrong}");
        }
    }

    #[test]
    fn two_proofs_are_none_and_one_has_a_limit() {
        let with = |values: &[String]| {
            let request = values
                .iter()
                .fold(TestRequest::default(), |request, value| request.append_header(("dpop", value.as_str())));
            alone(request.to_http_request().headers()).map(|proof| proof.map(str::to_owned))
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["a.b.c".to_owned()]), Ok(Some("a.b.c".to_owned())));
        assert!(with(&["a".to_owned(), "a".to_owned()]).is_err());
        assert!(with(&["a".repeat(LONGEST)]).is_ok());
        assert!(with(&["a".repeat(LONGEST + 1)]).is_err());
    }

    #[test]
    fn a_nonce_is_good_for_two_periods_and_nobody_else_makes_one() {
        let keys: RootKeys = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap();
        let others: RootKeys = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".parse().unwrap();
        let at = |seconds: i64| DateTime::from_timestamp(NOW + seconds, 0).unwrap();
        let given = nonce(&keys, at(0));
        for (seconds, good) in [(0, true), (299, true), (599, true), (600, false), (86_400, false), (-1, true)] {
            assert_eq!(is_fresh(&keys, &given, at(seconds)), good, "{seconds}");
        }
        assert!(!is_fresh(&others, &given, at(0)));
        for wrong in ["", "x", &given[1..], &given.to_uppercase()] {
            assert!(!is_fresh(&keys, wrong, at(0)), "{wrong}");
        }
    }
}
