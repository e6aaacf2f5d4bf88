//! The JSON-RPC envelope (JSON-RPC 2.0; MCP 2026-07-28, basic §"Messages"): read strictly, answer precisely.
//!
//! A member that appears twice is refused at any depth: two readers of one body must never see two different requests.
//! Nesting is bounded by serde_json's recursion limit.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

use crate::mcp::error::Failure;

/// A JSON object.
pub type Object = Map<String, Value>;

/// What a client may send; batches do not exist for us.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification {
        /// What it tells.
        method: String,
    },
    /// Answers a request that a server sent.
    Response {
        /// Which.
        id: Option<Id>,
    },
}

impl Message {
    /// The id of a request, under which it is answered.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Request(request) => Some(&request.id),
            Self::Notification { .. } | Self::Response { .. } => None,
        }
    }

    /// True for the message with which a session of the earlier era begins.
    pub fn opens(&self) -> bool {
        matches!(self, Self::Request(request) if request.method == "initialize")
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What its answer is found by.
    pub id: Id,
    /// What it wants.
    pub method: String,
    /// With what; empty when it said nothing.
    pub params: Object,
}

impl Request {
    /// The text parameter of that name, if it is there and is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str)
    }
}

/// The id of a request: text or an integer, never null.
#[derive(Clone, Debug, PartialEq)]
pub enum Id {
    /// An integer.
    Number(Number),
    /// Text.
    Text(String),
}

impl Id {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) if !number.is_f64() => Some(Self::Number(number)),
            _ => None,
        }
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::of(value).ok_or_else(|| de::Error::custom("an id is text or an integer"))
    }
}

/// A body that is no message, and the id under which to say so, if one could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejected {
    /// The id of the broken request.
    pub id: Option<Id>,
    /// What is wrong with it.
    pub failure: Failure,
}

impl From<Failure> for Rejected {
    fn from(failure: Failure) -> Self {
        Self { id: None, failure }
    }
}

/// Reads one message.
pub fn parse(body: &[u8]) -> Result<Message, Rejected> {
    match json(body)? {
        Value::Object(envelope) => read(envelope),
        Value::Array(_) => {
            Err(Failure::invalid_request("Batches are not supported: send one message at a time").into())
        }
        _ => Err(Failure::invalid_request("A message is a JSON object").into()),
    }
}

fn json(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice::<Strict>(body).map(|Strict(value)| value).map_err(|error| match error.classify() {
        Category::Data => Failure::invalid_request(format!("Invalid request: {error}")),
        Category::Io | Category::Syntax | Category::Eof => Failure::parse(format!("Parse error: {error}")),
    })
}

fn read(mut envelope: Object) -> Result<Message, Rejected> {
    let raw_id = envelope.remove("id");
    let has_id = raw_id.is_some();
    let id = raw_id.and_then(Id::of);
    let reject = |failure| Rejected { id: id.clone(), failure };
    if envelope.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(reject(Failure::invalid_request("`jsonrpc` must be \"2.0\"")));
    }
    if envelope.contains_key("result") || envelope.contains_key("error") {
        return match envelope.contains_key("method") {
            true => Err(reject(Failure::invalid_request("A message is a request or a response, not both"))),
            false => Ok(Message::Response { id }),
        };
    }
    let Some(Value::String(method)) = envelope.remove("method") else {
        return Err(reject(Failure::invalid_request("`method` must be a string")));
    };
    let params = match envelope.remove("params") {
        None => Object::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(reject(Failure::invalid_request("`params` must be an object"))),
    };
    match id {
        Some(id) => Ok(Message::Request(Request { id, method, params })),
        None if has_id => Err(Failure::invalid_request("`id` must be a string or an integer").into()),
        None => Ok(Message::Notification { method }),
    }
}

/// JSON in which no object has two members of one name.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(de::Error::custom("a member appears twice"));
            }
            let Strict(value) = members.next_value()?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &[u8]) -> i64 {
        parse(body).unwrap_err().failure.code
    }

    #[test]
    fn what_is_no_json_is_a_parse_error() {
        let deep = "[".repeat(100_000);
        for body in [&b""[..], b"{", b"nul", b"\xff\xfe", b"{\"a\":\"\xc3\x28\"}", b"{} {}", deep.as_bytes()] {
            assert_eq!(code(body), -32700, "{:?}", String::from_utf8_lossy(&body[..body.len().min(20)]));
        }
    }

    #[test]
    fn a_member_that_appears_twice_is_refused_at_any_depth() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":[{"y":1,"\u0079":2}]}}"#,
        ] {
            assert_eq!(code(body.as_bytes()), -32600, "{body}");
        }
    }

    #[test]
    fn batches_and_what_is_both_request_and_response_are_refused() {
        let both = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}"#;
        for body in ["[]", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, both] {
            assert_eq!(code(body.as_bytes()), -32600, "{body}");
        }
    }

    #[test]
    fn an_id_is_text_or_an_integer() {
        for id in ["null", "1.5", "true", "{}", "[]"] {
            assert_eq!(code(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).as_bytes()), -32600, "{id}");
        }
        for id in ["0", "-7", "18446744073709551615", "\"\"", "\"a\""] {
            let message = parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).as_bytes()).unwrap();
            let Message::Request(request) = message else { panic!("a request") };
            assert_eq!(serde_json::to_string(&request.id).unwrap(), id, "said back as it came");
        }
    }

    #[test]
    fn a_broken_request_is_answered_under_its_own_id() {
        let rejected = parse(br#"{"jsonrpc":"1.0","id":"seven","method":"ping"}"#).unwrap_err();
        assert_eq!(rejected.id, Some(Id::Text("seven".to_owned())));
        for body in [r#"{"jsonrpc":"2.0","id":7}"#, r#"{"jsonrpc":"2.0","id":7,"method":"a","params":[1]}"#] {
            assert_eq!(parse(body.as_bytes()).unwrap_err().id, Some(Id::Number(7.into())));
        }
    }
}
