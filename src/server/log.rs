//! What we write to standard error, for people or for machines. Secrets never: types that hold them cannot be printed.

use std::io::{IsTerminal, stderr};
use std::panic;

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// What libraries say is kept to what an operator can use; below these levels some of them print what they transport.
const LIBRARIES: &str = "actix_server=warn,h2=info,hyper=info,hyper_util=info,rustls=info,tokio_postgres=info";

/// Starts the log. Only the first call in a process has an effect.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::new(format!("{LIBRARIES},{}", config.filter));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    let started = match config.json {
        true => log.json().flatten_event(true).with_span_list(false).try_init(),
        false => log.try_init(),
    };
    if started.is_ok() {
        panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
}
