//! Telling those who watch that what callers may use may be otherwise now.

use tokio::sync::watch;

/// One for a node. Nobody is told what changed: whoever watches looks again at what concerns them, once for however many changes
/// there were since they looked last.
pub struct Shifts(watch::Sender<bool>);

/// Somebody who watches.
pub struct Watch(watch::Receiver<bool>);

impl Default for Shifts {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Shifts {
    /// Something changed, and memory has it by now.
    pub fn note(&self) {
        self.0.send_modify(|_| {});
    }

    /// This node stops: there is nothing to wait for any more.
    pub fn end(&self) {
        self.0.send_replace(true);
    }

    /// Watches from now on.
    pub fn watch(&self) -> Watch {
        Watch(self.0.subscribe())
    }
}

impl Watch {
    /// Waits until something changed: false once this node stops. Whoever stops waiting misses nothing.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok() && !*self.0.borrow_and_update()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_changes_are_one_and_the_end_is_the_end() {
        let shifts = Shifts::default();
        let mut watch = shifts.watch();
        shifts.note();
        shifts.note();
        assert!(watch.next().await);
        assert!(futures_util::future::poll_immediate(watch.next()).await.is_none(), "both were told of");
        shifts.end();
        assert!(!watch.next().await);
    }
}
