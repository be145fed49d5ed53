//! Envoy asks over gRPC.

use tollgate_testkit::peers::envoy;

use crate::story::{Dialect, behind};

#[test]
fn envoy_with_ext_authz() {
    behind(
        |stage| envoy(&stage.config("envoy/ext-authz.yaml"), &[], stage.front).unwrap(),
        Dialect::default(),
    );
}

#[test]
fn envoy_with_jwt_authn_and_the_global_rate_limit_service() {
    behind(
        |stage| envoy(&stage.config("envoy/rls.yaml"), &[], stage.front).unwrap(),
        // The token is jwt_authn's, and the service has no path of its own.
        Dialect {
            verifies: false,
            shows_own: false,
            // Nor does it say anything of the fields that go on to the origin.
            shows_identity: false,
            ..Dialect::default()
        },
    );
}
