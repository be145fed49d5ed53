//! One configuration: a policy compiled for a target, and the engine that it is held against.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_aws::function::{self, Function as Compiled};
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_edge::function::{Function, Kvs};
use tollgate_engine::limiter::FakeClock;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_identity::KeyRing;
use tollgate_policy::{IssuerConfig, KeySource, Policy};

use crate::policies::Case;

/// The moment at which all requests come.
pub(crate) const NOW_S: u64 = 1_800_000_000;

pub(crate) struct Setup {
    pub(crate) name: String,
    pub(crate) target: Target,
    /// What was compiled.
    pub(crate) policy: Policy,
    pub(crate) compiled: Compiled,
    pub(crate) store: Vec<(String, String)>,
    pub(crate) ring: KeyRing,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) folder: TempDir,
}

/// An issuer with the secret under which the function has to believe its tokens, and the one under
/// which the engine does.
pub(crate) struct Issuer {
    pub(crate) config: IssuerConfig,
    pub(crate) secret: Vec<u8>,
    pub(crate) engine_secret: Vec<u8>,
}

impl Setup {
    pub(crate) fn new(case: &Case, target: Target) -> Self {
        let name = format!("{} {} {}", case.name, target.variant, target.trust);
        let folder = TempDir::new().unwrap();
        for (file, text) in &case.files {
            write_private(&folder.path().join(file), text);
        }
        let parse = |text: &str| {
            let policy = Policy::parse("tollgate.yaml", text, folder.path());
            policy.unwrap_or_else(|found| panic!("{name}: {found}"))
        };
        let policy = parse(&case.text);
        target.check(&policy, true).unwrap();
        let compiled =
            function::compile(&policy, &target).unwrap_or_else(|error| panic!("{name}: {error}"));
        let as_engine_has_it = parse(&engine_text(&case.text, &target));
        let issuers = policy.identity().issuers.iter();
        let verified = as_engine_has_it.identity().issuers.iter();
        let issuers: Vec<Issuer> = issuers
            .zip(verified)
            .map(|(config, verified)| Issuer {
                config: config.clone(),
                secret: secret(config),
                engine_secret: secret(verified),
            })
            .collect();
        let engine = Engine::new(as_engine_has_it, EngineOptions::default()).unwrap();
        let (_, ring) = case
            .files
            .iter()
            .find(|(file, _)| file == "buckets.keys")
            .unwrap();
        let mut store = vec![("keys".to_owned(), keys(ring).to_string())];
        store.extend(issuers.iter().enumerate().map(|(index, issuer)| {
            let secrets = json!([BASE64URL_NOPAD.encode(&issuer.secret)]);
            (format!("secret{index}"), secrets.to_string())
        }));
        store.extend(compiled.stored_routes.iter().cloned());
        Self {
            ring: KeyRing::parse(ring).unwrap(),
            name,
            target,
            policy,
            compiled,
            store,
            issuers,
            engine,
            folder,
        }
    }

    /// The function in the embedded engine.
    pub(crate) fn embedded(&self) -> Function {
        let mut kvs = Kvs::new();
        for (key, value) in &self.store {
            kvs.insert(key, value).unwrap();
        }
        let function = Function::new(&self.compiled.source, kvs);
        let function = function.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        function.with_clock(Arc::new(FakeClock::at_unix_ms(NOW_S * 1000)))
    }

    pub(crate) fn is_before(&self) -> bool {
        self.target.variant == Variant::Before
    }

    pub(crate) fn id_header(&self) -> &str {
        &self.policy.edge().unwrap().id_header
    }
}

/// The policy by which the engine says what is right. It has the half of `edge` that the target has,
/// no budget of its own for ids, and what the function cannot verify is HS256 to it.
fn engine_text(text: &str, target: &Target) -> String {
    let other_half = if target.variant == Variant::Before {
        "  after:"
    } else {
        "  before:"
    };
    let lines = text.lines().filter(|line| !line.starts_with(other_half));
    let text = lines.fold(String::new(), |all, line| all + line + "\n");
    let text = text.replace("  before: {", "  before: {per_network: off, ");
    if target.trust == Trust::Hs256 {
        return text;
    }
    text.replace("[EdDSA, ES256, RS256]", "[HS256]")
        .replace("secret_file: staff.key", "secret_file: hs256.key")
        .replace(
            "jwks: https://login.example.com/.well-known/jwks.json",
            "secret_file: hs256.key",
        )
}

fn secret(config: &IssuerConfig) -> Vec<u8> {
    match &config.keys {
        KeySource::SecretFile(path) => fs::read_to_string(path).unwrap().trim().into(),
        _ => Vec::new(),
    }
}

/// The key ring as the function reads it.
fn keys(ring: &str) -> Value {
    let mut keys = serde_json::Map::new();
    let mut current = Value::Null;
    for line in ring.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[kid, secret, not_before, not_after, state] = fields.as_slice() else {
            continue;
        };
        let time = |text: &str| text.parse::<u64>().map_or(Value::Null, Value::from);
        let from = not_before.parse::<u64>().unwrap_or_default();
        keys.insert(kid.to_owned(), json!([secret, from, time(not_after)]));
        if state == "current" {
            current = kid.into();
        }
    }
    json!({ "c": current, "k": keys })
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
