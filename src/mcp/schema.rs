//! The part of JSON Schema 2020-12 in which our own tools describe their arguments, and the check that keeps to it.
//!
//! One value is both published and obeyed, so the two cannot drift apart. Nothing is ever fetched: there is no `$ref`.

use serde_json::{Value, json};

use crate::mcp::error::shown;
use crate::mcp::message::Object;

/// The schema of an object with exactly these properties.
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// Everything that is wrong with `arguments`, in words that let a model correct itself.
pub(super) fn violations(schema: &Value, arguments: &Object) -> Vec<String> {
    let properties = &schema["properties"];
    let missing = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing = missing.filter(|name| !arguments.contains_key(*name)).map(|name| format!("`{name}` is required"));
    let wrong = arguments.iter().filter_map(|(name, value)| match properties.get(name) {
        None => Some(format!("there is no argument `{}`", shown(name))),
        Some(property) => violation(property, value).map(|what| format!("`{name}` {what}")),
    });
    missing.chain(wrong).collect()
}

fn violation(property: &Value, value: &Value) -> Option<String> {
    match property["type"].as_str() {
        Some("string") => match value.as_str() {
            Some(text) => bounds(property, "Length", text.chars().count() as u64, " characters"),
            None => Some("must be a string".to_owned()),
        },
        Some("integer") => match value.as_u64() {
            Some(number) => bounds(property, "imum", number, ""),
            None => Some("must be a whole number that is not negative".to_owned()),
        },
        Some("boolean") => (!value.is_boolean()).then(|| "must be true or false".to_owned()),
        Some("array") => match value.as_array() {
            Some(items) => {
                let wrong = items.iter().find_map(|item| violation(&property["items"], item));
                let wrong = wrong.map(|what| format!("has an item that {what}"));
                wrong.or_else(|| bounds(property, "Items", items.len() as u64, " items"))
            }
            None => Some("must be a list".to_owned()),
        },
        _ => None,
    }
}

/// `minLength` and `maxLength`, `minItems` and `maxItems`, or `minimum` and `maximum`.
fn bounds(property: &Value, suffix: &str, size: u64, unit: &str) -> Option<String> {
    let bound = |prefix: &str| property[format!("{prefix}{suffix}")].as_u64();
    let (least, most) = (bound("min").unwrap_or(0), bound("max").unwrap_or(u64::MAX));
    (!(least..=most).contains(&size)).then(|| format!("must be {least} to {most}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_is_named() {
        let schema = object(
            json!({
                "word": { "type": "string", "minLength": 1, "maxLength": 3 },
                "count": { "type": "integer", "minimum": 1, "maximum": 9 },
                "flag": { "type": "boolean" },
                "words": { "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": 2 },
            }),
            &["word"],
        );
        for (arguments, expected) in [
            (json!({ "word": "abc", "count": 9 }), vec![]),
            (json!({}), vec!["`word` is required"]),
            (json!({ "word": "", "x": 1 }), vec!["`word` must be 1 to 3 characters", "there is no argument `x`"]),
            (json!({ "word": "äöüß" }), vec!["`word` must be 1 to 3 characters"]),
            (json!({ "word": null }), vec!["`word` must be a string"]),
            (json!({ "word": "a", "count": 10 }), vec!["`count` must be 1 to 9"]),
            (json!({ "word": "a", "flag": true, "words": ["b", "c"] }), vec![]),
            (json!({ "word": "a", "flag": "yes" }), vec!["`flag` must be true or false"]),
            (json!({ "word": "a", "words": "b" }), vec!["`words` must be a list"]),
            (json!({ "word": "a", "words": ["b", 1] }), vec!["`words` has an item that must be a string"]),
            (json!({ "word": "a", "words": ["b", "c", "d"] }), vec!["`words` must be 0 to 2 items"]),
            (json!({ "word": "a", "count": -1 }), vec!["`count` must be a whole number that is not negative"]),
        ] {
            assert_eq!(violations(&schema, arguments.as_object().unwrap()), expected, "{arguments}");
        }
    }
}
