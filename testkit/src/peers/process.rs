//! One child process with its folder, its address and its CPU time; it ends with its owner.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use tempfile::TempDir;

use super::port::wait_accepting_while;
use super::watch::Watch;
use crate::error::TestkitError;

/// Longest wait for a peer to accept connections.
pub const START_WAIT: Duration = Duration::from_secs(60);
/// Pause between two looks at a process that is to end.
const END_POLL_PAUSE: Duration = Duration::from_millis(5);
/// How long a child may take to end when it is asked to; then it and its group are killed.
const END_GRACE: Duration = Duration::from_millis(500);
/// How much of a child's output an error shows, in bytes.
const OUTPUT_SHOWN_BYTES: usize = 4 * 1024;
/// Where a child's output goes, in its folder.
const OUTPUT_FILE: &str = "output.log";

/// What to start, and where it will listen.
pub struct Launch<'a> {
    /// The name for messages.
    pub name: &'a str,
    /// The program.
    pub program: &'a Path,
    /// Its arguments; it runs in a folder of its own, so that names of `files` are enough.
    pub arguments: &'a [&'a str],
    /// Files laid into that folder: name, content.
    pub files: &'a [(&'a str, &'a str)],
    /// Where it accepts connections when it is ready.
    pub address: SocketAddr,
}

/// A running child process. Dropping it ends it and everything in its process group; so does the end of this process.
#[derive(Debug)]
pub struct Peer {
    name: String,
    child: Child,
    _watch: Watch,
    folder: TempDir,
    address: SocketAddr,
}

impl Peer {
    /// Starts a process and waits until it accepts connections, at most [`START_WAIT`].
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not listen in time; with the end of its output.
    pub fn launch(launch: &Launch<'_>) -> Result<Peer, TestkitError> {
        let mut peer = Peer::start(launch)?;
        let address = peer.address;
        wait_accepting_while(address, START_WAIT, || peer.still_running())?;
        Ok(peer)
    }

    /// As [`Peer::launch`], without waiting: for processes that are expected to refuse to start.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(launch: &Launch<'_>) -> Result<Peer, TestkitError> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("tollgate-{}-", launch.name))
            .tempdir()
            .map_err(TestkitError::io("make a temporary folder"))?;
        // Daemons that drop root's rights must still reach what is theirs.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .map_err(TestkitError::io("open a temporary folder"))?;
        for (name, content) in launch.files {
            fs::write(folder.path().join(name), content)
                .map_err(TestkitError::io(format!("write {name}")))?;
        }
        let output = File::create(folder.path().join(OUTPUT_FILE))
            .map_err(TestkitError::io("make an output file"))?;
        let errors = output
            .try_clone()
            .map_err(TestkitError::io("make an output file"))?;
        let mut child = Command::new(launch.program)
            .args(launch.arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // A group of its own: workers that it forks end with it, and are measured with it.
            .process_group(0)
            .spawn()
            .map_err(|source| TestkitError::Spawn {
                program: launch.program.to_owned(),
                source,
            })?;
        let watch = Watch::over(child.id()).map_err(|source| {
            let _ended = child.kill();
            let _reaped = child.wait();
            TestkitError::Spawn {
                program: PathBuf::from("/bin/sh"),
                source,
            }
        })?;
        Ok(Peer {
            name: launch.name.to_owned(),
            child,
            _watch: watch,
            folder,
            address: launch.address,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder, with the files that it was started with.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// What it has written to its standard output and error so far.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = fs::read(self.folder.path().join(OUTPUT_FILE)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends a signal to the process itself, not to its group.
    pub fn signal(&self, signal: Signal) {
        // Failure means that it has ended, which the caller will see.
        let _ended = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Waits until it has ended by itself, at most `limit`; `None` if it has not.
    pub fn wait_ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if start.elapsed() >= limit {
                return None;
            }
            std::thread::sleep(END_POLL_PAUSE);
        }
    }

    /// CPU time that it and all processes of its group have used, in µs (in steps of the kernel's tick, 10 ms).
    #[must_use]
    pub fn cpu_us(&self) -> u64 {
        let group = self.child.id();
        let ticks: u64 = processes()
            .filter_map(|stat| stat_numbers(&stat))
            .filter(|numbers| numbers.group == u64::from(group))
            .map(|numbers| numbers.ticks)
            .sum();
        ticks * 1_000_000 / rustix::param::clock_ticks_per_second().max(1)
    }

    /// Resident memory of it and all processes of its group, in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let group = self.child.id();
        let pages: u64 = processes()
            .filter_map(|stat| stat_numbers(&stat))
            .filter(|numbers| numbers.group == u64::from(group))
            .map(|numbers| numbers.resident_pages)
            .sum();
        pages * rustix::param::page_size() as u64
    }

    fn still_running(&mut self) -> Result<(), TestkitError> {
        let Ok(Some(status)) = self.child.try_wait() else {
            return Ok(());
        };
        let output = self.output();
        let mut shown = output.len().saturating_sub(OUTPUT_SHOWN_BYTES);
        while !output.is_char_boundary(shown) {
            shown += 1;
        }
        Err(TestkitError::Ended {
            program: self.name.clone(),
            status: status.to_string(),
            output: output[shown..].trim().to_owned(),
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let leader = Pid::from_child(&self.child);
        // Asked first: a master that ends its workers itself leaves no zombies to a careless init.
        let _ended = kill_process(leader, Signal::TERM);
        let start = Instant::now();
        while still_runs(leader) && start.elapsed() < END_GRACE {
            std::thread::sleep(END_POLL_PAUSE);
        }
        // Before it is reaped, while its id cannot have been given to another group.
        let _ended = kill_process_group(leader, Signal::KILL);
        let _reaped = self.child.wait();
    }
}

/// Whether a child has not ended, without reaping it.
fn still_runs(child: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(child), look), Ok(None))
}

/// What is wanted of `/proc/PID/stat`.
struct StatNumbers {
    group: u64,
    ticks: u64,
    resident_pages: u64,
}

/// The stat lines of all processes that can be seen.
fn processes() -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
}

