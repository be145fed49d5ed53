//! PostgreSQL from Debian: a cluster of its own in a temporary folder, which can go down and come back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::port::free_address;
use super::process::{Launch, Peer, START_WAIT};
use super::tool::Tool;
use crate::error::TestkitError;

/// Where Debian keeps the server's programs, by major version.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
/// Whom the server runs as where we are root, whom it refuses.
const USER: &str = "postgres";
/// The cluster's superuser, who needs no password on loopback.
const SUPERUSER: &str = "tollgate";
/// Pause between two looks whether it answers.
const POLL_PAUSE: Duration = Duration::from_millis(20);
/// How long it may take to end when it is told to at once.
const END_WAIT: Duration = Duration::from_secs(60);

/// A running PostgreSQL. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    arguments: Vec<String>,
    address: std::net::SocketAddr,
    /// `None` while it is down.
    peer: Option<Peer>,
    _folder: TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it on a free port of loopback.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start.
    pub fn start() -> Result<Postgres, TestkitError> {
        Self::start_with(None)
    }

    /// As [`Postgres::start`], with TLS: a certificate and its key, as PEM.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_with_tls(certificate: &str, key: &str) -> Result<Postgres, TestkitError> {
        Self::start_with(Some((certificate, key)))
    }

    fn start_with(tls: Option<(&str, &str)>) -> Result<Postgres, TestkitError> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("tollgate-postgres-data-")
            .tempdir()
            .map_err(TestkitError::io("make a temporary folder"))?;
        if geteuid().is_root() {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
                .map_err(TestkitError::io("open a temporary folder"))?;
        }
        let tls = tls.map(|(certificate, key)| lay_tls(folder.path(), certificate, key));
        let tls = tls.transpose()?.unwrap_or_default();
        if geteuid().is_root() {
            let mut chown = Command::new("chown");
            run(chown.args(["-R", USER]).arg(folder.path()), "chown")?;
        }
        let data = folder.path().join("data").display().to_string();
        let initdb = programs.join("initdb").display().to_string();
        let make = [
            &initdb,
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--username",
            SUPERUSER,
            "--pgdata",
            &data,
        ];
        let make = unprivileged(&make);
        // Not in our own folder, which the other user may not be allowed to enter.
        let mut initdb = Command::new(&make[0]);
        run(initdb.args(&make[1..]).current_dir("/"), "initdb")?;
        let address = free_address()?;
        let server = programs.join("postgres").display().to_string();
        let port = address.port().to_string();
        let serve = [
            &server,
            "-D",
            &data,
            "-p",
            &port,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            // The machine does not lose power in a test.
            "-c",
            "fsync=off",
        ];
        let serve: Vec<&str> = serve
            .into_iter()
            .chain(tls.iter().map(String::as_str))
            .collect();
        let mut postgres = Postgres {
            programs,
            arguments: unprivileged(&serve),
            address,
            peer: None,
            _folder: folder,
        };
        postgres.come_up()?;
        Ok(postgres)
    }

    /// A new, empty database, as a URL.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_database(&self, name: &str) -> Result<String, TestkitError> {
        let mut createdb = self.client("createdb");
        run(createdb.args(["-U", SUPERUSER, name]), "createdb")?;
        let address = self.address;
        Ok(format!("postgres://{SUPERUSER}@{address}/{name}"))
    }

    /// Ends it as a crash would: connections break, nothing is written any more.
    pub fn go_down(&mut self) {
        if let Some(mut peer) = self.peer.take() {
            // "Immediate shutdown": its children must be gone before it can come back.
            peer.signal(Signal::QUIT);
            let _ended = peer.wait_ended(END_WAIT);
        }
    }

    /// Starts it again on the same data and port, if it is down.
    ///
    /// # Errors
    /// When it does not start.
    pub fn come_up(&mut self) -> Result<(), TestkitError> {
        if self.peer.is_some() {
            return Ok(());
        }
        let arguments: Vec<&str> = self.arguments[1..].iter().map(String::as_str).collect();
        let peer = Peer::launch(&Launch {
            name: "postgres",
            program: Path::new(&self.arguments[0]),
            arguments: &arguments,
            files: &[],
            address: self.address,
        })?;
        self.peer = Some(peer);
        self.wait_ready()
    }

    /// Stops every process of it without ending one, as a machine that hangs; or lets them go on.
    ///
    /// # Errors
    /// When it is down.
    pub fn freeze(&self, frozen: bool) -> Result<(), TestkitError> {
        let Some(pid) = self.peer.as_ref().map(Peer::pid) else {
            return Err(TestkitError::NotAccepting {
                address: self.address,
                waited_ms: 0,
            });
        };
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        // Each of its children has a session of its own: a signal to its group does not reach them.
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .map_err(TestkitError::io("list the processes of PostgreSQL"))?;
        let children = children.split_whitespace().map(str::parse::<i32>);
        let own = i32::try_from(pid);
        for pid in own.into_iter().chain(children.flatten()) {
            if let Some(pid) = Pid::from_raw(pid) {
                // One that has ended meanwhile needs no signal.
                let _ended = kill_process(pid, signal);
            }
        }
        Ok(())
    }

    /// It accepts connections before it answers.
    fn wait_ready(&self) -> Result<(), TestkitError> {
        let start = Instant::now();
        let mut ready = self.client("pg_isready");
        ready.stdout(Stdio::null());
        while !ready.status().is_ok_and(|status| status.success()) {
            if start.elapsed() > START_WAIT {
                return Err(TestkitError::NotAccepting {
                    address: self.address,
                    waited_ms: START_WAIT.as_millis(),
                });
            }
            std::thread::sleep(POLL_PAUSE);
        }
        Ok(())
    }

    fn client(&self, program: &str) -> Command {
        let mut client = Command::new(self.programs.join(program));
        client.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]);
        client
    }
}

