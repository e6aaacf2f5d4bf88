//! Steps of authorization attempts on their way to the table: noted in memory, written in batches by the clock.
//!
//! No request waits for it, and none writes: `GET /oauth/authorize` leaves the database alone before sign-in
//! (`decisions` 18), and what strangers do there is noted all the same, within the limits of `decisions` 46.

use std::sync::{Mutex, PoisonError};

use super::flow_step::{self, FlowStep};
use crate::db::{self, Db};

/// As many steps wait to be written; more are not noted.
const ROOM: usize = 1024;

/// The steps that wait, on this node.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Vec<FlowStep>>);

impl Timeline {
    /// Notes a step, where there is room.
    pub fn note(&self, step: FlowStep) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < ROOM {
            waiting.push(step);
        }
    }

    /// Writes what waits. What cannot be written now is lost: it explains, and decides nothing.
    pub async fn write(&self, db: &Db) -> Result<usize, db::Error> {
        let steps = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if !steps.is_empty() {
            db.write(async |conn| flow_step::insert_all(conn, &steps).await).await?;
        }
        Ok(steps.len())
    }
}
