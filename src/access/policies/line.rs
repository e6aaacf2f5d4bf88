//! One rule, and how it is about what is tried.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::access::principal::Subject;
use crate::access::visit::{Target, Visit};
use crate::policies::pattern::{any_is_all, any_matches};
use crate::policies::{Condition, Effect, Facts, Listing, Rule};

/// The methods that make up the handshake, and what is needed of any session.
const HANDSHAKE: [&str; 3] = ["initialize", "ping", "server/discover"];

/// A rule, ready to be asked.
#[derive(Debug)]
pub struct Line {
    label: String,
    policy: Box<str>,
    pub(super) rule: Rule,
    condition: Option<Condition>,
    /// True when it is about every tool, prompt and resource.
    is_about_all: bool,
}

/// What is asked of rules.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// What is tried.
    pub visit: &'a Visit<'a>,
    /// By whom.
    subject: &'a Subject,
    /// Of which policies alone rules allow; of all when there are none.
    only: Option<Vec<&'a str>>,
}

/// Whether a rule applies, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Applies,
    /// It is about another server.
    OtherServer,
    /// It is about other methods.
    OtherMethod,
    /// It is about other tools, prompts or resources.
    OtherObject,
    /// Its condition does not hold.
    ConditionFalse,
    /// Its condition cannot be evaluated: a rule that allows does not apply, and one that denies does.
    ConditionFailed(String),
    /// It applies to some calls, so it hides nothing.
    HidesNothing,
    /// The token names other policies.
    NotNamed,
}

impl Verdict {
    /// True when the rule does what it says.
    pub fn applies(&self, effect: Effect) -> bool {
        match self {
            Self::Applies => true,
            Self::ConditionFailed(_) => effect == Effect::Deny,
            _ => false,
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Applies => "applies".to_owned(),
            Self::OtherServer => "is about other servers".to_owned(),
            Self::OtherMethod => "is about other methods".to_owned(),
            Self::OtherObject => "is about other tools, prompts or resources".to_owned(),
            Self::ConditionFalse => "its condition does not hold".to_owned(),
            Self::ConditionFailed(why) => format!("its condition cannot be evaluated: {why}"),
            Self::HidesNothing => "denies some calls, which hides nothing".to_owned(),
            Self::NotNamed => "the token's scope names other policies".to_owned(),
        }
    }
}

impl<'a> Asked<'a> {
    /// The question that a visit of this subject puts.
    pub fn new(subject: &'a Subject, visit: &'a Visit<'a>, only: Option<Vec<&'a str>>) -> Self {
        Self { visit, subject, only }
    }
}

impl Line {
    /// The rule at that place in a policy.
    pub fn new(policy: &str, place: usize, rule: &Rule) -> Self {
        let lists = [&rule.tools, &rule.prompts, &rule.resources];
        Self {
            label: format!("{policy}#{}", place + 1),
            policy: policy.into(),
            is_about_all: lists.iter().all(|list| any_is_all(list)),
            condition: rule.condition.as_deref().map(Condition::of),
            rule: rule.clone(),
        }
    }

    /// Its name: that of its policy, and the how manieth it is there.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it does where it applies.
    pub fn effect(&self) -> Effect {
        self.rule.effect
    }

    /// True when it does what it says to what is asked.
    pub fn applies(&self, asked: &Asked<'_>) -> bool {
        self.verdict(asked).applies(self.rule.effect)
    }

    /// Whether it applies.
    pub fn verdict(&self, asked: &Asked<'_>) -> Verdict {
        let target = &asked.visit.target;
        let is_named = |only: &Vec<&str>| only.contains(&&*self.policy);
        match self.rule.effect {
            _ if !self.rule.server.matches(asked.visit.server) => Verdict::OtherServer,
            Effect::Allow if !asked.only.as_ref().is_none_or(is_named) => Verdict::NotNamed,
            _ if !self.names_method(target) => Verdict::OtherMethod,
            _ if !self.names_object(target) => Verdict::OtherObject,
            effect => self.conditional(effect, asked),
        }
    }

    fn conditional(&self, effect: Effect, asked: &Asked<'_>) -> Verdict {
        let Some(condition) = &self.condition else { return Verdict::Applies };
        // Whether a list shows something cannot hang on the arguments of a call that nobody has made yet.
        if is_a_look(&asked.visit.target) {
            return if effect == Effect::Allow { Verdict::Applies } else { Verdict::HidesNothing };
        }
        let arguments = match asked.visit.target {
            Target::CallTool { arguments, .. } => arguments,
            _ => &NONE,
        };
        let facts = Facts {
            arguments,
            tool: asked.visit.target.object().unwrap_or_default(),
            server: asked.visit.server,
            user: asked.subject.name(),
            groups: asked.subject.groups(),
        };
        match condition.holds(&facts) {
            Ok(true) => Verdict::Applies,
            Ok(false) => Verdict::ConditionFalse,
            Err(why) => Verdict::ConditionFailed(why),
        }
    }