/// Lays certificate and key into the folder, and says with which arguments the server takes them.
fn lay_tls(folder: &Path, certificate: &str, key: &str) -> Result<Vec<String>, TestkitError> {
    let mut arguments = vec!["-c".to_owned(), "ssl=on".to_owned()];
    for (setting, name, content) in [
        ("ssl_cert_file", "server.crt", certificate),
        ("ssl_key_file", "server.key", key),
    ] {
        let path = folder.join(name);
        fs::write(&path, content).map_err(TestkitError::io(format!("write {name}")))?;
        // The server refuses a key that others may read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(TestkitError::io(format!("close {name}")))?;
        arguments.extend(["-c".to_owned(), format!("{setting}={}", path.display())]);
    }
    Ok(arguments)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A test that failed may have left it frozen: its children, in sessions of their own, would stay.
        let _down_already = self.freeze(false);
        self.go_down();
    }
}

/// Debian's newest server, which is on nobody's PATH, or the PATH's.
fn programs() -> Result<PathBuf, TestkitError> {
    let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/postgres").is_file())
        .max_by_key(|path| version(path));
    match newest {
        Some(folder) => Ok(folder.join("bin")),
        None => {
            let postgres = Tool::find("postgres")?;
            let real = fs::canonicalize(postgres.path())
                .map_err(TestkitError::io("find the programs of PostgreSQL"))?;
            Ok(real.parent().unwrap_or(&real).to_owned())
        }
    }
}

/// The command as it is, or as another user where we are root.
fn unprivileged(command: &[&str]) -> Vec<String> {
    let user = format!("--reuid={USER}");
    let group = format!("--regid={USER}");
    let change = ["/usr/bin/setpriv", &user, &group, "--init-groups", "--"];
    let change = geteuid().is_root().then_some(change);
    let all = change.iter().flatten().chain(command);
    all.map(|&part| part.to_owned()).collect()
}

fn run(command: &mut Command, name: &str) -> Result<(), TestkitError> {
    let failed = |output: String| TestkitError::Tool {
        program: name.to_owned(),
        output,
    };
    let output = command
        .output()
        .map_err(|source| failed(source.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
}
