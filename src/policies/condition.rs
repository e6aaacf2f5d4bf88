//! Conditions of rules: expressions in CEL over what is asked for.
//!
//! They are short, and cannot do much: no regular expressions, no list within a list gone through for each of its items, and
//! nothing at all for arguments of unusual size. So one evaluation is bounded by the size of its source times that of the
//! arguments.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, Env, IdedExpr, Value as CelValue};
use serde_json::{Map, Value};

/// The most characters of a condition.
pub const LONGEST: usize = 2000;
/// How deep brackets may be nested.
const DEEPEST: u16 = 24;
/// How deep the expression may be, which is longer for `a + a + a`.
const TALLEST: usize = 48;
/// As much stack as reading the deepest of so few characters could take.
const ROOM: usize = 256 << 20;
/// The most values that arguments may consist of.
const MOST_VALUES: usize = 10_000;

/// What CEL has by itself.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition, compiled.
#[derive(Clone, Debug)]
pub struct Condition(Result<Arc<IdedExpr>, ConditionError>);

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Too long.
    #[error("a condition has {LONGEST} characters at most")]
    TooLong,
    /// Too deep, or one comprehension within another.
    #[error("the condition is nested too deeply, or goes through one list for each item of another")]
    TooDeep,
    /// Not CEL.
    #[error("this is no CEL expression: {0}")]
    Syntax(String),
    /// It looks at what is not there.
    #[error("there is no {0:?} here; a condition sees arguments, tool, server, user and groups")]
    Unknown(String),
}

/// What a condition sees.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the tool is called with.
    pub arguments: &'a Map<String, Value>,
    /// The tool, prompt or resource; nothing where there is none.
    pub tool: &'a str,
    /// The server.
    pub server: &'a str,
    /// The name that the caller signs in or authenticates with.
    pub user: &'a str,
    /// The caller's groups.
    pub groups: &'a [String],
}

/// The names of [`Facts`] in CEL.
const NAMES: [&str; 5] = ["arguments", "tool", "server", "user", "groups"];

impl Condition {
    /// Compiles it. One that is none is kept as such: it never holds, and never fails to hold either.
    pub fn of(source: &str) -> Self {
        Self(compile(source).map(Arc::new))
    }

    /// Why it is none, if it is none.
    pub fn error(&self) -> Option<&ConditionError> {
        self.0.as_ref().err()
    }

    /// Does it hold? An expression that cannot be evaluated, or says neither true nor false, has failed.
    pub fn holds(&self, facts: &Facts<'_>) -> Result<bool, String> {
        let expression = self.0.as_ref().map_err(ToString::to_string)?;
        let mut left = MOST_VALUES;
        let arguments = facts.arguments.iter().map(|(name, value)| Some((name.clone(), in_cel(value, &mut left)?)));
        let arguments = arguments.collect::<Option<HashMap<String, CelValue>>>();
        let arguments = arguments.ok_or_else(|| format!("the arguments have more than {MOST_VALUES} values"))?;
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_from_value("arguments", arguments);
        for (name, text) in [("tool", facts.tool), ("server", facts.server), ("user", facts.user)] {
            context.add_variable_from_value(name, text.to_owned());
        }
        context.add_variable_from_value("groups", facts.groups.to_vec());
        match context.resolve(expression) {
            Ok(CelValue::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the condition is neither true nor false".to_owned()),
            Err(error) => Err(shortened(&error.to_string())),
        }
    }
}

/// Reads a condition where there is room for whatever can be written in so few characters: how deep it is, is known only then.
fn compile(source: &str) -> Result<IdedExpr, ConditionError> {
    if source.chars().count() > LONGEST {
        return Err(ConditionError::TooLong);
    }
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(ROOM).spawn_scoped(scope, || read(source));
        reader.map_or(Err(ConditionError::TooDeep), |reader| reader.join().unwrap_or(Err(ConditionError::TooDeep)))
    })
}

fn read(source: &str) -> Result<IdedExpr, ConditionError> {
    let parser = ENVIRONMENT.parser().max_recursion_depth(DEEPEST);
    let expression = parser.parse(source).map_err(|error| ConditionError::Syntax(shortened(&error.to_string())))?;
    if !is_bounded(&expression, TALLEST, 0) {
        return Err(ConditionError::TooDeep);
    }
    match unknown(&expression, &[]).map(str::to_owned) {
        Some(name) => Err(ConditionError::Unknown(name)),
        None => Ok(expression),
    }
}

/// The first name that is neither one of [`Facts`] nor of an item that is gone through.
fn unknown<'e>(expression: &'e IdedExpr, items: &[&str]) -> Option<&'e str> {
    let within = |inner: &'e IdedExpr| unknown(inner, items);
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Struct(_) => None,
        Expr::Ident(name) => (!is_known(name) && !items.contains(&name.as_str())).then_some(name),
        Expr::Call(call) => call.target.as_deref().and_then(within).or_else(|| call.args.iter().find_map(within)),
        Expr::List(list) => list.elements.iter().find_map(within),
        Expr::Select(select) => within(&select.operand),
        Expr::Map(map) => map.entries.iter().find_map(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => within(&entry.key).or_else(|| within(&entry.value)),
            EntryExpr::StructField(_) => None,
        }),
        Expr::Comprehension(each) => {
            let items: Vec<&str> = items.iter().copied().chain([each.iter_var.as_str()]).collect();
            let parts = [&each.loop_cond, &each.loop_step, &each.result];
            within(&each.iter_range)
                .or_else(|| within(&each.accu_init))
                .or_else(|| parts.into_iter().find_map(|part| unknown(part, &items)))
        }
    }
}

