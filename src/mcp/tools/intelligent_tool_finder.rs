//! `intelligent_tool_finder`: which tool or service does what I have in mind.
//!
//! Ranked word matching (Okapi BM25) over names, titles and descriptions: no model, no network, the same answer every time.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Call, LOOKS, Outcome, Tool, list_services, visible_to};
use crate::access::policy::{self, Decision};
use crate::mcp::gateway::gathered::{self, Gathered};
use crate::mcp::schema;

pub(super) const TOOL: Tool = Tool {
    name: "intelligent_tool_finder",
    title: "Find a tool",
    description: "Finds the tools and services behind this gate that best match a description, in plain words, of what you \
                  want to do. Only what you may use is searched.",
    hints: LOOKS,
    manages: None,
    input,
    output,
    run,
};

const DEFAULT_SERVICES: usize = 3;
const DEFAULT_TOOLS: usize = 5;
/// The service to which our own tools belong.
const OURSELVES: &str = "portcullis";

fn input() -> Value {
    let properties = json!({
        "natural_language_query": {
            "type": "string",
            "description": "What you want to do, in plain words.",
            "minLength": 1,
            "maxLength": 500,
        },
        "top_k_services": {
            "type": "integer",
            "description": "How many services to answer at most.",
            "minimum": 1,
            "maximum": 20,
            "default": DEFAULT_SERVICES,
        },
        "top_n_tools": {
            "type": "integer",
            "description": "How many tools to answer at most.",
            "minimum": 1,
            "maximum": 50,
            "default": DEFAULT_TOOLS,
        },
    });
    schema::object(properties, &["natural_language_query"])
}

fn output() -> Value {
    let text = json!({ "type": "string" });
    let tool = schema::object(
        json!({
            "tool_name": text,
            "title": text,
            "description": text,
            "service_name": text,
            "class": { "type": "string", "enum": ["read", "write", "delete"] },
            "allowed_now": { "type": "boolean", "description": "False when the call takes more scope than was granted." },
            "input_schema": { "type": "object" },
            "score": { "type": "number" },
        }),
        &["tool_name", "title", "description", "service_name", "class", "allowed_now", "input_schema", "score"],
    );
    let service = schema::object(
        json!({ "service_name": text, "description": text, "score": { "type": "number" } }),
        &["service_name", "description", "score"],
    );
    let properties = json!({
        "tools": { "type": "array", "items": tool },
        "services": { "type": "array", "items": service },
    });
    schema::object(properties, &["tools", "services"])
}

fn run(call: &Call<'_>) -> Outcome {
    let (principal, world) = (call.principal, call.world);
    let query = call.text("natural_language_query").unwrap_or_default();
    let own = visible_to(principal).map(Candidate::Own);
    let gathered = gathered::visible(principal, world.servers, world.policies).map(Candidate::Behind);
    let tools = ranked(query, own.chain(gathered), Candidate::text);
    let servers = list_services::visible(principal, world);
    let servers = ranked(query, servers, |server| format!("{} {}", server.name, server.description));
    let tools = tools.into_iter().take(call.count("top_n_tools", DEFAULT_TOOLS)).map(|(tool, score)| {
        let mut described = tool.described(call);
        described["score"] = score.into();
        described
    });
    let servers = servers.into_iter().take(call.count("top_k_services", DEFAULT_SERVICES)).map(
        |(server, score)| json!({ "service_name": server.name, "description": server.description, "score": score }),
    );
    Outcome::Done(json!({ "tools": tools.collect::<Vec<_>>(), "services": servers.collect::<Vec<_>>() }))
}

