//! The arrows between the rooms of `src`, the libraries that belong to some rooms alone, and who writes which table.
//!
//! The tables below are the documentation; the tests read every file of `src` and hold it to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What knows nothing of us. `net` and `schema` are not here: the domain never goes out, and only nouns see tables.
const BASE: &[&str] = &["clock", "config", "crypto", "db", "types"];
/// What decides; it awaits the database and nothing else.
const DOMAIN: &[&str] =
    &["access", "audit", "credentials", "doctor", "grants", "identity", "places", "policies", "upstreams"];
/// What the faces share.
const SHARED: &[&str] = &["app", "errands", "http"];
/// Each speaks to one kind of someone. They never meet but in URLs and tables.
const FACES: &[&str] = &["api", "jobs", "mcp", "oauth", "web"];

/// Every room, and which others it may use.
const ARROWS: &[(&str, &[&[&str]])] = &[
    // Base.
    ("clock", &[]),
    ("types", &[]),
    ("schema", &[]),
    ("config", &[&["types"]]),
    ("crypto", &[&["types"]]),
    ("net", &[&["config", "types"]]),
    // Starts what an operator lets be started.
    ("program", &[&["config"]]),
    ("db", &[&["crypto", "schema", "types"]]),
    // Domain.
    ("audit", &[BASE, &["schema"]]),
    // Judges recorded exchanges; sees neither the database nor the network itself.
    ("doctor", &[&["net", "types"]]),
    ("places", &[BASE, &["audit", "schema"]]),
    ("identity", &[BASE, &["audit", "places", "schema"]]),
    ("upstreams", &[BASE, &["audit", "identity", "places", "schema"]]),
    ("policies", &[BASE, &["audit", "identity", "schema"]]),
    ("grants", &[BASE, &["audit", "identity", "places", "schema"]]),
    ("credentials", &[BASE, &["audit", "identity", "places", "schema"]]),
    ("access", &[BASE, &["audit", "credentials", "grants", "identity", "places", "policies"]]),
    // Shared by the faces.
    ("app", &[BASE, DOMAIN, &["net"]]),
    ("errands", &[BASE, DOMAIN, &["app", "net", "program"]]),
    // Who calls with another issuer's token is known once the issuer's keys have been fetched.
    ("http", &[BASE, DOMAIN, &["app", "errands"]]),
    // Faces.
    ("api", &[BASE, DOMAIN, SHARED]),
    ("jobs", &[BASE, DOMAIN, &["app", "errands"]]),
    // The gateway goes out for its callers, in the middle of a request.
    ("mcp", &[BASE, DOMAIN, SHARED, &["net", "program"]]),
    ("oauth", &[BASE, DOMAIN, SHARED]),
    ("web", &[BASE, DOMAIN, SHARED]),
    // Composition.
    ("server", &[BASE, DOMAIN, SHARED, FACES, &["net"]]),
    ("cli", &[BASE, DOMAIN, SHARED, &["program", "server"]]),
    ("main", &[&["cli"]]),
];

/// Libraries, and the rooms or files that alone may use them.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("actix_cors", &["server"]),
    ("actix_multipart", &["http"]),
    ("actix_web", &["api", "http", "mcp", "oauth", "server", "web"]),
    ("argon2", &["crypto"]),
    ("askama", &["http/page", "web"]),
    ("cel", &["policies/condition.rs"]),
    ("clap", &["cli"]),
    (
        "diesel",
        &[
            "audit",
            "credentials",
            "crypto",
            "db",
            "grants",
            "identity",
            "places",
            "policies",
            "schema",
            "types",
            "upstreams",
        ],
    ),
    ("diesel_async", &["audit", "credentials", "db", "grants", "identity", "places", "policies", "upstreams"]),
    ("diesel_migrations", &["db"]),
    ("flate2", &["http"]),
    ("governor", &["http", "net"]),
    ("hkdf", &["crypto"]),
    ("hmac", &["crypto"]),
    ("josekit", &["crypto"]),
    ("metrics", &["server"]),
    ("oxide_auth", &["grants/machine"]),
    ("qrcode", &["web"]),
    ("rand", &["crypto"]),
    ("reqwest", &["net"]),
    ("rustix", &["program"]),
    ("serde_saphyr", &["policies"]),
    ("tokio_postgres", &["db"]),
    ("toml", &["config"]),
    ("totp_rs", &["crypto"]),
    ("tracing_actix_web", &["http", "server"]),
    ("tracing_subscriber", &["config", "server"]),
    ("webauthn_rs", &["crypto"]),
    // What surrounds the process is looked at once, at its edge; the file below only splits a search path handed to it.
    ("std::env", &["cli", "config", "db/embedded/programs.rs"]),
    // Statements as text escape the table of owners below.
    ("diesel::sql_query", &["db"]),
];

