//! NOUN `flow_steps`: what happened on the way to a connection, without any secret.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::audit::Origin;
use crate::crypto::{Label, RootKeys};
use crate::db::Connection;
use crate::schema::flow_steps as table;
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

/// The latest steps, newest first.
pub async fn latest(conn: &mut Connection, limit: i64) -> QueryResult<Vec<FlowStep>> {
    let newest = table::table.order((table::at.desc(), table::id.desc())).limit(limit);
    newest.select(FlowStep::as_select()).load(conn).await
}

/// Forgets steps from before `before`.
pub async fn expire(conn: &mut Connection, before: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(table::table.filter(table::at.le(before))).execute(conn).await
}
