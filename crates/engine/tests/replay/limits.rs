//! Text as a limit of a policy: refused with a place, or put in force and counted.

use std::path::Path;

use tollgate_engine::{Engine, EngineOptions};
use tollgate_limiter::TableSize;
use tollgate_policy::Policy;

/// Reads `data` as what stands in a limit behind its name, and decides under it.
pub(crate) fn run(data: &[u8]) {
    let Ok(limit) = std::str::from_utf8(data) else {
        return;
    };
    let policy = format!(
        "tollgate: 1
origin: http://127.0.0.1:9
identity: {{anonymous: {{plan: free}}}}
plans:
  free:
    limits:
      - {{name: most, {limit}}}
"
    );
    match Policy::parse("fuzz.yaml", &policy, Path::new(".")) {
        Ok(policy) => {
            let options = EngineOptions {
                threads: 1,
                table: Some(TableSize {
                    users: 8,
                    networks: 8,
                }),
                ..EngineOptions::default()
            };
            // Whatever a policy may say can be counted.
            Engine::new(policy, options).unwrap();
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|found| found.is_error()));
            assert!(!diagnostics.to_string().is_empty());
        }
    }
}
