//! The rules of one group, found by what is asked: by server, and there by method, tool, prompt or resource. Exact names are
//! looked up; only patterns that differ are gone through one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::line::{self, Asked, Line, Methods};
use crate::access::visit::Target;
use crate::policies::{Effect, Pattern};

/// The rules of one group, by the servers that they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    one: HashMap<String, Table>,
    some: BTreeMap<Pattern, Table>,
}

/// The rules for one server or one pattern of servers.
#[derive(Clone, Debug, Default)]
struct Table {
    allow: Side,
    deny: Side,
}

/// Those of one effect, under every heading under which they may be looked for.
#[derive(Clone, Debug, Default)]
struct Side {
    all: Vec<Arc<Line>>,
    methods: Named,
    tools: Named,
    prompts: Named,
    resources: Named,
}

/// Rules by the names and patterns that they say.
#[derive(Clone, Debug, Default)]
struct Named {
    one: HashMap<String, Vec<Arc<Line>>>,
    some: BTreeMap<Pattern, Vec<Arc<Line>>>,
}

impl Index {
    /// Takes in a rule.
    pub(super) fn add(&mut self, line: &Arc<Line>) {
        let table = match &line.rule.server {
            Pattern::One(server) => self.one.entry(server.clone()).or_default(),
            pattern => self.some.entry(pattern.clone()).or_default(),
        };
        match line.effect() {
            Effect::Allow => table.allow.add(line),
            Effect::Deny => table.deny.add(line),
        }
    }

    /// A rule that denies it.
    pub(super) fn denies(&self, asked: &Asked<'_>) -> Option<&Line> {
        self.tables(asked).find_map(|table| table.deny.that_applies(asked, Effect::Deny))
    }

    /// A rule that allows it.
    pub(super) fn allows(&self, asked: &Asked<'_>) -> Option<&Line> {
        self.tables(asked).find_map(|table| table.allow.that_applies(asked, Effect::Allow))
    }

    fn tables(&self, asked: &Asked<'_>) -> impl Iterator<Item = &Table> {
        let server = asked.visit.server;
        let some = self.some.iter().filter(move |(pattern, _)| pattern.matches(server)).map(|(_, table)| table);
        self.one.get(server).into_iter().chain(some)
    }
}

impl Side {
    fn add(&mut self, line: &Arc<Line>) {
        self.all.push(Arc::clone(line));
        if line.is_about_methods() {
            self.methods.add(line, &line.rule.methods);
        }
        self.tools.add(line, if line.shows_all() { &[Pattern::ALL] } else { &line.rule.tools });
        self.prompts.add(line, &line.rule.prompts);
        self.resources.add(line, &line.rule.resources);
    }

    fn that_applies(&self, asked: &Asked<'_>, effect: Effect) -> Option<&Line> {
        match asked.visit.target {
            Target::Enter | Target::Method(_) => match line::methods(&asked.visit.target, effect) {
                Methods::Any => first(&self.all, asked),
                Methods::Of(names) => self.methods.that_applies(&names, asked),
            },
            Target::SeeTool(tool) | Target::CallTool { tool, .. } => self.tools.that_applies(&[tool], asked),
            Target::SeePrompt(prompt) | Target::GetPrompt(prompt) => self.prompts.that_applies(&[prompt], asked),
            Target::SeeResource(uri) | Target::ReadResource(uri) => self.resources.that_applies(&[uri], asked),
        }
    }
}

impl Named {
    fn add(&mut self, line: &Arc<Line>, patterns: &[Pattern]) {
        for pattern in patterns {
            let lines = match pattern {
                Pattern::One(name) => self.one.entry(name.clone()).or_default(),
                pattern => self.some.entry(pattern.clone()).or_default(),
            };
            lines.push(Arc::clone(line));
        }
    }

    fn that_applies(&self, names: &[&str], asked: &Asked<'_>) -> Option<&Line> {
        names.iter().find_map(|name| {
            let some = self.some.iter().filter(|(pattern, _)| pattern.matches(name)).map(|(_, lines)| lines);
            self.one.get(*name).into_iter().chain(some).find_map(|lines| first(lines, asked))
        })
    }
}

fn first<'l>(lines: &'l [Arc<Line>], asked: &Asked<'_>) -> Option<&'l Line> {
    lines.iter().map(Arc::as_ref).find(|line| line.applies(asked))
}