/// Every table, and the one file that writes it.
const OWNERS: &[(&str, &str)] = &[
    ("accepted_tokens", "grants/accepted_tokens.rs"),
    ("api_keys", "credentials/api_key.rs"),
    ("audit_events", "audit.rs"),
    ("authorization_codes", "grants/authorization_code.rs"),
    ("clients", "grants/client.rs"),
    ("client_logos", "grants/client_logo.rs"),
    ("client_secrets", "grants/client_secret.rs"),
    ("client_ownerships", "grants/client_ownership.rs"),
    ("credential_habits", "credentials/habit.rs"),
    ("code_budgets", "identity/code_budget.rs"),
    ("consents", "grants/consent.rs"),
    ("device_codes", "grants/device_code.rs"),
    ("flow_steps", "grants/flow_step.rs"),
    ("grants", "grants/grant.rs"),
    ("group_members", "identity/group.rs"),
    ("groups", "identity/group.rs"),
    ("initial_access_tokens", "grants/initial_access_token.rs"),
    ("installation", "db/installation.rs"),
    ("logout_notices", "grants/logout_notice.rs"),
    ("linked_accounts", "identity/linked_account.rs"),
    ("passkeys", "identity/passkey.rs"),
    ("pending_requests", "grants/pending_request.rs"),
    ("personal_tokens", "credentials/personal_token.rs"),
    ("places", "places/place.rs"),
    ("policies", "policies/policy.rs"),
    ("policy_groups", "policies/policy.rs"),
    ("pushed_requests", "grants/pushed_request.rs"),
    ("recovery_codes", "identity/recovery_code.rs"),
    ("refresh_tokens", "grants/refresh_token.rs"),
    ("registration_tokens", "grants/registration_token.rs"),
    ("revocations", "grants/revocation.rs"),
    ("server_tools", "upstreams/tool.rs"),
    ("servers", "upstreams/server.rs"),
    ("service_account_groups", "identity/service_account.rs"),
    ("service_accounts", "identity/service_account.rs"),
    ("sessions", "identity/session.rs"),
    ("setup_links", "identity/setup_link.rs"),
    ("signing_keys", "grants/signing_key.rs"),
    ("totp_secrets", "identity/totp.rs"),
    ("trust_rules", "grants/trust_rule.rs"),
    ("trusted_issuers", "grants/trusted_issuer.rs"),
    ("used_assertions", "grants/used_assertion.rs"),
    ("used_challenges", "identity/used_challenge.rs"),
    ("users", "identity/user.rs"),
    ("workspace_members", "places/member.rs"),
];

#[test]
fn every_room_uses_only_the_rooms_below_it() {
    assert_none(sources().iter().flat_map(Source::broken_arrows));
}

#[test]
fn every_library_stays_in_its_rooms() {
    assert_none(sources().iter().flat_map(Source::strayed_libraries));
}

#[test]
fn every_table_is_written_by_its_own_file_alone() {
    assert_none(sources().iter().flat_map(Source::foreign_writes));
}

#[test]
fn every_table_has_an_owner_that_exists() {
    let schema = fs::read_to_string(root().join("schema.rs")).unwrap();
    let tokens = flat(&schema);
    let starts = tokens.windows(3).filter(|three| *three == ["table", "!", "{"]);
    assert_eq!(starts.count(), OWNERS.len(), "tables in schema.rs");
    for (table, file) in OWNERS {
        assert!(tokens.iter().any(|token| token == table), "{table} is no table");
        assert!(root().join(file).is_file(), "{file} does not exist");
    }
}

