//! The paths of the product and the names of servers live in one space: `/{server}/mcp` must never be one of our own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use diesel_async::SimpleAsyncConnection;
use portcullis::mcp::metadata;
use portcullis::upstreams::server::{RESERVED, may_be_called};

use crate::support::cluster;

/// The first segment of every path that the route table and its vocabulary say.
fn first_segments() -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts = ["http/urls.rs", "server/routes.rs"].map(|file| fs::read_to_string(src.join(file)).unwrap());
    let said = texts.iter().flat_map(|text| text.split('"').skip(1).step_by(2)).map(str::to_owned);
    let paths = said.chain(metadata::paths(&"http://localhost".parse().unwrap()));
    let segments = paths.filter_map(|path| path.strip_prefix('/')?.split('/').next().map(str::to_owned));
    segments.filter(|segment| !segment.is_empty()).collect()
}

#[test]
fn no_server_is_called_like_a_path_of_ours() {
    let segments = first_segments();
    for known in ["mcp", "oauth", "login", "settings", "static", "healthz", "favicon.ico", ".well-known"] {
        assert!(segments.contains(known), "{known} was not found among {segments:?}");
    }
    for segment in segments {
        assert!(!may_be_called(&segment), "a server called {segment} would hide a page, or the page it: reserve it");
    }
}

#[test]
fn reserved_words_are_in_order_and_would_be_names_otherwise() {
    assert!(RESERVED.is_sorted());
    for word in RESERVED {
        assert!(!may_be_called(word), "{word}");
        assert!(may_be_called(&format!("{word}-2")), "{word}-2");
    }
}

#[test]
fn a_name_is_a_path_segment_and_nothing_more() {
    for good in ["calendar", "7zip", "a", "git-hub_2", &"a".repeat(63)] {
        assert!(may_be_called(good), "{good}");
    }
    for bad in ["", "-a", "_a", "A", "ä", "a/b", "a.b", "a b", "..", "%2e", "a\n", &"a".repeat(64)] {
        assert!(!may_be_called(bad), "{bad:?}");
    }
}

#[tokio::test]
async fn the_database_agrees_on_what_a_name_looks_like() {
    let database = cluster::create_database();
    let db = database.open();
    let mut conn = db.read().await.unwrap();
    for (name, fits) in [("calendar", true), ("git-hub_2", true), ("-a", false), ("a/b", false), ("A", false)] {
        let insert = format!(
            "INSERT INTO servers (id, name, url, place_id, created_at) SELECT gen_random_uuid(), '{name}', 'https://a.example', id, now() FROM places"
        );
        assert_eq!((conn.batch_execute(&insert).await.is_ok(), may_be_called(name)), (fits, fits), "{name}");
    }
}

/// Their paths are tried before ours.
#[test]
fn no_path_of_ours_ends_as_those_of_servers_do() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let text = fs::read_to_string(src.join("http/urls.rs")).unwrap();
    let paths = text.split('"').skip(1).step_by(2).filter(|path| path.starts_with('/'));
    let alike: Vec<&str> = paths
        .filter(|path| {
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            matches!(segments[..], [_, "mcp" | "sse" | "messages"])
        })
        .collect();
    assert_eq!(alike, ["/{server}/mcp", "/{server}/sse", "/{server}/messages"]);
}
