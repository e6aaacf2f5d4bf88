//! FACE: the clock. The timetable: each job is shallow and calls a verb.
//!
//! | Job | When | What |
//! |---|---|---|
//! | [`audit`] | five times a second, while there is something | writes down what hot paths decided |
//! | [`audit_months`] | every hour, one node at a time | makes the next months of the audit trail, drops those past their time |
//! | [`back_channel_logout`] | when a session ended, and every five seconds | tells apps that it did |
//! | [`changes`] | when another node says so | reads again what this node remembers |
//! | [`check_servers`] | every five minutes for each, one node at a time | looks how a server is, and which tools it has |
//! | [`expire`] | every ten minutes, one node at a time | forgets what is past its time |
//! | [`last_used`] | every 30 seconds, and when the server stops | writes down when API keys were last used |
//! | [`reap`] | every hour, one node at a time | forgets clients that nobody uses |
//! | [`rotate_keys`] | every ten minutes | lets one signing key follow another on schedule |
//! | [`timeline`] | every second | writes down the steps of authorization attempts |

pub mod audit;
pub mod audit_months;
pub mod back_channel_logout;
pub mod changes;
pub mod check_servers;
pub mod expire;
pub mod last_used;
pub mod reap;
pub mod rotate_keys;
pub mod timeline;

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::app::App;

/// Jobs that run until dropped.
pub struct Running(Vec<JoinHandle<()>>);

/// Starts every job on the current runtime.
pub fn start(app: &Arc<App>) -> Running {
    Running(vec![
        tokio::spawn(changes::run(Arc::clone(app))),
        tokio::spawn(expire::run(Arc::clone(app))),
        tokio::spawn(rotate_keys::run(Arc::clone(app))),
        tokio::spawn(reap::run(Arc::clone(app))),
        tokio::spawn(back_channel_logout::run(Arc::clone(app))),
        tokio::spawn(timeline::run(Arc::clone(app))),
        tokio::spawn(last_used::run(Arc::clone(app))),
        tokio::spawn(audit::run(Arc::clone(app))),
        tokio::spawn(audit_months::run(Arc::clone(app))),
        tokio::spawn(check_servers::run(Arc::clone(app))),
    ])
}

impl Drop for Running {
    fn drop(&mut self) {
        for job in &self.0 {
            job.abort();
        }
    }
}
