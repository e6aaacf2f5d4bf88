//! `leave_note`: a line in the audit trail, under the caller's name.

use serde_json::{Value, json};

use super::{CHANGES, Call, Outcome, Tool};
use crate::mcp::schema;
use crate::mcp::serve::Effect;

pub(super) const TOOL: Tool = Tool {
    name: "leave_note",
    title: "Leave a note",
    description: "Leaves a short note for the people who run this gate: it goes into the audit trail, under your name and \
                  with the time, for example to mark where a deployment or an experiment began.",
    hints: CHANGES,
    manages: None,
    input,
    output,
    run,
};

fn input() -> Value {
    let note = json!({ "type": "string", "description": "One line of plain text.", "minLength": 1, "maxLength": 500 });
    schema::object(json!({ "note": note }), &["note"])
}

fn output() -> Value {
    schema::object(json!({ "noted": { "type": "boolean" } }), &["noted"])
}

fn run(call: &Call<'_>) -> Outcome {
    let note = call.text("note").unwrap_or_default().trim();
    if note.is_empty() {
        return Outcome::Mistake("`note` is blank".to_owned());
    }
    // A line break or an escape sequence could forge another entry where the trail is read as text.
    if note.chars().any(char::is_control) {
        return Outcome::Mistake("`note` must be one line without control characters".to_owned());
    }
    Outcome::Doing(json!({ "noted": true }), Effect::LeaveNote(note.to_owned()))
}
