//! Whoever sits down at a browser that somebody left open makes, changes and gives no credentials there (ASVS 7.5.1): each
//! page that does so takes a recent proof.

use chrono::TimeDelta;
use portcullis::http::urls;

use super::{acts, below, fields};
use crate::support::{Answer, TestApp};

/// The forms that take none, and why.
const WITHOUT: [(&str, &str); 15] = [
    ("MCP_SETUP_TEST", "it tries a key that is typed into it, and keeps none"),
    ("KEY_REVOKE", "to end a secret takes no proof: whoever does it takes nothing along"),
    ("ACCESS_TOKEN_REVOKE", "the same"),
    ("JWT_TOKEN_REVOKE", "the same"),
    ("REVOKE_APPS", "the same"),
    ("SESSIONS", "the same"),
    ("JWT_TOKEN_FILE", "it gives back what it was sent"),
    ("SWITCH_WORKSPACE", "it says what this browser shows, and nothing else"),
    ("PASSWORD", "it asks for the present password itself"),
    ("NEW_WORKSPACE", "a new workspace holds nothing, and nobody's rights"),
    ("WORKSPACE_PLACES", "projects and folders are no credentials"),
    ("WORKSPACE_SERVERS", "it moves a server between places that one manages already"),
    ("WORKSPACE_REGISTER_SERVER", "a server is no credential, and nobody may use it whom no policy allows to"),
    ("WORKSPACE_SERVER", "the same, and what it proves us with goes to no other host"),
    ("WORKSPACE_EDIT_SERVER", "the same"),
];

#[tokio::test]
async fn every_form_that_changes_credentials_takes_a_recent_proof() {
    let app = TestApp::start().await;
    let root = app.root().await;
    let signed_out = root.get(urls::WORKSPACES).await.assert(200).form("Sign out");
    app.clock().advance(TimeDelta::minutes(31));
    let (id, confirm) = (root.user.to_string(), app.at(urls::CONFIRM));
    let mut without = Vec::new();
    for route in below("/settings/") {
        let path = route.path.replace("{id}", &id).replace("{workspace}", "mcp-gateway").replace("{server}", "time");
        assert!(!path.contains('{'), "{}: what goes into {path}?", route.name);
        let mut fields = fields(&id, &id, &id);
        fields.push(("act", acts(&route.name)[0]));
        let upload = signed_out.clone().sent_to(&path).set("do", "remove");
        let answers =
            [root.post_as(&app, &signed_out, &path, &fields).await, root.upload(&app, &upload, b"no picture").await];
        // A form is one of the two, and the other cannot be read; a page that takes none says so to both.
        let takes_none = answers.iter().all(|answer| answer.status == 405);
        let asks = |answer: &Answer| answer.status == 303 && answer.location().starts_with(&confirm);
        let others = answers.iter().filter(|answer| !asks(answer) && answer.status != 400).count();
        if !takes_none && (others > 0 || !answers.iter().any(asks)) {
            without.push(route.name);
        }
    }
    without.sort();
    let mut expected: Vec<&str> = WITHOUT.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    assert_eq!(without, expected, "let it take Fresh<SignedIn>, or say here why not");
}
