//! How much one caller has under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::mcp::error::Failure;
use crate::types::SubjectId;

/// As many requests and streams one caller has under way at most, on one node.
const MOST: usize = 256;

/// What callers have under way on this node.
#[derive(Default)]
pub struct AtOnce(Mutex<HashMap<SubjectId, usize>>);

impl AtOnce {
    /// One more, until the place is dropped.
    pub(in crate::mcp) fn enter(self: &Arc<Self>, subject: SubjectId) -> Result<Place, Failure> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = all.entry(subject).or_default();
        if *under_way >= MOST {
            return Err(Failure::too_many_at_once(MOST));
        }
        *under_way += 1;
        Ok(Place { all: Arc::clone(self), subject })
    }
}

/// One thing that is under way.
pub(in crate::mcp) struct Place {
    all: Arc<AtOnce>,
    subject: SubjectId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = all.get_mut(&self.subject) {
            *under_way -= 1;
            if *under_way == 0 {
                all.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::UserId;

    #[test]
    fn one_caller_takes_no_places_of_another_and_gives_their_own_back() {
        let all = Arc::new(AtOnce::default());
        let (ada, bob) = (SubjectId::Person(UserId::fresh()), SubjectId::Person(UserId::fresh()));
        let mut places: Vec<Place> = (0..MOST).map(|_| all.enter(ada).unwrap()).collect();
        assert!(all.enter(ada).is_err());
        drop(all.enter(bob).unwrap());
        places.pop();
        places.push(all.enter(ada).unwrap());
        assert!(all.enter(ada).is_err());
        drop(places);
        assert!(all.0.lock().unwrap().is_empty(), "nobody is remembered who has nothing under way");
    }
}
