//! NOUN `flow_steps`: what happened on the way to a connection, without any secret.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::{count, max};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::audit::Origin;
use crate::crypto::{Label, RootKeys};
use crate::db::Connection;
use crate::db::search::containing;
use crate::schema::{clients, flow_steps as table, users};
use crate::types::{FlowId, UserId};

/// A step of an attempt to connect.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
pub struct FlowStep {
    /// Its name.
    pub id: Uuid,
    /// The attempt that it belongs to.
    pub flow_id: FlowId,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Which it was: one of [`FlowStage`].
    pub step: String,
    /// How it ended: one of [`FlowOutcome`].
    pub outcome: String,
    /// What was refused, and why.
    pub why: Option<String>,
    /// The client, as it called itself.
    pub client_id: Option<String>,
    /// Who was signed in.
    pub user_id: Option<UserId>,
    /// Where the request came from.
    pub address: Option<String>,
    /// By which the log knows the request.
    pub request_id: Option<String>,
}

/// The steps that are noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowStage {
    /// A client registered itself (RFC 7591).
    Registration,
    /// A client's metadata document was fetched.
    MetadataDocument,
    /// An authorization request.
    Authorization,
    /// A person signed in to answer one.
    SignIn,
    /// A person allowed or denied it.
    Consent,
    /// A client came for its tokens.
    Token,
}

impl FlowStage {
    /// Every one of them.
    pub const ALL: [Self; 6] =
        [Self::Registration, Self::MetadataDocument, Self::Authorization, Self::SignIn, Self::Consent, Self::Token];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::MetadataDocument => "metadata_document",
            Self::Authorization => "authorization",
            Self::SignIn => "sign_in",
            Self::Consent => "consent",
            Self::Token => "token",
        }
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowOutcome {
    /// Well.
    Done,
    /// Somebody has to do something, in these words.
    Waiting(&'static str),
    /// It was refused, in these words.
    Refused(String),
}

/// The longest words, and the longest name of a client, that are kept.
const LONGEST: usize = 300;
/// How long a step is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(7);

impl FlowStep {
    /// A step of an attempt of `client_id` with that code challenge; of the client alone where there is none yet.
    pub fn new(
        (stage, outcome): (FlowStage, FlowOutcome),
        (keys, client_id, code_challenge): (&RootKeys, Option<&str>, Option<&str>),
        origin: Origin,
        at: DateTime<Utc>,
    ) -> Self {
        let (outcome, why) = match outcome {
            FlowOutcome::Done => ("done", None),
            FlowOutcome::Waiting(why) => ("waiting", Some(why.to_owned())),
            FlowOutcome::Refused(why) => ("refused", Some(why)),
        };
        Self {
            id: Uuid::now_v7(),
            flow_id: client_id.map_or_else(FlowId::fresh, |client| flow(keys, client, code_challenge)),
            at,
            step: stage.name().to_owned(),
            outcome: outcome.to_owned(),
            why: why.map(|why| kept(&why)),
            client_id: client_id.map(kept),
            user_id: None,
            address: origin.address,
            request_id: origin.request_id,
        }
    }
}

/// The attempt of a client with a code challenge: the same wherever it is seen, and without the keys nobody can tell from it
/// what the challenge was.
fn flow(keys: &RootKeys, client_id: &str, code_challenge: Option<&str>) -> FlowId {
    let challenge = code_challenge.unwrap_or_default();
    let mac = keys.mac(Label::Flow, &[client_id.as_bytes(), challenge.as_bytes()]);
    let (half, _) = mac.split_at(16);
    FlowId(Uuid::from_slice(half).unwrap_or_default())
}

/// A stranger's text as it is kept: short, and without what no text column takes.
fn kept(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Writes steps.
pub async fn insert_all(conn: &mut Connection, steps: &[FlowStep]) -> QueryResult<()> {
    diesel::insert_into(table::table).values(steps).execute(conn).await.map(drop)
}

/// The latest steps of all attempts, newest first.
pub async fn latest(conn: &mut Connection, limit: i64) -> QueryResult<Vec<FlowStep>> {
    let newest = table::table.order((table::at.desc(), table::id.desc())).limit(limit);
    newest.select(FlowStep::as_select()).load(conn).await
}

/// Which attempts are looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sought<'a> {
    /// Those with this in the client's name or id or in the person's name, or from this address, or with this request.
    pub text: &'a str,
    /// Those of which something was refused.
    pub refused: bool,
}

/// The steps that are like that. They are kept for a week, so that this reads no more than that.
macro_rules! narrowed {
    ($query:expr, $sought:expr) => {{
        let mut query = $query.into_boxed();
        if $sought.refused {
            query = query.filter(table::outcome.eq("refused"));
        }
        if !$sought.text.is_empty() {
            let (like, exactly) = (containing($sought.text), kept($sought.text));
            let known = clients::table.filter(clients::name.ilike(like.clone())).select(clients::id.nullable());
            let people = users::table.filter(users::username.ilike(like.clone())).select(users::id.nullable());
            let says = table::client_id.ilike(like).or(table::client_id.eq_any(known));
            let came = table::address.eq(exactly.clone()).or(table::request_id.eq(exactly));
            query = query.filter(says.or(table::user_id.eq_any(people)).or(came));
        }
        query
    }};
}

/// How many attempts are like that.
pub async fn count_attempts(conn: &mut Connection, sought: Sought<'_>) -> QueryResult<i64> {
    narrowed!(table::table.select(count(table::flow_id).aggregate_distinct()), sought).get_result(conn).await
}

/// A page of attempts, the one with the latest step first, each with all its steps in their order.
pub async fn attempts(
    conn: &mut Connection,
    sought: Sought<'_>,
    (skip, most): (i64, i64),
) -> QueryResult<Vec<Vec<FlowStep>>> {
    let latest = narrowed!(table::table.group_by(table::flow_id).select(table::flow_id), sought);
    let latest = latest.order(max(table::at).desc()).then_order_by(table::flow_id).offset(skip).limit(most);
    let ids: Vec<FlowId> = latest.load(conn).await?;
    let steps = table::table.filter(table::flow_id.eq_any(&ids)).order((table::at, table::id));
    let steps: Vec<FlowStep> = steps.select(FlowStep::as_select()).load(conn).await?;
    let of = |id: &FlowId| steps.iter().filter(|step| step.flow_id == *id).cloned().collect();
    Ok(ids.iter().map(of).collect())
}

/// Forgets steps from before `before`.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::at.le(before))).execute(conn).await
}
