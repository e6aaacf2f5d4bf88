//! What a program may use. Our own program is started first, bounds itself, and then becomes the other one: whatever that starts in
//! its turn is bounded as well, from its first instruction on.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::config::StdioLimits;

/// The limits as arguments of the verb, in the order in which it reads them.
pub(super) fn arguments(limits: &StdioLimits) -> Vec<String> {
    let named = [
        ("--memory", Some(limits.memory_mb)),
        ("--cpu", Some(limits.cpu_seconds)),
        ("--files", Some(limits.open_files)),
        ("--file-size", Some(limits.file_mb)),
        ("--processes", limits.processes),
    ];
    let given = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    given.collect()
}

/// Becomes that program within these limits. It comes back only when it could not.
pub fn start_within(limits: &StdioLimits, command: &OsString, args: &[OsString]) -> io::Error {
    match bound(limits) {
        Ok(()) => Command::new(command).args(args).exec(),
        Err(error) => error,
    }
}

fn bound(limits: &StdioLimits) -> io::Result<()> {
    // A core of a program that holds somebody's secrets is nothing to leave behind.
    limit(Resource::Core, 0)?;
    // Memory that it writes to, and not addresses that it reserves: programs with a compiler inside reserve far more than they use.
    limit(Resource::Data, limits.memory_mb << 20)?;
    limit(Resource::Cpu, limits.cpu_seconds)?;
    limit(Resource::Nofile, limits.open_files)?;
    limit(Resource::Fsize, limits.file_mb << 20)?;
    if let Some(processes) = limits.processes {
        limit(Resource::Nproc, processes)?;
    }
    #[cfg(target_os = "linux")]
    {
        // No program gains rights by starting another one.
        rustix::thread::set_no_new_privs(true)?;
        // Where we are killed, so is it.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    }
    Ok(())
}

/// Bounds it as far as it is not bounded more closely already.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource);
    let most = before.maximum.map_or(most, |before| before.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}
