//! Workspaces, projects, folders, members and servers, from the command line.

use std::path::Path;
use std::process::Output;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{assert_refused, portcullis, text};
use crate::support::cluster::create_database;

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn run(dir: &Path, database: &SecretString, arguments: &[&str]) -> Output {
    let settings = [("DATABASE_URL", database.expose_secret()), ("PORTCULLIS_SECRET_KEY", KEY)];
    portcullis(dir, &settings).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_workspace_is_made_filled_listed_and_removed() {
    let (dir, database) = (tempfile::tempdir().unwrap(), create_database());
    let run = |arguments: &[&str]| run(dir.path(), &database.url, arguments);
    said(&run(&["user-create-human", "--username", "alice", "--name", "Alice"]));
    said(&run(&["user-create-human", "--username", "bob", "--name", "Bob"]));
    said(&run(&["workspace-create", "acme", "--title", "Acme", "--owner", "alice"]));
    assert_refused(&run(&["workspace-create", "acme"]), 1, "\"acme\"");
    assert_refused(&run(&["workspace-create", "lab", "--owner", "nobody"]), 1, "\"nobody\"");
    said(&run(&["project-create", "acme/apps", "--title", "Apps"]));
    said(&run(&["folder-create", "acme/apps/web"]));
    assert_refused(&run(&["project-create", "acme/apps/web"]), 2, "WORKSPACE/PROJECT");
    assert_refused(&run(&["folder-create", "acme/none/web"]), 1, "\"acme/none\"");
    let list = said(&run(&["workspace-list"]));
    for line in ["acme  Acme, 1 member", "acme/apps  Apps", "acme/apps/web  web", "mcp-gateway  MCP Gateway, 2 members"]
    {
        assert!(list.lines().any(|listed| listed == line), "{list}");
    }
    let list: Value = serde_json::from_str(&said(&run(&["workspace-list", "--json"]))).unwrap();
    assert_eq!((list[1]["kind"].as_str(), list[1]["path"].as_str()), (Some("project"), Some("acme/apps")));
    said(&run(&["workspace-member-add", "acme", "bob", "--role", "admin"]));
    assert_refused(&run(&["workspace-member-add", "acme", "bob"]), 1, "\"bob\"");
    said(&run(&["workspace-member-remove", "acme", "bob"]));
    assert_refused(&run(&["workspace-member-remove", "acme", "alice"]), 1, "last owner");
    said(&run(&["workspace-rename", "acme", "--name", "acme-2", "--title", "Acme Two"]));
    assert_refused(&run(&["workspace-rename", "mcp-gateway", "--name", "other"]), 1, "mcp-gateway");
    assert_refused(&run(&["workspace-remove", "acme"]), 1, "\"acme\"");
    assert_refused(&run(&["workspace-remove", "acme-2"]), 1, "2 projects and folders");
    assert_refused(&run(&["server-move", "none", "acme-2"]), 1, "\"none\"");
    said(&run(&["workspace-create", "empty"]));
    said(&run(&["workspace-remove", "empty"]));
}
