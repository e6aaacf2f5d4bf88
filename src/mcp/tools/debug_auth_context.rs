//! `debug_auth_context`: who does this server take me for, and why.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{Call, LOOKS, Outcome, Tool, visible_to};
use crate::access::action::Action;
use crate::access::policy::{self, Check, Decision};
use crate::access::principal::Credential;
use crate::mcp::schema;

pub(super) const TOOL: Tool = Tool {
    name: "debug_auth_context",
    title: "Show my access",
    description: "Shows who this server takes you for: person or service account, client, groups, scopes, audience, expiry, and how the decision \
                  to let you in was reached. Name a tool to see whether you may call it and what is missing.",
    hints: LOOKS,
    manages: None,
    input,
    output,
    run,
};

fn input() -> Value {
    let tool = json!({ "type": "string", "description": "Explain the decision for this tool.", "maxLength": 128 });
    schema::object(json!({ "tool": tool }), &[])
}

fn output() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text });
    let flag = json!({ "type": "boolean" });
    let check = json!({ "check": text, "passed": flag, "detail": text });
    let properties = json!({
        "subject": schema::object(
            json!({ "sub": text, "kind": text, "username": text, "display_name": text, "is_admin": flag }),
            &["sub", "kind", "username", "display_name", "is_admin"],
        ),
        "client": schema::object(json!({ "client_id": text, "client_name": text }), &["client_id"]),
        "groups": texts,
        "scopes": texts,
        "audience": text,
        "credential": schema::object(
            json!({ "kind": text, "issued_at": text, "expires_at": text, "grant_id": text }),
            &["kind", "issued_at"],
        ),
        "decision": schema::object(
            json!({
                "action": text,
                "allowed": flag,
                "scope_to_ask_for": text,
                "checks": {
                    "type": "array",
                    "items": schema::object(check, &["check", "passed", "detail"]),
                },
            }),
            &["action", "allowed", "checks"],
        ),
    });
    schema::object(properties, &["subject", "client", "groups", "scopes", "audience", "credential", "decision"])
}

fn run(call: &Call<'_>) -> Outcome {
    let named = call.text("tool");
    let tool = visible_to(call.principal).find(|tool| tool.name == named.unwrap_or(TOOL.name));
    let Some(tool) = tool else {
        return Outcome::Mistake("there is no tool of that name; tools/list has them all".to_owned());
    };
    let principal = call.principal;
    let subject = &principal.subject;
    let held = &principal.credential;
    let mut client = json!({ "client_id": held.client_id() });
    if let Some(name) = call.world.client_name {
        client["client_name"] = name.into();
    }
    let mut credential = json!({
        "kind": held.kind(),
        "issued_at": held.issued_at().to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    if let Credential::ForeignToken(token) = held {
        credential["issuer"] = token.issuer.as_str().into();
    }
    if let Some(expires_at) = held.expires_at() {
        credential["expires_at"] = expires_at.to_rfc3339_opts(SecondsFormat::Secs, true).into();
    }
    if let Some(grant) = held.grant() {
        credential["grant_id"] = json!(grant);
    }
    Outcome::Done(json!({
        "subject": {
            "sub": subject.id(),
            "kind": subject.kind(),
            "username": subject.name(),
            "display_name": subject.display_name(),
            "is_admin": subject.is_admin(),
        },
        "client": client,
        "groups": subject.groups(),
        "scopes": principal.scope.tokens().collect::<Vec<_>>(),
        "audience": principal.audience,
        "credential": credential,
        "decision": decision(call, tool.name, &tool.action()),
    }))
}

fn decision(call: &Call<'_>, tool: &str, action: &Action<'_>) -> Value {
    let verdict = policy::decide(call.principal, action);
    let checks = authentication(call).into_iter().chain(policy::explain(call.principal, action));
    let checks: Vec<Value> = checks
        .map(|Check { rule, passed, detail }| json!({ "check": rule, "passed": passed, "detail": detail }))
        .collect();
    let mut decision = json!({
        "action": format!("tools/call {tool}"),
        "allowed": verdict == Decision::Allowed,
        "checks": checks,
    });
    if let Decision::NeedsScope(scope) = verdict {
        decision["scope_to_ask_for"] = json!(scope);
    }
    decision
}

/// What had to hold before anything here was reached.
fn authentication(call: &Call<'_>) -> [Check; 3] {
    let left = call.principal.credential.expires_at().map(|at| (at - call.world.now).num_seconds());
    let rests_on = match call.principal.credential {
        Credential::AccessToken(_) => "signature, type and issuer are right, and nothing that it rests on was revoked",
        Credential::ApiKey(_) | Credential::PersonalToken(_) => "it is one of ours, and was not revoked",
        Credential::ForeignToken(_) => "signature, type and issuer are right, and the issuer is trusted for that",
    };
    [
        Check { rule: "credential", passed: true, detail: rests_on.to_owned() },
        Check { rule: "audience", passed: true, detail: format!("{} opens this door", call.principal.audience) },
        Check {
            rule: "expiry",
            passed: left.is_none_or(|left| left > 0),
            detail: left.map_or("it does not expire".to_owned(), |left| format!("good for {left} more seconds")),
        },
    ]
}