#[test]
fn a_planted_violation_is_found() {
    let broken = |file: &str, text: &str| Source::new(file, text).broken_arrows().len();
    assert_eq!(broken("web/home.rs", "use crate::oauth::token;"), 1);
    assert_eq!(broken("grants/revoke.rs", "fn f() { crate::http::urls::MCP; }"), 1);
    assert_eq!(broken("mcp/tools/mod.rs", "use super::super::oauth;"), 1, "super leaves the room, too");
    assert_eq!(broken("mcp/tools/mod.rs", "use super::serve; mod tests { use super::super::serve; }"), 0);
    assert_eq!(broken("app.rs", "use crate::{db, http::urls};"), 1);
    assert_eq!(broken("app.rs", "use crate::*;"), 1);
    assert_eq!(broken("cellar/mod.rs", ""), 1, "a room that nobody drew");
    assert_eq!(broken("app.rs", "//! See crate::http.\n/// [`crate::http`]\nconst A: &str = \"crate::http\";"), 0);

    let strayed = |file: &str, text: &str| Source::new(file, text).strayed_libraries().len();
    assert_eq!(strayed("grants/revoke.rs", "use reqwest::Client;"), 1);
    assert_eq!(strayed("grants/machine_shop.rs", "use oxide_auth::code_grant;"), 1);
    assert_eq!(strayed("grants/machine/refresh.rs", "use oxide_auth::code_grant;"), 0);
    assert_eq!(strayed("mcp/serve.rs", "use std::{env::var, fs};"), 1);
    assert_eq!(strayed("mcp/serve.rs", "type A = crate::diesel::A;"), 0, "that is a room of ours");

    let foreign = |file: &str, text: &str| Source::new(file, text).foreign_writes().len();
    assert_eq!(foreign("identity/sign_in.rs", "use crate::schema::users; fn f() { diesel::delete(users::table) }"), 1);
    assert_eq!(foreign("grants/grant.rs", "use crate::schema::clients as table; fn f() { update(table::table) }"), 1);
    assert_eq!(foreign("identity/sign_in.rs", "fn f(x: X) { diesel::update(x) }"), 1, "a table out of sight");
    let hidden = "use crate::schema::users; fn f() { let all = users::table; diesel::delete(all) }";
    assert_eq!(foreign("identity/sign_in.rs", hidden), 1);
    assert_eq!(foreign("identity/user.rs", hidden), 0);
}