/// A tool that may be what is looked for.
enum Candidate<'a> {
    Own(&'static Tool),
    Behind(Gathered<'a>),
}

impl Candidate<'_> {
    /// The words by which it is found.
    fn text(&self) -> String {
        match self {
            Self::Own(tool) => format!("{} {} {}", tool.name, tool.title, tool.description),
            Self::Behind(tool) => format!("{} {} {}", tool.name(), tool.text("title"), tool.text("description")),
        }
    }

    /// What is answered of it.
    fn described(&self, call: &Call<'_>) -> Value {
        match self {
            Self::Own(tool) => json!({
                "tool_name": tool.name,
                "title": tool.title,
                "description": tool.description,
                "service_name": OURSELVES,
                "class": tool.class().name(),
                "allowed_now": policy::decide(call.principal, &tool.action()) == Decision::Allowed,
                "input_schema": (tool.input)(),
            }),
            Self::Behind(tool) => {
                let definition = tool.definition();
                json!({
                    "tool_name": tool.name(),
                    "title": definition["title"].as_str().unwrap_or(tool.tool),
                    "description": tool.text("description"),
                    "service_name": tool.server.name,
                    "class": tool.offered.class.name(),
                    "allowed_now": tool.may_be_called(call.principal, call.world.policies),
                    "input_schema": definition["inputSchema"],
                })
            }
        }
    }
}

/// How soon repetition of a word stops to count, and how much long texts are held back: the customary values.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// The items that share a word with `query`, best first; equals keep their order.
fn ranked<T>(query: &str, items: impl Iterator<Item = T>, text: impl Fn(&T) -> String) -> Vec<(T, f64)> {
    let documents: Vec<(T, Vec<String>)> = items
        .map(|item| {
            let words = words(&text(&item));
            (item, words)
        })
        .collect();
    let mut wanted = words(query);
    wanted.sort();
    wanted.dedup();
    let lengths: usize = documents.iter().map(|(_, words)| words.len()).sum();
    let average = (lengths as f64 / documents.len().max(1) as f64).max(1.0);
    let rarity: HashMap<&str, f64> = wanted.iter().map(|word| (word.as_str(), rarity(word, &documents))).collect();
    let score = |words: &[String]| -> f64 {
        let length = 1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * words.len() as f64 / average;
        let weight = |(word, rarity): (&&str, &f64)| {
            let count = words.iter().filter(|own| own == word).count() as f64;
            rarity * count * (SATURATION + 1.0) / (count + SATURATION * length)
        };
        rarity.iter().map(weight).sum()
    };
    let scores: Vec<f64> = documents.iter().map(|(_, words)| score(words)).collect();
    let mut found: Vec<(T, f64)> =
        documents.into_iter().zip(scores).map(|((item, _), score)| (item, (score * 1e4).round() / 1e4)).collect();
    found.retain(|(_, score)| *score > 0.0);
    found.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    found
}

fn rarity<T>(word: &str, documents: &[(T, Vec<String>)]) -> f64 {
    let holding = documents.iter().filter(|(_, words)| words.iter().any(|own| own == word)).count() as f64;
    ((documents.len() as f64 - holding + 0.5) / (holding + 0.5)).ln_1p()
}

/// Words that say nothing about what somebody wants.
const FILLERS: [&str; 31] = [
    "a", "an", "and", "are", "at", "by", "can", "do", "for", "has", "how", "i", "in", "is", "it", "me", "my", "of",
    "on", "or", "that", "the", "there", "this", "to", "want", "what", "which", "with", "you", "your",
];

fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| stem(&word.to_lowercase()).to_owned()).filter(|word| !FILLERS.contains(&word.as_str())).collect()
}

/// One form for a word's singular and plural.
fn stem(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.chars().count() > 2 && !stem.ends_with('s') => stem,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(query: &str) -> Option<&'static str> {
        ranked(query, super::super::ALL.iter(), |tool| Candidate::Own(tool).text()).first().map(|(tool, _)| tool.name)
    }

    #[test]
    fn plain_words_find_the_right_tool() {
        for (query, tool) in [
            ("which services are there?", "list_services"),
            ("Show me my scopes and groups", "debug_auth_context"),
            ("revoke access of this app, disconnect", "disconnect_me"),
            ("leave a note in the audit trail", "leave_note"),
            ("LIST_SERVICES", "list_services"),
        ] {
            assert_eq!(best(query), Some(tool), "{query}");
        }
    }

    #[test]
    fn what_matches_nothing_finds_nothing() {
        for query in ["quantum", "", "the of and", "\u{0}", "🙂"] {
            assert_eq!(best(query), None, "{query:?}");
        }
    }
}