/// The accumulators of comprehensions begin with a sign that nobody can write.
fn is_known(name: &str) -> bool {
    NAMES.contains(&name) || name.starts_with('@')
}

/// True for an expression that is not higher than that, with no comprehension within another.
fn is_bounded(expression: &IdedExpr, height: usize, comprehensions: usize) -> bool {
    let Some(height) = height.checked_sub(1) else { return false };
    let is_bounded_here = |inner: &IdedExpr| is_bounded(inner, height, comprehensions);
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => true,
        Expr::Call(call) => call.target.as_deref().is_none_or(is_bounded_here) && call.args.iter().all(is_bounded_here),
        Expr::List(list) => list.elements.iter().all(is_bounded_here),
        Expr::Select(select) => is_bounded_here(&select.operand),
        Expr::Map(map) => map.entries.iter().all(|entry| entry_is_bounded(&entry.expr, &is_bounded_here)),
        Expr::Struct(_) => false,
        Expr::Comprehension(each) => {
            let parts = [&each.iter_range, &each.accu_init, &each.loop_cond, &each.loop_step, &each.result];
            comprehensions == 0 && parts.iter().all(|part| is_bounded(part, height, comprehensions + 1))
        }
    }
}

fn entry_is_bounded(entry: &EntryExpr, is_bounded: &impl Fn(&IdedExpr) -> bool) -> bool {
    match entry {
        EntryExpr::MapEntry(entry) => is_bounded(&entry.key) && is_bounded(&entry.value),
        EntryExpr::StructField(_) => false,
    }
}

/// The same value in CEL, unless too many are in it.
fn in_cel(value: &Value, left: &mut usize) -> Option<CelValue> {
    *left = left.checked_sub(1)?;
    Some(match value {
        Value::Null => CelValue::Null,
        Value::Bool(flag) => CelValue::Bool(*flag),
        Value::String(text) => text.clone().into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => CelValue::Int(number),
            (None, Some(number)) => CelValue::UInt(number),
            (None, None) => CelValue::Float(number.as_f64()?),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| in_cel(item, left)).collect::<Option<Vec<_>>>()?;
            CelValue::List(Arc::new(items))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.clone(), in_cel(value, left)?)));
            members.collect::<Option<HashMap<String, CelValue>>>()?.into()
        }
    })
}

/// What the library says may repeat the arguments.
fn shortened(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    match first.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(source: &str, arguments: Value) -> Result<bool, String> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let groups = ["staff".to_owned()];
        let facts = Facts { arguments: &arguments, tool: "pay", server: "bank", user: "ada", groups: &groups };
        Condition::of(source).holds(&facts)
    }

    #[test]
    fn a_condition_sees_what_is_asked_for_and_by_whom() {
        for (source, expected) in [
            ("arguments.amount <= 100", true),
            ("arguments.amount == 100", true),
            ("arguments.amount < 99.5", false),
            ("arguments.half < 1", true),
            ("arguments.big > 1", true),
            ("has(arguments.to) && arguments.to.startsWith('a')", true),
            ("has(arguments.missing)", false),
            ("arguments.to in ['ada', 'bob']", true),
            ("arguments.list.all(item, item > 0)", true),
            ("arguments.list.exists(item, item > 2)", false),
            ("arguments.deep.er == null", true),
            ("'staff' in groups && user == 'ada' && server == 'bank' && tool == 'pay'", true),
            ("arguments['to'] == \"ada\"", true),
            ("size(arguments) == 6", true),
        ] {
            let arguments = json!({
                "amount": 100, "to": "ada", "list": [1, 2], "half": 0.5, "big": u64::MAX, "deep": { "er": null },
            });
            assert_eq!(holds(source, arguments), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_neither_true_nor_false() {
        for (source, arguments) in [
            ("arguments.amount < 100", json!({})),
            ("arguments.amount < 100", json!({ "amount": "1" })),
            ("arguments.amount", json!({ "amount": 1 })),
            ("'yes'", json!({})),
            ("1 / arguments.zero == 1", json!({ "zero": 0 })),
            ("arguments.list[3] == 1", json!({ "list": [] })),
            ("nobody.knows", json!({})),
            ("nofunction(1)", json!({})),
            ("arguments.a.matches('(a+)+$')", json!({ "a": "aaaa" })),
            ("", json!({})),
            ("1 +", json!({})),
        ] {
            assert!(holds(source, arguments).is_err(), "{source}");
        }
    }

    #[test]
    fn no_condition_is_long_deep_or_a_loop_in_a_loop() {
        let deep = format!("{}true{}", "(".repeat(500), ")".repeat(500));
        let not = format!("{}true", "!".repeat(1999));
        let sum = format!("1{} == 1", " + 1".repeat(400));
        let way = format!("arguments{} == 1", ".a".repeat(900));
        let choice = format!("{}true", "true ? true : ".repeat(140));
        for source in [
            &"a".repeat(LONGEST + 1),
            &deep,
            &sum,
            &way,
            &choice,
            "arguments.l.all(a, arguments.l.all(b, a == b))",
            "arguments.l.map(a, arguments.l.map(b, b)).size() > 1",
            "tool.Struct{a: 1} == 1",
        ] {
            assert!(Condition::of(source).error().is_some(), "{source:.60}");
        }
        let _ends = Condition::of(&not);
        let many = json!({ "l": vec![1; MOST_VALUES] });
        assert!(holds("true", many).is_err(), "arguments of unusual size");
    }
}
