//! What a node remembers as a whole, and reads again as a whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use diesel::QueryResult;
use tokio::sync::Mutex;

use super::{Connection, Db, Error};

/// What was read last.
#[derive(Default)]
pub struct Latest<T> {
    value: ArcSwap<T>,
    turn: Mutex<()>,
}

impl<T> Latest<T> {
    /// What was read last: for a moment's look. Nobody waits, whoever is reading.
    pub fn get(&self) -> Guard<Arc<T>> {
        self.value.load()
    }

    /// The same to keep.
    pub fn get_owned(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Reads it again. What cannot be read leaves everything as it was.
    pub async fn read(&self, db: &Db, read: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> Result<(), Error> {
        self.replace(async || {
            let mut conn = db.read().await?;
            Ok(read(&mut conn).await?)
        })
        .await
    }

    /// One after the other, so that what was read earlier never replaces what was read later.
    async fn replace(&self, read: impl AsyncFnOnce() -> Result<T, Error>) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.value.store(Arc::new(read().await?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_slow_reading_of_how_things_were_never_replaces_how_they_are() {
        let (latest, fact) = (Latest::<u32>::default(), Cell::new(1));
        let (go_on, slow) = oneshot::channel();
        let earlier = latest.replace(async || {
            let read = fact.get();
            slow.await.unwrap();
            Ok(read)
        });
        let later = async {
            fact.set(2);
            let later = latest.replace(async || Ok(fact.get()));
            let release = async { go_on.send(()).unwrap() };
            tokio::join!(later, release).0
        };
        let (earlier, later) = tokio::join!(earlier, later);
        earlier.unwrap();
        later.unwrap();
        assert_eq!(**latest.get(), 2);
    }

    #[tokio::test]
    async fn what_cannot_be_read_leaves_everything_as_it_was() {
        let latest = Latest::<u32>::default();
        latest.replace(async || Ok(1)).await.unwrap();
        latest.replace(async || Err(diesel::result::Error::NotFound.into())).await.unwrap_err();
        assert_eq!(**latest.get(), 1);
    }
}
