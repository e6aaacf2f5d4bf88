//! What clients are told: each text is well formed, and the documentation says the same.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use portcullis::web::snippets::{Block, Format, McpClient, Setup, Way};
use serde_json::Value;

/// The address that the documentation uses.
const URL: &str = "http://localhost:8080/mcp";

fn every_setup() -> Vec<(McpClient, Way, Setup)> {
    let ways = |client: McpClient| client.ways().iter().map(move |way| (client, *way, client.setup(*way, URL)));
    McpClient::ALL.into_iter().flat_map(ways).collect()
}

#[test]
fn every_text_is_what_it_says_it_is_and_names_the_server() {
    for (client, way, setup) in every_setup() {
        let mut ids = HashSet::new();
        for block in &setup.blocks {
            let what = format!("{client:?} {way:?} {}", block.id);
            assert!(ids.insert(block.id), "{what} comes twice");
            assert!(block.id == "environment" || block.code.contains(URL), "{what}: {}", block.code);
            assert_well_formed(block, &what);
        }
    }
}

fn assert_well_formed(block: &Block, what: &str) {
    match block.format {
        Format::Json => {
            let value: Value = serde_json::from_str(&block.code).unwrap_or_else(|error| panic!("{what}: {error}"));
            let servers = value.get("mcpServers").or_else(|| value.get("servers")).unwrap();
            assert!(servers["portcullis"].is_object(), "{what}");
        }
        Format::Toml => {
            let value: toml::Table = block.code.parse().unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(value["mcp_servers"]["portcullis"]["url"].as_str(), Some(URL), "{what}");
        }
        Format::Shell => {
            for quote in ['\'', '"'] {
                assert_eq!(block.code.matches(quote).count() % 2, 0, "{what}: {}", block.code);
            }
        }
        Format::Text => assert_eq!(block.code, URL, "{what}"),
    }
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The fenced texts of a document.
fn fences(text: &str) -> Vec<String> {
    let parts = text.split("\n```");
    parts.skip(1).step_by(2).filter_map(|part| Some(part.split_once('\n')?.1.to_owned())).collect()
}

#[test]
fn the_guide_shows_every_text_of_clients_that_sign_in() {
    let fences = fences(&document("docs/clients.md"));
    for (client, way, setup) in every_setup().into_iter().filter(|(_, way, _)| *way == Way::Oauth) {
        for block in setup.blocks.iter().filter(|block| block.format != Format::Text) {
            assert!(fences.contains(&block.code), "{client:?} {way:?} is not in docs/clients.md:\n{}", block.code);
        }
    }
}

#[test]
fn the_documentation_shows_no_other_configuration_than_the_program() {
    let known: HashSet<String> =
        every_setup().into_iter().flat_map(|(_, _, setup)| setup.blocks).map(|b| b.code).collect();
    let mut checked = 0;
    for name in ["README.md", "docs/clients.md", "docs/getting-started.md"] {
        let configures = |fence: &String| fence.contains("\"mcpServers\"") || fence.contains("\"servers\"");
        for fence in fences(&document(name)).iter().filter(|fence| configures(fence) || fence.contains("[mcp_servers"))
        {
            assert!(known.contains(fence), "{name} shows what the page does not:\n{fence}");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} texts were found");
}
