//! `disconnect_me`: the client hands its own key back.

use serde_json::{Value, json};

use super::{Call, DESTROYS, Outcome, Tool, no_arguments};
use crate::access::principal::Credential;
use crate::mcp::schema;
use crate::mcp::serve::Effect;

pub(super) const TOOL: Tool = Tool {
    name: "disconnect_me",
    title: "Disconnect this app",
    description: "Ends the access that this very connection was granted: its tokens stop working at once, and the app has \
                  to connect again. Other connections stay.",
    hints: DESTROYS,
    manages: None,
    input: no_arguments,
    output,
    run,
};

fn output() -> Value {
    schema::object(json!({ "disconnected": { "type": "boolean" } }), &["disconnected"])
}

fn run(call: &Call<'_>) -> Outcome {
    match (&call.principal.credential, call.principal.credential.grant()) {
        (_, Some(grant)) => Outcome::Doing(json!({ "disconnected": true }), Effect::EndGrant(grant)),
        (Credential::AccessToken(_), None) => Outcome::Mistake(
            "this program acts for itself, so there is no grant to end; an administrator can disable it".to_owned(),
        ),
        (Credential::ForeignToken(_), None) => {
            Outcome::Mistake("this connection rests on a token of another issuer; sign out there".to_owned())
        }
        (Credential::ApiKey(_) | Credential::PersonalToken(_), None) => Outcome::Mistake(
            "this connection rests on a key that somebody made in settings; revoke it there".to_owned(),
        ),
    }
}
