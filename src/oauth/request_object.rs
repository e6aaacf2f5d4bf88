//! Request objects: an authorization request that its client signed (RFC 9101), by value.

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::authorize::Refusal;
use crate::app::App;
use crate::crypto::statement::{Header, StatementAlgorithm};
use crate::errands::client_keys::{self, ClientKeys};
use crate::grants::client::{Client, Profile};
use crate::grants::sign::Audience;
use crate::http::params::Params;
use crate::types::NumericDate;

/// By how much clocks may differ.
const SKEW: TimeDelta = TimeDelta::seconds(30);

/// What speaks of the object and is no parameter (RFC 7519 §4.1).
const OF_THE_OBJECT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The algorithms by which this client may sign.
fn algorithms(profile: Profile) -> &'static [StatementAlgorithm] {
    match profile {
        Profile::Standard => &StatementAlgorithm::ALL,
        Profile::Fapi2 => &StatementAlgorithm::STRONG,
    }
}

/// The parameters in a request object of this client: nothing outside of it counts (RFC 9101 §6.3).
///
/// `None` when its keys would have to be fetched and must not be yet (`decisions` 18).
pub async fn open(app: &App, client: &Client, object: &str, may_fetch: bool) -> Result<Option<Params>, Refusal> {
    let header = Header::of(object).ok_or(invalid("The request object is not a signed JWT"))?;
    // Other statements of the client's, such as the assertion by which it authenticates, say what they are (RFC 8725 §3.11).
    if !(header.typ.is_none() || header.is("oauth-authz-req+jwt") || header.is("jwt")) {
        return Err(invalid("The typ of the request object is not oauth-authz-req+jwt"));
    }
    let keys = match client_keys::of(app, client, &header, may_fetch).await {
        ClientKeys::Known(keys) => keys,
        ClientKeys::NotFetched => return Ok(None),
        ClientKeys::Missing(why) => return Err(invalid(why)),
    };
    let claims = keys.verify(object, algorithms(client.options.profile));
    let claims: Map<String, Value> =
        claims.ok_or(invalid("The request object is not signed with a key and algorithm of this client"))?;
    judge(app, client, &claims)?;
    params(claims).map(Some)
}

/// Whose it is, for whom and when (RFC 9101 §4, §6.2).
fn judge(app: &App, client: &Client, claims: &Map<String, Value>) -> Result<(), Refusal> {
    let is_client = |name: &str| claims.get(name).and_then(Value::as_str) == Some(&client.id);
    if !is_client("iss") || !is_client("client_id") {
        return Err(invalid("The iss and the client_id in the request object must be those of the client"));
    }
    let audience = claims.get("aud").and_then(|aud| serde_json::from_value::<Audience>(aud.clone()).ok());
    if !audience.is_some_and(|aud| aud.has(app.issuer())) {
        return Err(invalid("The aud of the request object must be our issuer"));
    }
    if ["request", "request_uri"].iter().any(|name| claims.contains_key(*name)) {
        return Err(invalid("A request object cannot hold another one"));
    }
    let time = |name: &str| {
        let read = claims.get(name).map(|time| serde_json::from_value::<NumericDate>(time.clone()));
        read.transpose().map_err(|_| invalid("A time in the request object is none"))
    };
    let (exp, nbf, iat) = (time("exp")?, time("nbf")?, time("iat")?);
    let exp = exp.ok_or(invalid("The request object must say when it expires (exp)"))?;
    let now = app.clock.now();
    if exp.0 <= now - SKEW {
        return Err(invalid("The request object has expired"));
    }
    if [nbf, iat].into_iter().flatten().any(|time| time.0 > now + SKEW) {
        return Err(invalid("The request object is not good yet"));
    }
    Ok(())
}

/// The parameters, as a query would have them: numbers and `claims` may be JSON, `resource` may be a list.
fn params(claims: Map<String, Value>) -> Result<Params, Refusal> {
    let mut pairs = Vec::new();
    for (name, value) in claims.into_iter().filter(|(name, _)| !OF_THE_OBJECT.contains(&name.as_str())) {
        match value {
            Value::String(text) => pairs.push((name, text)),
            Value::Number(_) | Value::Bool(_) | Value::Object(_) => pairs.push((name, value.to_string())),
            Value::Array(items) => {
                for item in items {
                    let Value::String(text) = item else { return Err(invalid("A list in the request object is odd")) };
                    pairs.push((name.clone(), text));
                }
            }
            Value::Null => return Err(invalid("A parameter in the request object is null")),
        }
    }
    let params = Params::of(pairs);
    match params.flaw() {
        None => Ok(params),
        Some(_) => Err(invalid("A parameter in the request object is there twice, or holds a NUL character")),
    }
}

fn invalid(why: &'static str) -> Refusal {
    Refusal("invalid_request_object", why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: Value) -> Result<Params, Refusal> {
        params(claims.as_object().cloned().unwrap())
    }

    #[test]
    fn json_becomes_what_a_query_would_say() {
        let params = read(json!({
            "iss": "c", "exp": 1, "state": "s", "max_age": 60, "claims": { "id_token": {} }, "resource": ["a", "b"],
        }))
        .unwrap();
        assert_eq!((params.get("state"), params.get("max_age")), (Some("s"), Some("60")));
        assert_eq!((params.get("claims"), params.get("iss")), (Some(r#"{"id_token":{}}"#), None));
        assert_eq!(params.all("resource"), ["a", "b"]);
    }

    #[test]
    fn what_no_query_could_say_is_refused() {
        for odd in [
            json!({ "state": null }),
            json!({ "scope": ["a", "b"] }),
            json!({ "resource": [1] }),
            json!({ "state": "\0" }),
        ] {
            assert!(read(odd.clone()).is_err(), "{odd}");
        }
    }
}
