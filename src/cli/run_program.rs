//! The verb with which a server that is a program of its own is started, by ourselves: our program bounds itself, and becomes it.

use std::convert::Infallible;
use std::ffi::OsString;

use clap::Args;

use super::outcome::Failure;
use crate::config::StdioLimits;
use crate::program::start_within;

/// What it may use, and what it is.
#[derive(Debug, Args)]
pub struct RunProgram {
    /// MiB of memory
    #[arg(long)]
    memory: u64,
    /// Seconds on a processor
    #[arg(long)]
    cpu: u64,
    /// Open files
    #[arg(long)]
    files: u64,
    /// MiB of a file
    #[arg(long)]
    file_size: u64,
    /// Processes
    #[arg(long)]
    processes: Option<u64>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

impl RunProgram {
    /// Becomes the program. It comes back only when it could not.
    pub fn run(self) -> Result<Infallible, Failure> {
        let limits = StdioLimits {
            memory_mb: self.memory,
            cpu_seconds: self.cpu,
            open_files: self.files,
            file_mb: self.file_size,
            processes: self.processes,
        };
        let (command, args) = self.program.split_first().ok_or_else(|| Failure::usage("there is no program"))?;
        let error = start_within(&limits, command, args);
        Err(Failure::refused(format!("{} cannot be started: {error}", command.to_string_lossy())))
    }
}
