//! The demo's stage: issuer, origin and gateway on loopback, and the policy on disk.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;
use tollgate_admin::{Role, add_key};
use tollgate_identity::ApiKeysText;
use tollgate_policy::Policy;
use tollgate_testkit::{Algorithm, HeldPort, Issuer, Origin, Receiver, TestkitError};

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::private_file;
use crate::serve::Gateway;

/// Who the demo's tokens are for.
pub(super) const AUDIENCE: &str = "https://api.demo.invalid";

/// Where the reader finds the key of the admin API.
const KEY_FILE: &str = "operator.key";
/// What a receiver checks notices with.
const WEBHOOK_SECRET_BYTES: usize = 32;

/// Everything that runs during the demo. Ends when dropped.
pub(super) struct Stage {
    pub(super) issuer: Issuer,
    pub(super) origin: Origin,
    pub(super) receiver: Receiver,
    /// A key of the admin API, for this demo alone.
    pub(super) operator_key: String,
    pub(super) policy_file: PathBuf,
    admin_api: SocketAddr,
    address: SocketAddr,
    admin: SocketAddr,
    stop: CancellationToken,
    gateway: Option<JoinHandle<Result<(), Failure>>>,
}

// === impl Stage ===

impl Stage {
    pub(super) fn set(args: &DemoArgs) -> Result<Self, Failure> {
        let started = |error: TestkitError| Failure::NotHeld(error.to_string());
        let issuer = Issuer::with_keys(&[Algorithm::EdDsa]).map_err(started)?;
        let origin = Origin::start().map_err(started)?;
        // Until the gateway listens there: nobody else is to get them meanwhile.
        let ports = [hold_port(args.port)?, hold_port(None)?, hold_port(None)?];
        let [address, admin, admin_api] = ports.each_ref().map(HeldPort::address);
        let receiver = Receiver::start().map_err(started)?;
        let folder = folder(args)?;
        let operator_key = write_secrets(&folder)?;
        let policy_file = write_policy(
            &folder,
            &[
                ("{{listen}}", &address.to_string()),
                ("{{admin}}", &admin.to_string()),
                ("{{admin_api}}", &admin_api.to_string()),
                ("{{origin}}", origin.url()),
                ("{{receiver}}", &receiver.url()),
                ("{{issuer}}", issuer.url()),
                ("{{audience}}", AUDIENCE),
                ("{{jwks}}", &issuer.jwks_url()),
            ],
        )?;
        let policy = Policy::load(&policy_file).map_err(Failure::Policy)?;
        let gateway = Gateway::start(&policy_file, policy, Some(1))?;
        drop(ports);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let gateway = std::thread::Builder::new()
            .name("control-plane".to_owned())
            .spawn(move || gateway.run(&stopped))
            .map_err(Failure::system("start the gateway's thread"))?;
        Ok(Self {
            issuer,
            origin,
            receiver,
            operator_key,
            policy_file,
            admin_api,
            address,
            admin,
            stop,
            gateway: Some(gateway),
        })
    }

    pub(super) fn gateway_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    pub(super) fn admin_api_url(&self) -> String {
        format!("http://{}", self.admin_api)
    }

    /// The file with the key of the admin API.
    pub(super) fn key_file(&self) -> PathBuf {
        self.policy_file.with_file_name(KEY_FILE)
    }

    /// Ends the show and drains the gateway.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        self.join()
    }

    /// Waits for Ctrl-C, which the gateway hears itself.
    pub(super) fn wait(mut self) -> Result<(), Failure> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Failure> {
        match self.gateway.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(failure))) => Err(failure),
            Some(Err(_)) => Err(Failure::NotHeld("the gateway's thread panicked".to_owned())),
        }
    }
}

/// A port that nobody listens on, for the gateway.
fn hold_port(port: Option<u16>) -> Result<HeldPort, Failure> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    HeldPort::take(wanted).map_err(Failure::system(format!(
        "listen on {wanted} for the demo's gateway"
    )))
}

fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let folder = args.dir.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("tollgate-demo-{}", std::process::id()))
    });
    let doing = format!("create {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(Failure::system(doing))?;
    // The quotas of a show before this one are used up.
    for old in ["tollgate.db", "tollgate.db-wal", "tollgate.db-shm"] {
        let old = folder.join(old);
        match std::fs::remove_file(&old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::system(format!("remove {}", old.display()))(error));
            }
            _ => {}
        }
    }
    Ok(folder)
}

/// Makes what only this machine's user may read; returns the key of the admin API.
fn write_secrets(folder: &Path) -> Result<String, Failure> {
    let mut secret = [0; WEBHOOK_SECRET_BYTES];
    getrandom::fill(&mut secret)
        .map_err(|_| Failure::NotHeld("the system gives no random bytes".to_owned()))?;
    let secret = format!("whsec_{}\n", data_encoding::BASE64.encode(&secret));
    let mut keys = ApiKeysText::empty();
    let key = add_key(&mut keys, "operator", Role::Admin, None)
        .map_err(|error| Failure::NotHeld(error.to_string()))?;
    let key = key.expose().as_str();
    let files = [
        ("webhook-secrets", secret.as_bytes()),
        ("admin-keys", keys.as_bytes()),
        (KEY_FILE, key.as_bytes()),
    ];
    for (name, content) in files {
        let file = folder.join(name);
        let doing = format!("write {}", file.display());
        private_file::replace(&file, |out| out.write_all(content))
            .map_err(Failure::system(doing))?;
    }
    Ok(key.to_owned())
}

fn write_policy(folder: &Path, values: &[(&str, &str)]) -> Result<PathBuf, Failure> {
    let mut text = include_str!("policy.yaml").to_owned();
    for (name, value) in values {
        text = text.replace(name, value);
    }
    let file = folder.join("tollgate.yaml");
    let doing = format!("write {}", file.display());
    std::fs::write(&file, text).map_err(Failure::system(doing))?;
    Ok(file)
}
