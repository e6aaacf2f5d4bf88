//! The lines of this node: by name, and only so many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;

use super::Line;
use crate::access::Principal;
use crate::mcp::error::Failure;
use crate::types::{ServerId, SubjectId};

/// As many lines one caller has at most, and all together.
const MOST: (usize, usize) = (16, 1024);
/// As many of them lead to programs, which take more of the machine.
const PROGRAMS: usize = 64;

/// The lines that are open on this node.
#[derive(Default)]
pub struct Lines {
    all: Mutex<Open>,
    is_stopping: AtomicBool,
}

#[derive(Default)]
struct Open {
    lines: HashMap<String, Arc<Line>>,
    /// Who is just opening one.
    opening: Vec<(SubjectId, bool)>,
}

/// Room for a line that is just being opened.
pub(super) struct Room<'a> {
    lines: &'a Lines,
    taken: (SubjectId, bool),
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let opening = &mut self.lines.open().opening;
        if let Some(at) = opening.iter().position(|taken| *taken == self.taken) {
            opening.swap_remove(at);
        }
    }
}

impl Lines {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// We stop: whatever nobody waits for ends by and by, and nothing new begins.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// The line of that name, if it is this caller's to that server.
    pub(in crate::mcp::gateway) fn of(
        &self,
        name: &str,
        principal: &Arc<Principal>,
        server: ServerId,
    ) -> Option<Arc<Line>> {
        let line = self.open().lines.get(name).filter(|line| line.is_of(principal, server)).cloned()?;
        line.called_by(principal);
        Some(line)
    }

    /// The line of this caller to that server over which we ask ourselves.
    pub(super) fn of_ours(&self, principal: &Arc<Principal>, server: ServerId) -> Option<Arc<Line>> {
        let open = self.open();
        let line = open.lines.values().find(|line| line.has_begun() && line.is_of(principal, server)).cloned()?;
        line.called_by(principal);
        Some(line)
    }

    /// Room for one more line of this caller's. Clients that crash leave lines behind, so the one goes that was used longest ago; where
    /// all are in use there is no room.
    pub(super) fn room_for(&self, subject: SubjectId, for_program: bool) -> Result<Room<'_>, Failure> {
        let (most, of_all) = MOST;
        if self.is_stopping() {
            return Err(Failure::unavailable());
        }
        let mut open = self.open();
        let theirs = open.lines.values().filter(|line| line.principal().subject.id() == subject);
        let (mut count, mut idlest) = (open.opening.iter().filter(|(other, _)| *other == subject).count(), None);
        for line in theirs {
            count += 1;
            let since = line.board.idle_since();
            idlest = match (since, idlest) {
                (Some(since), Some((before, _))) if since >= before => idlest,
                (Some(since), _) => Some((since, line)),
                (None, _) => idlest,
            };
        }
        let spare = idlest.map(|(_, line)| line.name.clone());
        if count >= most {
            let line = spare.and_then(|name| open.lines.remove(&name));
            line.ok_or_else(|| Failure::too_many_at_once(most))?.end();
        }
        let programs = open.lines.values().filter(|line| line.is_program()).count();
        let programs = programs + open.opening.iter().filter(|(_, for_program)| *for_program).count();
        if open.lines.len() + open.opening.len() >= of_all || (for_program && programs >= PROGRAMS) {
            let message = "This gateway has as many connections to such servers as it can have; try again in a moment";
            return Err(Failure::http(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        open.opening.push((subject, for_program));
        Ok(Room { lines: self, taken: (subject, for_program) })
    }

    pub(super) fn add(&self, line: &Arc<Line>) {
        self.open().lines.insert(line.name.clone(), Arc::clone(line));
    }

    pub(super) fn remove(&self, name: &str) {
        self.open().lines.remove(name);
    }
}
