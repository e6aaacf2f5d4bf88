//! Lists on their way to a caller: what may not be found is taken out, and everything else stays byte for byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::access::visit::Target;

/// May the caller find this?
pub(super) type MaySee<'a> = &'a dyn Fn(Target<'_>) -> bool;

/// The same message without what may not be found; `None` when nothing has to be taken out. A body that is no JSON is an error.
pub(super) fn without_unseen(body: &[u8], may_see: MaySee<'_>) -> serde_json::Result<Option<Vec<u8>>> {
    // Before 2025-06-18, answers could come as a batch.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let batch: Vec<&RawValue> = serde_json::from_slice(body)?;
        let filtered = batch.iter().map(|message| filtered(message.get().as_bytes(), may_see));
        let filtered = filtered.collect::<serde_json::Result<Vec<_>>>()?;
        if filtered.iter().all(Option::is_none) {
            return Ok(None);
        }
        let all = batch.into_iter().zip(filtered).map(|(kept, new)| new.map_or(Cow::Borrowed(kept), Cow::Owned));
        return serde_json::to_vec(&all.collect::<Vec<_>>()).map(Some);
    }
    Ok(filtered(body, may_see)?.map(|message| message.get().as_bytes().to_vec()))
}

fn filtered(message: &[u8], may_see: MaySee<'_>) -> serde_json::Result<Option<Box<RawValue>>> {
    let mut message: Members<'_> = serde_json::from_slice(message)?;
    let mut is_changed = false;
    for (name, value) in &mut message.0 {
        if name == "result"
            && let Some(result) = seen_result(value, may_see)?
        {
            (*value, is_changed) = (Cow::Owned(result), true);
        }
    }
    is_changed.then(|| serde_json::value::to_raw_value(&message)).transpose()
}

/// A result without what may not be found, unless all of it may.
fn seen_result(result: &RawValue, may_see: MaySee<'_>) -> serde_json::Result<Option<Box<RawValue>>> {
    if !result.get().starts_with('{') {
        return Ok(None);
    }
    let mut result: Members<'_> = serde_json::from_str(result.get())?;
    let mut is_changed = false;
    for (name, value) in &mut result.0 {
        let Some(kind) = Kind::listed_as(name).filter(|_| value.get().starts_with('[')) else { continue };
        let items: Vec<&RawValue> = serde_json::from_str(value.get())?;
        let seen: Vec<&RawValue> = items.iter().copied().filter(|item| kind.is_seen(item, may_see)).collect();
        if seen.len() < items.len() {
            (*value, is_changed) = (Cow::Owned(serde_json::value::to_raw_value(&seen)?), true);
        }
    }
    is_changed.then(|| serde_json::value::to_raw_value(&result)).transpose()
}

/// What a list is of.
#[derive(Clone, Copy)]
enum Kind {
    Tools,
    Prompts,
    Resources,
}

/// What an item of a list is found by.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uri_template: Option<Cow<'a, str>>,
}

impl Kind {
    fn listed_as(member: &str) -> Option<Self> {
        match member {
            "tools" => Some(Self::Tools),
            "prompts" => Some(Self::Prompts),
            "resources" | "resourceTemplates" => Some(Self::Resources),
            _ => None,
        }
    }

    /// What has no name of the right kind, or two, nobody could be allowed to find.
    fn is_seen(self, item: &RawValue, may_see: MaySee<'_>) -> bool {
        let Ok(named) = serde_json::from_str::<Named<'_>>(item.get()) else { return false };
        match self {
            Self::Tools => named.name.is_some_and(|name| may_see(Target::SeeTool(&name))),
            Self::Prompts => named.name.is_some_and(|name| may_see(Target::SeePrompt(&name))),
            Self::Resources => named.uri.or(named.uri_template).is_some_and(|uri| may_see(Target::SeeResource(&uri))),
        }
    }
}

/// The members of an object as they came, in their order; their values are not looked into.
struct Members<'a>(Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            all.push((Cow::Owned(name), Cow::Borrowed(members.next_value::<&'de RawValue>()?)));
        }
        Ok(Members(all))
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value.as_ref())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything but what is called `hidden`.
    fn seen(body: &str) -> Option<String> {
        let may_see = |target: Target<'_>| !target.object().unwrap().contains("hidden");
        without_unseen(body.as_bytes(), &may_see).unwrap().map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn what_may_not_be_found_is_taken_out_and_the_rest_stays_as_it_was() {
        let listed = r#"{"jsonrpc":"2.0","id":18446744073709551617,"result":{"z":1.0,"tools":[{"name":"a","x":1e400},{"name":"hidden"}],"nextCursor":"n"}}"#;
        let expected = r#"{"jsonrpc":"2.0","id":18446744073709551617,"result":{"z":1.0,"tools":[{"name":"a","x":1e400}],"nextCursor":"n"}}"#;
        assert_eq!(seen(listed).as_deref(), Some(expected));
        for (list, expected) in [
            (r#""prompts":[{"name":"hidden"},{"name":"b"}]"#, r#""prompts":[{"name":"b"}]"#),
            (
                r#""resources":[{"uri":"hidden:a","name":"b"},{"uri":"c:d","name":"hidden"}]"#,
                r#""resources":[{"uri":"c:d","name":"hidden"}]"#,
            ),
            (r#""resourceTemplates":[{"uriTemplate":"hidden:{a}","name":"b"}]"#, r#""resourceTemplates":[]"#),
        ] {
            let body = |list| format!(r#"{{"id":1,"result":{{{list}}}}}"#);
            assert_eq!(seen(&body(list)), Some(body(expected)));
        }
    }

    #[test]
    fn an_item_without_one_clear_name_is_not_found() {
        for item in [r#"{"title":"a"}"#, r#"{"name":"a","name":"b"}"#, "7", r#"{"name":7}"#] {
            let body = format!(r#"{{"id":1,"result":{{"tools":[{item}]}}}}"#);
            assert_eq!(seen(&body).as_deref(), Some(r#"{"id":1,"result":{"tools":[]}}"#), "{item}");
        }
    }

    #[test]
    fn both_of_two_lists_are_looked_at_and_so_is_every_answer_of_a_batch() {
        let twice = r#"{"id":1,"result":{"tools":[{"name":"hidden"}],"tools":[{"name":"hidden"}]}}"#;
        assert_eq!(seen(twice).as_deref(), Some(r#"{"id":1,"result":{"tools":[],"tools":[]}}"#));
        let results = r#"{"id":1,"result":{},"result":{"tools":[{"name":"hidden"}]}}"#;
        assert_eq!(seen(results).as_deref(), Some(r#"{"id":1,"result":{},"result":{"tools":[]}}"#));
        let batch = r#" [{"id":1,"result":{}},{"id":2,"result":{"tools":[{"name":"hidden"}]}}]"#;
        assert_eq!(seen(batch).as_deref(), Some(r#"[{"id":1,"result":{}},{"id":2,"result":{"tools":[]}}]"#));
    }

    #[test]
    fn what_lists_nothing_is_left_alone() {
        for body in [
            r#"{"id":1,"result":{"tools":[{"name":"a"}]}}"#,
            r#"{"id":1,"result":{"structuredContent":{"tools":[{"name":"hidden"}]}}}"#,
            r#"{"id":1,"error":{"code":1,"message":"tools"}}"#,
            r#"{"id":1,"result":"tools"}"#,
            r#"{"method":"notifications/tools/list_changed"}"#,
        ] {
            assert_eq!(seen(body), None, "{body}");
        }
    }
}
