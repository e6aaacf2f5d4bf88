//! The documentation says what is so: every name, command line, link and snippet in it is held against the program.

mod document;

use std::collections::BTreeSet;
use std::fs;

use clap::error::ErrorKind;
use document::{
    Document, arguments, at, codes_of_statuses, documents, guides, is_code, literals_after, named_in_tables, read,
    sources,
};
use portcullis::config::{Config, ConfigFile, SETTINGS};
use portcullis::types::known_scopes;
use portcullis::{cli, mcp, web};

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let mut checked = 0;
    for guide in guides() {
        let inline = guide.spans().into_iter().filter(|span| span.starts_with("portcullis "));
        for line in guide.shell_lines().into_iter().chain(inline) {
            let Some(arguments) = arguments(&line) else { continue };
            let parsed = cli::command().try_get_matches_from(std::iter::once("portcullis".to_owned()).chain(arguments));
            let shows_help = |kind| matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            if let Err(error) = parsed {
                assert!(shows_help(error.kind()), "{}: `{line}`: {error}", guide.name());
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} command lines were found");
}

#[test]
fn every_chore_is_in_the_makefile() {
    let makefile = read("Makefile");
    for guide in guides() {
        let inline = guide.spans().into_iter().filter(|span| span.starts_with("make "));
        for line in guide.shell_lines().into_iter().filter(|line| line.starts_with("make ")).chain(inline) {
            let chore = line.split_whitespace().nth(1).unwrap();
            assert!(makefile.contains(&format!("\n{chore}:")), "{}: `{line}`", guide.name());
        }
    }
}

#[test]
fn every_setting_that_is_named_exists() {
    for guide in guides() {
        let words = guide.text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        for word in words.filter(|word| word.starts_with("PORTCULLIS_") && *word != "PORTCULLIS_") {
            let is_file = |name: &str| word.strip_suffix("_FILE") == Some(name);
            let known = |setting: &portcullis::config::Setting| {
                setting.name == word || (setting.secret && is_file(setting.name))
            };
            assert!(word == "PORTCULLIS_CONFIG" || SETTINGS.iter().any(known), "{}: {word}", guide.name());
        }
    }
}

#[test]
fn the_table_of_settings_is_the_programs_own() {
    let config = Config::default();
    let rows: Vec<String> = SETTINGS
        .iter()
        .map(|setting| {
            let default = setting.shown(&config).map_or(setting.unset.to_owned(), |value| format!("`{value}`"));
            format!("| `{}` | {default} | {}", setting.name, setting.meaning)
        })
        .collect();
    let document = Document::open("docs/configuration.md");
    let written: Vec<&str> = document
        .text
        .lines()
        .filter(|line| line.starts_with("| `PORTCULLIS_") || line.starts_with("| `DATABASE_URL`"))
        .collect();
    assert_eq!(written.len(), rows.len(), "print it anew with `portcullis config --reference`");
    for (written, row) in written.iter().zip(&rows) {
        assert!(written.starts_with(row.as_str()), "`portcullis config --reference` has {row}");
    }
}

#[test]
fn every_url_is_documented_and_none_is_invented() {
    let source = read("src/http/urls.rs");
    let served: BTreeSet<String> = literals_after(&source, ": &str = ").into_iter().collect();
    assert!(served.len() > 15, "{served:?}");
    let documented = named_in_tables(&Document::open("docs/http.md"), |span| span.starts_with('/'));
    let documented: BTreeSet<_> = documented.iter().map(|url| url.trim_end_matches("/{file}").to_owned()).collect();
    let missing: Vec<_> = served.difference(&documented).collect();
    assert!(missing.is_empty(), "not in docs/http.md: {missing:?}");
    for url in documented.difference(&served) {
        let composed =
            served.iter().any(|first| url.strip_prefix(first.as_str()).is_some_and(|rest| served.contains(rest)));
        assert!(composed, "docs/http.md invents {url}");
    }
}

#[test]
fn every_error_code_is_documented_and_none_is_invented() {
    let mut answered = BTreeSet::new();
    let places = ["src/http", "src/oauth", "src/web", "src/server/refusal.rs", "src/server/front_door.rs"];
    for source in places.iter().flat_map(|place| sources(&at(place))) {
        let markers =
            ["Refusal(", "Outcome::Error(", "\"error\": ", "refused(app, &trusted, ", "refused(app, trusted, "];
        let told = markers.iter().flat_map(|marker| literals_after(&source, marker));
        answered.extend(told.chain(codes_of_statuses(&source)).filter(|text| is_code(text)));
    }
    let documented = named_in_tables(&Document::open("docs/http.md"), is_code);
    assert_eq!(documented, answered);
    let wire = read("src/mcp/error.rs");
    let codes = wire.split("i64 = ").skip(1).map(|rest| rest.split(';').next().unwrap().to_owned());
    let documented = named_in_tables(&Document::open("docs/http.md"), |span| span.starts_with("-32"));
    assert_eq!(documented, codes.collect());
}

#[test]
fn every_scope_tool_and_metric_is_documented_and_none_is_invented() {
    let scopes = Document::open("docs/scopes.md");
    let is_scope = |span: &str| known_scopes::ALL.contains(&span) || span.contains(':') || span.starts_with("mgmt.");
    let known: BTreeSet<String> = known_scopes::ALL.iter().map(|scope| (*scope).to_owned()).collect();
    assert_eq!(named_in_tables(&scopes, is_scope), known);
    for scope in known_scopes::ALL {
        let words = web::words::scope(scope).words;
        assert!(scopes.text.contains(&words), "the consent page says of {scope}: {words}");
    }
    let tools: BTreeSet<String> = mcp::tools::ALL.iter().map(|tool| tool.name.to_owned()).collect();
    assert_eq!(named_in_tables(&scopes, |span| is_code(span) && !known.contains(span)), tools);
    let metrics = literals_after(&read("src/server/operations.rs"), ": &str = ").into_iter().collect();
    let operations = Document::open("docs/operations.md");
    assert_eq!(named_in_tables(&operations, |span| span.starts_with("portcullis_")), metrics);
}

#[test]
fn every_link_and_picture_leads_somewhere() {
    for document in documents() {
        for target in document.targets() {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => document.path.clone(),
                file => document.path.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{}: {target}", document.name());
            if !fragment.is_empty() && path.is_file() {
                let there = Document { text: fs::read_to_string(&path).unwrap(), path };
                assert!(there.anchors().contains(fragment), "{}: {target}", document.name());
            }
        }
    }
}

#[test]
fn every_snippet_can_be_pasted() {
    for guide in guides() {
        for fence in guide.split().0 {
            match fence.language {
                "json" => {
                    let parsed = serde_json::from_str::<serde_json::Value>(&fence.body);
                    assert!(parsed.is_ok(), "{}: {parsed:?} in\n{}", guide.name(), fence.body);
                }
                // A client's own file: `web::snippets` reads it.
                "toml" if fence.body.starts_with("[mcp_servers") => {}
                "toml" => {
                    let file = ConfigFile { path: "portcullis.toml".into(), text: fence.body.clone() };
                    let loaded = Config::load(Vec::new(), Some(&file));
                    assert!(loaded.is_ok(), "{}: {loaded:?}", guide.name());
                }
                "sh" | "text" | "http" | "mermaid" | "nginx" | "rust" | "sql" | "yaml" => {}
                other => panic!("{}: a fence in {other:?}, which nobody checks", guide.name()),
            }
        }
    }
}

#[test]
fn every_decision_has_a_number_and_every_number_that_is_cited_a_decision() {
    let decisions = read("docs/decisions.md");
    let numbers: Vec<u32> = decisions
        .split("\n\n**")
        .skip(1)
        .map(|decision| {
            let number = decision.split('.').next().unwrap();
            number
                .parse()
                .unwrap_or_else(|_| panic!("it has no number: {}", decision.chars().take(60).collect::<String>()))
        })
        .collect();
    assert!(numbers.len() > 60 && numbers.is_sorted_by(|a, b| a < b), "one after the other: {numbers:?}");
    let code = ["src", "tests/it"].iter().flat_map(|place| sources(&at(place)));
    for text in code.chain(guides().map(|guide| guide.text)) {
        for cited in text.split("(`decisions` ").skip(1) {
            let cited = cited.split(')').next().unwrap();
            for number in cited.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()) {
                assert!(numbers.contains(&number), "there is no decision {number}: {cited}");
            }
        }
    }
}

/// The table of the OpenID Foundation's modules names tests that exist, and every such test is in it.
#[test]
fn every_conformance_test_that_is_named_exists_and_none_is_left_out() {
    let table = Document::open("docs/openid-conformance.md");
    let spans = table.text.lines().filter(|line| line.starts_with('|')).flat_map(document::spans_of);
    let named: BTreeSet<String> = spans.filter(|span| span.contains("::")).collect();
    for name in &named {
        let (file, function) = name.rsplit_once("::").unwrap();
        let source = read(&format!("tests/it/{}.rs", file.replace("::", "/")));
        assert!(source.contains(&format!("fn {function}(")), "docs/openid-conformance.md: {name}");
    }
    for plan in ["basic", "config", "dynamic", "rp_initiated_logout", "back_channel_logout"] {
        let source = read(&format!("tests/it/openid/{plan}.rs"));
        for test in source.split("async fn oidcc_").skip(1).filter_map(|rest| rest.split('(').next()) {
            let name = format!("openid::{plan}::oidcc_{test}");
            assert!(named.contains(&name), "docs/openid-conformance.md leaves out {name}");
        }
    }
}
