//! The guard of a running server: one thread that starts it, starts it again when it dies, and stops it in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::EmbeddedError;
use super::error::ending;
use super::postmaster::{Launch, Postmaster, said};

/// How often the guard looks whether the server lives.
const LOOK: Duration = Duration::from_millis(50);
/// The pause before the server is started again; it doubles with every death.
const PAUSE: Duration = Duration::from_millis(100);
/// How many deaths [`LATELY`] are no accident any more.
const HOPELESS: usize = 6;
/// How long a death is remembered.
const LATELY: Duration = Duration::from_secs(60);

/// A server that is kept running.
pub struct Guard {
    pid: Arc<AtomicU32>,
    lost: Option<oneshot::Receiver<EmbeddedError>>,
    /// Nothing is ever sent: closing it says that the server is no longer wanted.
    wanted: Option<mpsc::Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Guard {
    /// Starts the server and waits until it answers.
    pub fn start(launch: Launch) -> Result<Self, EmbeddedError> {
        let log = launch.home.log();
        let (keep, unwanted) = mpsc::channel();
        let (tell_ready, ready) = mpsc::sync_channel(1);
        let (tell_lost, lost) = oneshot::channel();
        let pid = Arc::new(AtomicU32::new(0));
        let watch = Watch { launch, pid: pid.clone(), unwanted };
        // The kernel ties the server to the thread that starts it, so this is the thread that stays.
        let thread = std::thread::Builder::new().name("postgres-guard".to_owned()).spawn(move || {
            let outcome = watch.start().map(|server| {
                let _waiting = tell_ready.send(Ok(()));
                watch.keep(server)
            });
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(why)) => drop(tell_lost.send(why)),
                Err(why) => drop(tell_ready.send(Err(why))),
            }
        });
        let watch = thread.map_err(EmbeddedError::file(&log))?;
        let gone = |_| EmbeddedError::NotStarted { log, said: "its guard ended".to_owned() };
        ready.recv().map_err(gone)??;
        Ok(Self { pid, lost: Some(lost), wanted: Some(keep), watch: Some(watch) })
    }

    /// The server's process at this moment.
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// Where the guard says why it gave up; the first caller gets it.
    pub fn lost(&mut self) -> Option<oneshot::Receiver<EmbeddedError>> {
        self.lost.take()
    }

    /// Stops the server.
    pub fn stop(&mut self) {
        self.wanted = None;
        if let Some(watch) = self.watch.take() {
            // A guard that panicked took the server with it.
            let _panicked = watch.join();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the guard's thread knows.
struct Watch {
    launch: Launch,
    pid: Arc<AtomicU32>,
    unwanted: mpsc::Receiver<()>,
}

impl Watch {
    fn start(&self) -> Result<Postmaster, EmbeddedError> {
        let wanted = || self.unwanted.try_recv() != Err(TryRecvError::Disconnected);
        let server = Postmaster::start(&self.launch, &wanted)?;
        self.pid.store(server.pid(), Ordering::Relaxed);
        Ok(server)
    }

    /// Keeps a server running until it is no longer wanted, and then stops it.
    fn keep(&self, mut server: Postmaster) -> Result<(), EmbeddedError> {
        let mut deaths = Deaths::default();
        while self.wants_for(LOOK) {
            if !server.ended() {
                continue;
            }
            match self.start_again(&mut deaths)? {
                Some(again) => server = again,
                None => return Ok(()),
            }
        }
        server.stop();
        Ok(())
    }

    /// A server in the place of one that died; `None` when it is no longer wanted.
    fn start_again(&self, deaths: &mut Deaths) -> Result<Option<Postmaster>, EmbeddedError> {
        while let Some(pause) = deaths.count(Instant::now()) {
            tracing::warn!("the private PostgreSQL ended by itself: starting it again");
            if !self.wants_for(pause) {
                return Ok(None);
            }
            match self.start() {
                Ok(server) => {
                    tracing::info!("the private PostgreSQL is back");
                    return Ok(Some(server));
                }
                Err(error) => tracing::warn!(%error, "the private PostgreSQL did not come back"),
            }
        }
        let home = &self.launch.home;
        Err(EmbeddedError::KeepsEnding { log: home.log(), said: ending(&said(home)) })
    }

    /// Waits; false as soon as the server is no longer wanted.
    fn wants_for(&self, time: Duration) -> bool {
        self.unwanted.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

/// When the server died lately.
#[derive(Default)]
struct Deaths(Vec<Instant>);

impl Deaths {
    /// Counts one more, and says how long to pause; `None` when it is hopeless.
    fn count(&mut self, now: Instant) -> Option<Duration> {
        self.0.retain(|died| now.duration_since(*died) < LATELY);
        let pause = PAUSE * 2_u32.pow(u32::try_from(self.0.len()).ok()?);
        self.0.push(now);
        (self.0.len() < HOPELESS).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_it_is_hopeless_and_old_deaths_are_forgotten() {
        let (mut deaths, now) = (Deaths::default(), Instant::now());
        let pauses: Vec<_> = (0..HOPELESS).map(|_| deaths.count(now)).collect();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(pauses, [millis(100), millis(200), millis(400), millis(800), millis(1600), None]);
        assert_eq!(deaths.count(now + LATELY), millis(100));
    }
}
