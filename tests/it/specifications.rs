//! The indexes of specifications in the faces for programs: what they say implements and tests a section does exist.

use std::fs;
use std::path::Path;

/// A row of an index: the files that it names, and its tests.
fn rows(face: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let source = fs::read_to_string(root().join("src").join(face).join("mod.rs")).unwrap();
    let lines = source.lines().filter_map(|line| line.strip_prefix("//! |"));
    let table = lines.map(|line| line.trim_end_matches('|').split('|').map(code).collect::<Vec<_>>());
    // The head and the line beneath it name no files.
    table
        .filter(|cells| cells.last().is_some_and(|tests| !tests.is_empty()))
        .map(|cells| (cells[2].clone(), cells[3].clone()))
        .collect()
}

/// What is set as code in a cell.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files are named from the face or from `src`, modules as they are linked.
fn is_there(face: &str, name: &str) -> bool {
    let face = root().join("src").join(face);
    let spellings = [name.to_owned(), format!("{name}.rs"), format!("{name}/mod.rs")];
    spellings.iter().any(|name| face.join(name).exists() || root().join("src").join(name).exists())
}

#[test]
fn every_section_is_implemented_and_tested_where_the_index_says() {
    for (face, at_least) in [("oauth", 14), ("mcp", 6), ("api", 3)] {
        let rows = rows(face);
        assert!(rows.len() >= at_least, "{face} has {} rows", rows.len());
        for (files, tests) in rows {
            assert!(!files.is_empty(), "src/{face}/mod.rs: a row without a file, tested by {tests:?}");
            for file in files {
                assert!(is_there(face, &file), "src/{face}/mod.rs: {file} does not exist");
            }
            for test in tests {
                let text = fs::read_to_string(root().join(&test));
                let text = text.unwrap_or_else(|error| panic!("src/{face}/mod.rs: {test}: {error}"));
                assert!(text.contains("test]"), "{test} tests nothing");
            }
        }
    }
}