/// Fields of proc(5): 5 pgrp, 14 utime, 15 stime (both over all threads), 24 rss.
fn stat_numbers(stat: &str) -> Option<StatNumbers> {
    // The second field is the name in parentheses and may contain anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(StatNumbers {
        group: number(5)?,
        ticks: number(14)? + number(15)?,
        resident_pages: number(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::port::free_address;

    fn shell<'a>(script: &'a [&'a str], address: SocketAddr) -> Launch<'a> {
        Launch {
            name: "shell",
            program: Path::new("/bin/sh"),
            arguments: script,
            files: &[],
            address,
        }
    }

    #[test]
    fn a_stat_line_is_read_past_a_hostile_name() {
        let stat = "42 (a) b) 1) S 1 42 42 0 -1 4194560 1 0 0 0 7 5 0 0 20 0 1 0 100 1000 33 0";
        let numbers = stat_numbers(stat).unwrap();
        assert_eq!(
            (numbers.group, numbers.ticks, numbers.resident_pages),
            (42, 12, 33)
        );
    }

    #[test]
    fn a_process_that_ends_at_once_is_reported_with_its_words() {
        let script = ["-c", "echo bad setting >&2; exit 3"];
        let error = Peer::launch(&shell(&script, free_address().unwrap())).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("exit status: 3") && text.contains("bad setting"),
            "{text}"
        );
    }

    #[test]
    fn dropping_a_peer_ends_what_it_forked_too() {
        let script = ["-c", "sleep 600 & echo $!; wait"];
        let peer = Peer::start(&shell(&script, free_address().unwrap())).unwrap();
        let start = Instant::now();
        while !peer.output().ends_with('\n') {
            assert!(start.elapsed() < START_WAIT);
            std::thread::yield_now();
        }
        let forked = PathBuf::from(format!("/proc/{}/stat", peer.output().trim()));
        assert!(forked.exists());
        drop(peer);
        // Killed; it may remain as a zombie until its new parent looks.
        let ended = || match fs::read_to_string(&forked) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !ended() {
            assert!(start.elapsed() < START_WAIT);
            std::thread::yield_now();
        }
    }

    #[test]
    fn work_shows_as_cpu_time() {
        let script = ["-c", "while :; do :; done"];
        let peer = Peer::start(&shell(&script, free_address().unwrap())).unwrap();
        let start = Instant::now();
        while peer.cpu_us() < 20_000 {
            assert!(start.elapsed() < START_WAIT);
            std::thread::yield_now();
        }
        assert!(peer.resident_bytes() > 0);
    }
}
