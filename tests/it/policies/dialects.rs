//! What goes out in a dialect comes in again as it was; what cannot be said in one is refused with its name.

use portcullis::policies::Dialect;
use portcullis::policies::dialect;
use portcullis::policies::lint::{Known, lint};
use serde_json::json;

use super::*;

#[test]
fn what_is_written_is_read_again_as_it_was() {
    let seeds = portcullis::policies::seeds::documents().unwrap();
    let seeds: Vec<Draft> = seeds.into_iter().flat_map(|import| import.drafts).collect();
    let level = read(
        &json!({
            "scope_name": "g", "description": "d", "servers": [
                { "server_name": "a", "tools": ["t", "u*"], "access_level": "read" },
                { "server_name": "b", "tools": ["*"], "access_level": "execute" },
            ],
        })
        .to_string(),
    );
    for (drafts, dialects) in [
        (&seeds, &[Dialect::Portcullis, Dialect::ServerAccess][..]),
        (&level.drafts, &[Dialect::Portcullis, Dialect::ServerAccess, Dialect::AccessLevel]),
    ] {
        for dialect in dialects {
            let all: Vec<&Draft> = drafts.iter().collect();
            let text = dialect::write(&all, *dialect).unwrap();
            let again = dialect::read(&text, None, Listing::Tools).unwrap();
            assert_eq!(again.drafts, *drafts, "{dialect}: {text}");
        }
    }
}

#[test]
fn the_yaml_file_says_names_groups_and_servers_again() {
    let seeds = portcullis::policies::seeds::documents().unwrap();
    let drafts: Vec<&Draft> = seeds.iter().flat_map(|import| &import.drafts).collect();
    let text = dialect::write(&drafts, Dialect::ScopesYml).unwrap();
    assert!(text.contains("# registry-admins: Everything at every server"), "{text}");
    let mut again = read(&text).drafts;
    for draft in &drafts {
        let place = again.iter().position(|other| other.name == draft.name).unwrap_or_else(|| panic!("{text}"));
        let read = again.remove(place);
        assert_eq!((&read.rules, &read.permissions), (&draft.rules, &draft.permissions));
        assert_eq!(sorted(&read.groups), sorted(&draft.groups), "{}", draft.name);
    }
    assert_eq!(again, []);
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

#[test]
fn what_a_dialect_cannot_say_is_refused_with_its_name() {
    let policy =
        |rule: Value| read(&json!({ "name": "p", "rules": [{ "server": "a" }, rule] }).to_string()).drafts.remove(0);
    for (rule, words) in [
        (json!({ "server": "a", "effect": "deny", "methods": ["tools/call"] }), "it denies"),
        (json!({ "server": "a", "methods": ["tools/call"], "condition": "true" }), "it has a condition"),
        (json!({ "server": "a", "methods": ["prompts/get"], "prompts": ["p"] }), "prompts"),
        (json!({ "server": "a", "methods": ["*"], "prompts": ["*"], "resources": ["r"] }), "resources"),
    ] {
        for dialect in [Dialect::ScopesYml, Dialect::ServerAccess, Dialect::AccessLevel] {
            let refusal = dialect::write(&[&policy(rule.clone())], dialect).unwrap_err().to_string();
            assert!(refusal.starts_with("p#2 cannot be said as") || dialect == Dialect::AccessLevel, "{refusal}");
            assert!(refusal.contains(words) || refusal.starts_with("p#1"), "{refusal}");
        }
    }
    let odd = policy(json!({ "server": "a", "methods": ["tools/list"], "tools": ["t"] }));
    assert!(dialect::write(&[&odd], Dialect::ServerAccess).is_ok());
    assert!(dialect::write(&[&odd], Dialect::AccessLevel).unwrap_err().to_string().contains("neither those of read"));
    let named = Draft { name: "group_mappings".to_owned(), ..Draft::default() };
    assert!(dialect::write(&[&named], Dialect::ScopesYml).is_err());
}

#[test]
fn yaml_of_strangers_ends_in_a_fault_and_not_in_a_crash() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(b'b'..=b'k')
            .map(|letter| {
                let (this, before) = (letter as char, (letter - 1) as char);
                format!("{this}: &{this} [{}]\n", vec![format!("*{before}"); 9].join(","))
            })
            .collect::<String>();
    let deep = "- ".repeat(20_000);
    for text in [
        bomb.as_str(),
        deep.as_str(),
        "a: b: c",
        "\u{0}",
        "a: [",
        "&a *a",
        "? :",
        "a: 1\na: 2",
        "!!binary x: y",
        "%YAML 9\n---\n",
    ] {
        assert!(dialect::read(text, None, Listing::Tools).is_err(), "{text:.40}");
    }
}

#[test]
fn the_linter_finds_what_seems_wrong() {
    let known = Known {
        servers: vec![("fininfo".to_owned(), vec!["get_stock".to_owned()]), ("quiet".to_owned(), Vec::new())],
        groups: vec![("staff".to_owned(), 3), ("nobody".to_owned(), 0)],
    };
    let found = |document: Value| -> Vec<String> {
        let drafts = read(&document.to_string()).drafts;
        let findings = lint(&drafts.iter().collect::<Vec<_>>(), &known);
        findings.into_iter().map(|finding| format!("{} {} {}", finding.name, finding.kind, finding.what)).collect()
    };
    let rule = |rule: Value| json!({ "name": "p", "groups": ["staff"], "rules": [rule] });
    for (document, expected) in [
        (json!({ "name": "p", "groups": [] }), "p no-group"),
        (json!({ "name": "p", "groups": ["nobody"] }), "p empty-group"),
        (json!({ "name": "p", "groups": ["stafff"] }), "is it \"staff\"?"),
        (rule(json!({ "server": "*", "methods": ["tools/list"], "tools": ["*"] })), "p#1 wildcard"),
        (rule(json!({ "server": "fininfo", "methods": ["tools/call"], "tools": ["*"] })), "p#1 wildcard"),
        (rule(json!({ "server": "fin-info", "methods": ["tools/list"] })), "is it \"fininfo\"?"),
        (
            rule(json!({ "server": "fininfo", "methods": ["tools/call"], "tools": ["get_stocks"] })),
            "is it \"get_stock\"?",
        ),
        (rule(json!({ "server": "fininfo", "methods": ["tools/call"], "tools": ["put_*"] })), "p#1 unknown-tool"),
        (rule(json!({ "server": "fininfo", "tools": ["get_stock"] })), "p#1 no-method"),
    ] {
        let findings = found(document.clone());
        assert!(findings.iter().any(|finding| finding.contains(expected)), "{document}: {findings:?}");
    }
    let read_level = json!({
        "name": "x/read", "groups": ["staff"],
        "rules": [{ "server": "fininfo", "methods": ["tools/call"], "tools": ["get_stock"] }],
    });
    assert!(found(read_level).iter().any(|finding| finding.starts_with("x/read#1 read-calls")));
    let good = rule(json!({ "server": "fininfo", "methods": ["tools/list", "tools/call"], "tools": ["get_stock"] }));
    assert_eq!(found(good), Vec::<String>::new());
    assert_eq!(
        found(rule(json!({ "server": "quiet", "methods": ["tools/list"], "tools": ["x"] }))),
        Vec::<String>::new()
    );
}