fn assert_none(violations: impl Iterator<Item = String>) {
    let violations: Vec<_> = violations.collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                // The map of the rooms is in none of them.
                if file != "lib.rs" {
                    sources.push(Source::new(&file, &fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    assert!(sources.len() > 100, "the files were found");
    sources
}

/// A path as code says it, from its first segment on.
type Named = Vec<String>;

/// One file, read as tokens: comments, texts and documentation are not code.
struct Source {
    file: String,
    tokens: Vec<String>,
    /// Each with the module in which it is said.
    paths: Vec<(Vec<String>, Named)>,
}

impl Source {
    fn new(file: &str, text: &str) -> Self {
        let module: Vec<_> = file.trim_end_matches(".rs").split('/').filter(|name| *name != "mod").collect();
        let tokens = flat(text);
        let mut paths = Vec::new();
        collect_paths(&tokens, module.into_iter().map(str::to_owned).collect(), &mut paths);
        Self { file: file.to_owned(), tokens, paths }
    }

    fn room(&self) -> &str {
        self.file.split(['/', '.']).next().unwrap()
    }

    /// The paths through the crate's root, from the room on.
    fn rooms_named(&self) -> impl Iterator<Item = String> {
        self.paths.iter().filter_map(|(module, path)| {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            match path[0].as_str() {
                "crate" => path.get(1).cloned(),
                "portcullis" if self.file == "main.rs" => path.get(1).cloned(),
                "super" if ups >= module.len() => path.get(ups).cloned(),
                _ => None,
            }
        })
    }

    fn broken_arrows(&self) -> Vec<String> {
        let room = self.room();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            return vec![format!("src/{}: the room {room} is not in ARROWS", self.file)];
        };
        let is_fine = |used: &str| used == room || allowed.iter().any(|group| group.contains(&used));
        let broken = self.rooms_named().filter(|used| !is_fine(used));
        broken.map(|used| format!("src/{}: {room} may not use {used}", self.file)).collect()
    }

    fn strayed_libraries(&self) -> Vec<String> {
        let mut strayed = Vec::new();
        for (library, homes) in LIBRARIES {
            let wanted: Vec<_> = library.split("::").collect();
            let used = self.paths.iter().any(|(_, path)| path.len() >= wanted.len() && path[..wanted.len()] == wanted);
            let at_home = homes.iter().any(|home| {
                self.file
                    .strip_prefix(home)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
            });
            if used && !at_home {
                strayed.push(format!("src/{}: {library} belongs in {homes:?}", self.file));
            }
        }
        strayed
    }

    fn foreign_writes(&self) -> Vec<String> {
        let mut foreign = Vec::new();
        for (at, pair) in self.tokens.windows(2).enumerate() {
            let writes = ["insert_into", "update", "delete", "replace_into"].contains(&pair[0].as_str());
            let before = &self.tokens[..at];
            let is_other = match before.last().map(String::as_str) {
                Some("." | "fn") => true,
                Some(":") => !before.ends_with(&["diesel".to_owned(), ":".to_owned(), ":".to_owned()]),
                _ => false,
            };
            if !writes || pair[1] != "(" || is_other {
                continue;
            }
            let table = self.table_of(&self.tokens[at + 2]);
            let owner = table.as_ref().and_then(|table| OWNERS.iter().find(|(name, _)| name == table));
            match (table, owner) {
                (_, Some((_, file))) if *file == self.file => {}
                (Some(table), _) => foreign.push(format!("src/{}: writes {table}, which is not its own", self.file)),
                (None, _) => foreign.push(format!("src/{}: {} of what table?", self.file, pair[0])),
            }
        }
        foreign
    }

    /// The table that `name` stands for: imported, under another name perhaps, or bound by `let` to a query on one.
    fn table_of(&self, name: &str) -> Option<String> {
        let aliases = self.aliases();
        if let Some(table) = aliases.get(name) {
            return Some(table.clone());
        }
        let bound = self.tokens.windows(4).find(|four| four[0] == "let" && four[1] == name && four[2] == "=")?;
        aliases.get(&bound[3]).cloned()
    }

    /// What the tables of `crate::schema` are called here.
    fn aliases(&self) -> BTreeMap<String, String> {
        let imported = self.paths.iter().filter(|(_, path)| path.len() > 2 && path[..2] == ["crate", "schema"]);
        let tables: Vec<_> = imported.map(|(_, path)| &path[2]).collect();
        let plain = tables.iter().map(|table| ((*table).clone(), (*table).clone()));
        let renamed = self.tokens.windows(3).filter(|three| three[1] == "as" && tables.contains(&&three[0]));
        plain.chain(renamed.map(|three| (three[2].clone(), three[0].clone()))).collect()
    }
}

/// The tokens of a file in one row, brackets among them; every literal is the same.
fn flat(text: &str) -> Vec<String> {
    fn walk(stream: TokenStream, flat: &mut Vec<String>) {
        for tree in stream {
            match tree {
                TokenTree::Ident(name) => flat.push(name.to_string()),
                TokenTree::Punct(punct) => flat.push(punct.as_char().to_string()),
                TokenTree::Literal(_) => flat.push("literal".to_owned()),
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    flat.push(open.to_owned());
                    walk(group.stream(), flat);
                    flat.push(close.to_owned());
                }
            }
        }
    }
    let mut all = Vec::new();
    walk(text.parse().expect("Rust"), &mut all);
    all
}

/// Every path of a file, those of a `use` with braces one by one.
fn collect_paths(tokens: &[String], file: Vec<String>, paths: &mut Vec<(Vec<String>, Named)>) {
    let (mut module, mut inner, mut depth) = (file, Vec::new(), 0);
    let mut at = 0;
    while at < tokens.len() {
        let opens_module = tokens[at] == "mod" && tokens.get(at + 2).is_some_and(|token| token == "{");
        match tokens[at].as_str() {
            "mod" if opens_module => {
                module.push(tokens[at + 1].clone());
                inner.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
            }
            _ => {}
        }
        let goes_on = tokens[at + 1..].starts_with(&[":".to_owned(), ":".to_owned()]);
        let came_from = at > 2
            && tokens[at - 1] == ":"
            && tokens[at - 2] == ":"
            && (is_name(&tokens[at - 3]) || tokens[at - 3] == ">");
        if is_name(&tokens[at]) && goes_on && !came_from {
            let mut found = Vec::new();
            let end = expand(tokens, at, &mut Vec::new(), &mut found);
            paths.extend(found.into_iter().map(|path| (module.clone(), path)));
            if at > 0 && tokens[at - 1] == "use" {
                at = end;
                continue;
            }
        }
        at += 1;
    }
}

/// Follows a path from `at`, through the braces of a `use`; says where it ends.
fn expand(tokens: &[String], mut at: usize, prefix: &mut Named, found: &mut Vec<Named>) -> usize {
    let mark = prefix.len();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens[at] != "}" {
                    at = expand(tokens, at, prefix, found);
                    while !matches!(tokens[at].as_str(), "," | "}") {
                        at += 1;
                    }
                    at += usize::from(tokens[at] == ",");
                }
                prefix.truncate(mark);
                return at + 1;
            }
            Some(segment) if is_name(segment) || segment == "*" => prefix.push(segment.to_owned()),
            // A turbofish: what is in it is a path of its own.
            _ => break,
        }
        at += 1;
        if !tokens[at..].starts_with(&[":".to_owned(), ":".to_owned()]) {
            break;
        }
        at += 2;
    }
    found.push(prefix.clone());
    prefix.truncate(mark);
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_') && token != "literal"
}
