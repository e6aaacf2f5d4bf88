//! What must hold of every URL there is: read from the table of URLs, so that a new one is tested by being in it.

mod confirm;
mod strangers;

use std::fs;
use std::path::Path;

/// A URL as the table says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    /// What the constant is called.
    name: String,
    /// With `{…}` where an id goes.
    path: String,
}

/// Every path of `http/urls.rs` below that one.
fn below(prefix: &str) -> Vec<Route> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/urls.rs");
    let table = fs::read_to_string(table).unwrap();
    let constant = |line: &str| {
        let (name, path) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
        Some(Route { name: name.to_owned(), path: path.strip_suffix("\";")?.to_owned() })
    };
    let all: Vec<Route> = table.lines().filter_map(constant).collect();
    assert_eq!(all.len(), table.matches(": &str =").count(), "every constant is on one line");
    all.into_iter().filter(|route| route.path.starts_with(prefix)).collect()
}

/// Every field that a form of ours needs, as an attacker would fill it: what a form does not know, it leaves unread.
fn fields<'a>(server: &'a str, place: &'a str, user: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("overlap", "1"),
        ("state", "disable"),
        ("username", "mallory"),
        ("role", "owner"),
        ("user", user),
        ("title", "Stolen"),
        ("name", "stolen"),
        ("server", server),
        ("place", place),
        ("what", "recovery-codes"),
        ("setup", "x"),
        ("code", "000000"),
        ("ceremony", "x"),
        ("answer", "x"),
        ("current_password", "x"),
        ("password", "x"),
        ("password_again", "x"),
        ("request", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56"),
        ("token", "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56"),
        ("lifetime", "900"),
        ("access_token", "x"),
        ("session", "others"),
        ("display_name", "Stolen"),
        ("email", "stolen@example.com"),
        ("workspace", "mcp-gateway"),
        ("do", "remove"),
    ]
}

/// What the button says where a page has several, by what one of them needs.
fn acts(name: &str) -> &'static [&'static str] {
    match name {
        "WORKSPACE" => &["add", "change", "remove"],
        "WORKSPACE_PLACES" => &["make", "rename", "remove"],
        "WORKSPACE_ITSELF" => &["rename", "remove"],
        "WORKSPACE_SERVER" => &["refresh", "on", "off", "class", "approve", "remove"],
        _ => &["none"],
    }
}

#[test]
fn the_table_is_read_to_its_end() {
    let paths: Vec<String> = below("/").into_iter().map(|route| route.path).collect();
    for known in ["/oauth/token", "/settings/keys/{id}/rotate", "/api/v1/clients/{id}", "/metrics"] {
        assert!(paths.iter().any(|path| path == known), "{known} was not found");
    }
}