    fn names_method(&self, target: &Target<'_>) -> bool {
        match methods(target, self.rule.effect) {
            Methods::Any => true,
            Methods::Of(names) => {
                let is_meant = |name: &&str| any_matches(&self.rule.methods, name);
                names.iter().any(is_meant) && (target.object().is_some() || self.is_about_method(names.first()))
            }
        }
    }

    /// A rule that denies some tools says nothing of whole methods, unless it is about everything or says the method's name.
    fn is_about_method(&self, method: Option<&&str>) -> bool {
        let says_it = |method: &str| self.rule.methods.iter().any(|said| !said.is_all() && said.matches(method));
        match (self.rule.effect, method.copied()) {
            (Effect::Allow, _) => true,
            (Effect::Deny, Some("tools/list")) => any_is_all(&self.rule.tools),
            (Effect::Deny, Some("prompts/list")) => any_is_all(&self.rule.prompts),
            (Effect::Deny, Some("resources/list" | "resources/templates/list")) => any_is_all(&self.rule.resources),
            (Effect::Deny, Some(method)) => self.is_about_all || says_it(method),
            (Effect::Deny, None) => false,
        }
    }

    /// True when it may be about a whole method.
    pub(super) fn is_about_methods(&self) -> bool {
        let lists = [&self.rule.tools, &self.rule.prompts, &self.rule.resources];
        self.rule.effect == Effect::Allow
            || lists.iter().any(|list| any_is_all(list))
            || self.rule.methods.iter().any(|method| !method.is_all())
    }

    fn names_object(&self, target: &Target<'_>) -> bool {
        match target {
            Target::Enter | Target::Method(_) => true,
            Target::SeeTool(_) if self.shows_all() => true,
            Target::SeeTool(tool) | Target::CallTool { tool, .. } => any_matches(&self.rule.tools, tool),
            Target::SeePrompt(prompt) | Target::GetPrompt(prompt) => any_matches(&self.rule.prompts, prompt),
            Target::SeeResource(uri) | Target::ReadResource(uri) => any_matches(&self.rule.resources, uri),
        }
    }

    /// True when it shows every tool, whichever may be called.
    pub(super) fn shows_all(&self) -> bool {
        (self.rule.effect, self.rule.list) == (Effect::Allow, Listing::All)
    }
}

/// Which methods a rule must name to be about something.
pub(super) enum Methods<'a> {
    /// None in particular: whoever may do anything at a server may shake hands there.
    Any,
    /// One of these.
    Of(Vec<&'a str>),
}

/// The methods that a rule of this effect must name to be about `target`. A list is there for whoever may see or use what is in it.
pub(super) fn methods<'a>(target: &Target<'a>, effect: Effect) -> Methods<'a> {
    match (target, effect) {
        (Target::Enter, Effect::Allow) => Methods::Any,
        (Target::Method(method), Effect::Allow) if is_handshake(method) => Methods::Any,
        (Target::Method(method), Effect::Deny) => Methods::Of(vec![method]),
        (Target::Method(method), Effect::Allow) => {
            Methods::Of(with_its_use(method).map_or(vec![*method], <[_]>::to_vec))
        }
        (Target::SeeTool(_) | Target::SeePrompt(_) | Target::SeeResource(_), _) => {
            Methods::Of(with_its_use(target.method()).unwrap_or_default().to_vec())
        }
        (Target::Enter | Target::CallTool { .. } | Target::GetPrompt(_) | Target::ReadResource(_), _) => {
            Methods::Of(vec![target.method()])
        }
    }
}

static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

fn is_handshake(method: &str) -> bool {
    HANDSHAKE.contains(&method) || method.starts_with("notifications/")
}

/// The method that lists, and what using what it lists takes.
fn with_its_use(method: &str) -> Option<&'static [&'static str]> {
    match method {
        "tools/list" => Some(&["tools/list", "tools/call"]),
        "prompts/list" => Some(&["prompts/list", "prompts/get"]),
        "resources/list" | "resources/templates/list" => {
            Some(&["resources/list", "resources/templates/list", "resources/read"])
        }
        _ => None,
    }
}

/// True for what shows something and does nothing with it.
fn is_a_look(target: &Target<'_>) -> bool {
    match target {
        Target::Enter | Target::SeeTool(_) | Target::SeePrompt(_) | Target::SeeResource(_) => true,
        Target::Method(method) => is_handshake(method) || with_its_use(method).is_some(),
        Target::CallTool { .. } | Target::GetPrompt(_) | Target::ReadResource(_) => false,
    }
}
