//! Markdown as a person would read it: blocks, code, links, tables; and the words of our own source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A Markdown file of ours.
pub struct Document {
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block: its language and what is in it.
pub struct Fence<'a> {
    pub language: &'a str,
    pub body: String,
}

pub fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn read(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap()
}

/// What people read. `docs/decisions.md` also speaks of what is planned, so only its links are checked.
pub fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(at).into();
    let pages = fs::read_dir(at("docs")).unwrap().map(|entry| entry.unwrap().path());
    paths.extend(pages.filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    paths.sort();
    paths.into_iter().map(|path| Document { text: fs::read_to_string(&path).unwrap(), path }).collect()
}

/// What people read about the program as it is.
pub fn guides() -> impl Iterator<Item = Document> {
    documents().into_iter().filter(|document| !document.path.ends_with("docs/decisions.md"))
}

impl Document {
    /// The one at this path in the repository.
    pub fn open(path: &str) -> Self {
        Self { path: at(path), text: read(path) }
    }

    pub fn name(&self) -> String {
        self.path.strip_prefix(at("")).unwrap_or(&self.path).display().to_string()
    }

    /// Fenced blocks, and the text without them.
    pub fn split(&self) -> (Vec<Fence<'_>>, String) {
        let (mut fences, mut prose, mut open) = (Vec::new(), String::new(), None::<Fence<'_>>);
        for line in self.text.lines() {
            match (line.trim().strip_prefix("```"), open.take()) {
                (Some(language), None) => open = Some(Fence { language, body: String::new() }),
                (Some(_), Some(fence)) => fences.push(fence),
                (None, Some(mut fence)) => {
                    fence.body += &format!("{line}\n");
                    open = Some(fence);
                }
                (None, None) => prose += &format!("{line}\n"),
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name());
        (fences, prose)
    }

    /// What stands in `code` within sentences and tables.
    pub fn spans(&self) -> Vec<String> {
        self.split().1.lines().flat_map(spans_of).collect()
    }

    /// Lines that a person would type into a shell, without continuation, comment and prompt.
    pub fn shell_lines(&self) -> Vec<String> {
        let (fences, _) = self.split();
        let scripts = fences.iter().filter(|fence| fence.language == "sh").map(|fence| fence.body.replace("\\\n", " "));
        let lines: Vec<String> =
            scripts.flat_map(|script| script.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let typed = lines.iter().map(|line| line.split(" #").next().unwrap_or_default().trim());
        typed.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Where links and pictures point to, in Markdown and in HTML.
    pub fn targets(&self) -> Vec<String> {
        let prose = self.split().1;
        let found = ["](", "src=\"", "srcset=\"", "href=\""].iter().flat_map(|opening| {
            let ends = [')', '"', ' '];
            prose.split(opening).skip(1).map(move |rest| rest.split(ends).next().unwrap_or_default().to_owned())
        });
        found.collect()
    }

    /// The names under which a browser finds the headings.
    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.split().1;
        let headings =
            headings.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
        headings.map(anchor).collect()
    }

    /// The first cells of every table, as they are written.
    pub fn first_cells(&self) -> Vec<String> {
        let prose = self.split().1;
        let rows = prose.lines().filter_map(|line| line.strip_prefix('|'));
        rows.map(|row| row.split('|').next().unwrap_or_default().trim().to_owned()).collect()
    }
}

pub fn spans_of(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// How GitHub and most others name a heading.
pub fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The code spans in the first cells of tables for which `wanted` holds.
pub fn named_in_tables(document: &Document, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    document.first_cells().iter().flat_map(|cell| spans_of(cell)).filter(|span| wanted(span)).collect()
}

/// The string literals that come right after `marker` in a source file, tests apart.
pub fn literals_after(source: &str, marker: &str) -> Vec<String> {
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    let after = program.split(marker).skip(1).filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
    after.map(str::to_owned).collect()
}

/// The codes in `(StatusCode::BAD_REQUEST, "invalid_grant")` and in `StatusCode::NOT_FOUND => "not_found"`.
pub fn codes_of_statuses(source: &str) -> Vec<String> {
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    let rests = program.split("StatusCode::").skip(1).map(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_');
        rest.trim_start_matches([',', '=', '>', ' '])
    });
    rests.filter_map(|rest| rest.strip_prefix('"')?.split('"').next()).map(str::to_owned).collect()
}

/// The text of a source file, or of every one in a directory and below.
pub fn sources(place: &Path) -> Vec<String> {
    if place.is_dir() {
        return fs::read_dir(place).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect();
    }
    vec![fs::read_to_string(place).unwrap()]
}

pub fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A line as a shell splits it: what is quoted stays together.
fn words(line: &str) -> Vec<&str> {
    let mut quote = None;
    let splits = |character: char| {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, _) => return character.is_whitespace(),
            (Some(_), _) => {}
        }
        false
    };
    line.split(splits).filter(|word| !word.is_empty()).collect()
}

/// The arguments of `portcullis` in a line, whether it is called itself, by Cargo or in a container.
pub fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let mut words = words(line).into_iter().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let program = words.next()?;
    let rest: Vec<&str> = match program {
        "portcullis" => words.collect(),
        "cargo" if words.next() == Some("run") => words.skip_while(|word| *word != "--").skip(1).collect(),
        "docker" if words.next() == Some("run") => {
            let after: Vec<&str> = words.skip_while(|word| *word != "portcullis").collect();
            assert!(!after.is_empty(), "which image? {line}");
            after.into_iter().skip(1).collect()
        }
        _ => return None,
    };
    let own = rest.into_iter().take_while(|word| !["|", ">", "&&", ";"].contains(word));
    Some(own.map(|word| word.trim_matches(['"', '\'']).to_owned()).collect())
}
