//! Ends a peer whose owner was killed: a `Drop` does not run then, and a daemon would stay behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Waits for the end of its input, which comes when the owner is gone, however it went.
const SCRIPT: &str = "read -r _; kill -s KILL -- \"-$1\" 2>/dev/null";

/// A shell that kills a process group when this process is no more.
#[derive(Debug)]
pub(crate) struct Watch {
    shell: Child,
    /// Held open, never written to.
    _end: Option<ChildStdin>,
}

impl Watch {
    /// Watches over the group of this leader.
    ///
    /// # Errors
    /// When no shell can be started.
    pub(crate) fn over(group: u32) -> io::Result<Watch> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "watch", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Apart from our own group, so that a Ctrl-C does not end the watch with the watched.
            .process_group(0)
            .spawn()?;
        let end = shell.stdin.take();
        Ok(Watch { shell, _end: end })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Before its input ends: the group's id may be another's by now.
        let _ended = self.shell.kill();
        let _reaped = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_ends_when_its_owner_is_no_more() {
        let mut sleep = Command::new("/bin/sleep");
        let mut child = sleep.arg("600").process_group(0).spawn().unwrap();
        let mut watch = Watch::over(child.id()).unwrap();
        // What the kernel does when the owner is killed.
        watch._end = None;
        assert_eq!(child.wait().unwrap().to_string(), "signal: 9 (SIGKILL)");
    }

    #[test]
    fn the_end_of_the_watch_itself_harms_nobody() {
        let mut sleep = Command::new("/bin/sleep");
        let mut child = sleep.arg("600").process_group(0).spawn().unwrap();
        drop(Watch::over(child.id()).unwrap());
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
