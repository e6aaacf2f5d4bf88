//! The few system calls that the standard library lacks; the only unsafe code here.

use std::fs;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// A signal that we send to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Fast shutdown: sessions are cut, data is flushed.
    Interrupt,
    /// Immediate shutdown: the next start recovers from the log.
    Quit,
    /// For programs whose work is thrown away anyway.
    Kill,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Kill => libc::SIGKILL,
        }
    }
}

/// The account that we act as.
#[expect(unsafe_code, reason = "the standard library does not tell the effective user")]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid takes no arguments, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends `signal`; false when there is no such process of ours.
#[expect(unsafe_code, reason = "the standard library sends SIGKILL only")]
pub fn send(pid: u32, signal: Signal) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: kill takes plain integers and touches no memory; a positive pid names one process.
    pid > 0 && unsafe { libc::kill(pid, signal.number()) } == 0
}

/// True while a process of that number exists, whoever owns it.
#[expect(unsafe_code, reason = "the standard library cannot ask for a process")]
pub fn exists(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 asks without sending; plain integers, no memory.
    let asked = unsafe { libc::kill(pid, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// True when `pid` is a process that works in `dir`; on systems without `/proc` we cannot tell and say `None`.
pub fn works_in(pid: u32, dir: &Path) -> Option<bool> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
    Some(cwd.is_ok_and(|cwd| Some(cwd) == fs::canonicalize(dir).ok()))
}

/// Flushes the file system that `dir` is on; false where there is no such call.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library flushes single files only")]
pub fn flush_file_system(dir: &Path) -> std::io::Result<bool> {
    let dir = fs::File::open(dir)?;
    // SAFETY: the descriptor is open for the whole call, and syncfs touches no memory.
    match unsafe { libc::syncfs(dir.as_raw_fd()) } {
        0 => Ok(true),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// See the Linux version: there is nothing of the kind here.
#[cfg(not(target_os = "linux"))]
pub fn flush_file_system(_dir: &Path) -> std::io::Result<bool> {
    Ok(false)
}

/// Makes the command's process receive `signal` when the thread that spawns it ends, however it ends.
///
/// Linux only. Elsewhere a server can outlive a killed supervisor; the next start finds it and stops it first.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a process can ask for this only between fork and exec")]
pub fn die_with_spawning_thread(command: &mut Command, signal: Signal) {
    let parent = std::process::id();
    let number = signal.number();
    // SAFETY: prctl and getppid are async-signal-safe, and the closure neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, number) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have died between fork and prctl.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// See the Linux version: there is nothing of the kind here.
#[cfg(not(target_os = "linux"))]
pub fn die_with_spawning_thread(_command: &mut Command, _signal: Signal) {}

/// Runs the command as another account, in a process group of its own so that Ctrl-C reaches us alone.
pub fn run_as(command: &mut Command, user: Option<(u32, u32)>) {
    command.process_group(0);
    if let Some((uid, gid)) = user {
        // The standard library also drops root's supplementary groups.
        command.uid(uid).gid(gid);
    }
}
