//! The contenders' configurations: the same job in each one's own words.

use std::net::SocketAddr;

use crate::load::{AUDIENCE, ISSUER};

/// Requests a minute that nobody reaches here.
const NEVER: &str = "100000000";

/// The domain of requests that the policy decides, as the integration's file calls it.
pub(crate) const APIS: &str = "apis";
/// The domain that has a rule of its own, for subject and path.
pub(crate) const RULES: &str = "rules";
/// The domain, and the plan, that let one request pass.
pub(crate) const ONCE: &str = "once";
/// What a domain's own rule allows: more than anybody sends here.
pub(crate) const RULE_REQUESTS_A_MINUTE: u32 = 1_000_000_000;

/// nginx: `limit_req` on the raw header and path; it verifies nothing.
pub(crate) fn nginx_limit(listen: SocketAddr, origin: SocketAddr) -> String {
    format!(
        "limit_req_zone $http_authorization$uri zone=users:100m rate=100000r/s;\n\
         upstream origin {{ server {origin}; keepalive 256; keepalive_requests 1000000000; }}\n\
         server {{\n  listen {listen};\n  location / {{\n    limit_req zone=users burst=100000 nodelay;\n\
         \x20   limit_req_status 429;\n    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n\
         \x20   proxy_pass http://origin;\n  }}\n}}\n"
    )
}

fn haproxy(listen: SocketAddr, origin: SocketAddr, rules: &str) -> String {
    format!(
        "global\n  nbthread 1\n  tune.bufsize 16384\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         \x20 http-reuse always\n\
         frontend fe\n  bind {listen}\n{rules}  default_backend be\n\
         backend users\n  stick-table type string len 96 size 1m expire 60s store http_req_rate(60s)\n\
         backend be\n  server origin {origin}\n"
    )
}

/// HAProxy as a plain proxy.
pub(crate) fn haproxy_plain(listen: SocketAddr, origin: SocketAddr) -> String {
    haproxy(listen, origin, "")
}

/// HAProxy on the whole job: `jwt_verify` and a stick table on subject and path.
pub(crate) fn haproxy_job(listen: SocketAddr, origin: SocketAddr) -> String {
    haproxy(listen, origin, &haproxy_rules(NEVER))
}

/// The same with a limit of nothing: every request of a verified user is refused.
pub(crate) fn haproxy_refusing(listen: SocketAddr, origin: SocketAddr) -> String {
    haproxy(listen, origin, &haproxy_rules("0"))
}

fn haproxy_rules(requests_a_minute: &str) -> String {
    format!(
        "\x20 http-request set-var(txn.bearer) http_auth_bearer\n\
         \x20 http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,\"rs.pub.pem\") 1 }}\n\
         \x20 http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')\n\
         \x20 http-request set-var(txn.path) path\n\
         \x20 http-request set-var(txn.key) var(txn.sub),concat(\"|\",txn.path)\n\
         \x20 http-request track-sc0 var(txn.key) table users\n\
         \x20 http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {requests_a_minute} }}\n"
    )
}

/// Envoy on the whole job: `jwt_authn` with its token cache, `local_ratelimit` on subject and path.
pub(crate) fn envoy_job(listen: SocketAddr, origin: SocketAddr) -> String {
    let (listen_port, origin_port) = (listen.port(), origin.port());
    format!(
        r#"static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {listen_port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            name: routes
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{prefix: "/"}}
                route:
                  cluster: origin
                  rate_limits:
                  - actions:
                    - metadata: {{descriptor_key: sub, metadata_key: {{key: envoy.filters.http.jwt_authn, path: [{{key: payload}}, {{key: sub}}]}}}}
                    - request_headers: {{header_name: ":path", descriptor_key: path}}
          http_filters:
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                login:
                  issuer: {ISSUER}
                  local_jwks: {{filename: jwks.json}}
                  payload_in_metadata: payload
                  jwt_cache_config: {{jwt_cache_size: 5000}}
              rules:
              - match: {{prefix: "/"}}
                requires: {{provider_name: login}}
          - name: envoy.filters.http.local_ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {{max_tokens: 1000000000, tokens_per_fill: 1000000000, fill_interval: 1s}}
              filter_enabled: {{default_value: {{numerator: 100}}}}
              filter_enforced: {{default_value: {{numerator: 100}}}}
              max_dynamic_descriptors: 100000
              descriptors:
              - entries: [{{key: sub}}, {{key: path}}]
                token_bucket: {{max_tokens: {NEVER}, tokens_per_fill: {NEVER}, fill_interval: 1s}}
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: origin
    type: STATIC
    load_assignment:
      cluster_name: origin
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {origin_port}}}}}}}}}]}}]
"#
    )
}

/// Envoy before the gateway's rate limit service: the file of the integration, with this run's places, and
/// with keys and a cache of tokens as [`envoy_job`] has them.
pub(crate) fn envoy_rls(listen: SocketAddr, origin: SocketAddr, services: SocketAddr) -> String {
    let file = include_str!("../../docs/integrations/envoy/rls.yaml");
    let own_keys = "local_jwks: {filename: jwks.json}\n\
                    \x20                         jwt_cache_config: {jwt_cache_size: 5000}\n";
    let (before, keys) = file.split_once("remote_jwks:").unwrap_or((file, ""));
    let (_, after) = keys.split_once("timeout: 5s\n").unwrap_or_default();
    placed(
        &format!("{before}{own_keys}{after}"),
        listen,
        origin,
        services,
    )
}

/// Envoy before the gateway's external authorization: the file of the integration, with this run's places.
pub(crate) fn envoy_authz(listen: SocketAddr, origin: SocketAddr, services: SocketAddr) -> String {
    let file = include_str!("../../docs/integrations/envoy/ext-authz.yaml");
    placed(file, listen, origin, services)
}

/// A file of an integration with other ports than the documented ones.
fn placed(file: &str, listen: SocketAddr, origin: SocketAddr, services: SocketAddr) -> String {
    let ports = [(8000, listen), (9000, origin), (8081, services)];
    ports
        .iter()
        .fold(file.to_owned(), |file, (documented, own)| {
            let documented = format!("port_value: {documented}}}");
            file.replace(&documented, &format!("port_value: {}}}", own.port()))
        })
}

/// The gateway on the whole job, two limits a request.
pub(crate) fn tollgate_job(listen: SocketAddr, origin: SocketAddr) -> String {
    let limits = "      - {name: burst, rate: 1000000/s, burst: 1000000}\n\
                  \x20     - {name: sustained, rate: 60000000/min, burst: 60000000}\n";
    tollgate(listen, origin, limits)
}

/// The job's gateway that answers Envoy: requests of callers whom Envoy has verified, and rules of a domain's own.
pub(crate) fn tollgate_services(
    listen: SocketAddr,
    origin: SocketAddr,
    grpc: SocketAddr,
) -> String {
    let rules = |requests_per_unit: u32, unit: &str| {
        format!(
            "descriptors: [{{key: subject, descriptors: [{{key: path, rate_limit: \
             {{unit: {unit}, requests_per_unit: {requests_per_unit}}}}}]}}]"
        )
    };
    let once = format!("plans:\n  {ONCE}: {{limits: [{{name: once, rate: 1/24h, burst: 1}}]}}\n");
    let job = tollgate_job(listen, origin).replacen("plans:\n", &once, 1);
    format!(
        "{job}\
         grpc:\n\
         \x20 listen: {grpc}\n\
         \x20 domains:\n\
         \x20   {APIS}: {{identity: verified}}\n\
         \x20   {RULES}: {{{}}}\n\
         \x20   {ONCE}: {{{}}}\n",
        rules(RULE_REQUESTS_A_MINUTE, "minute"),
        rules(1, "day"),
    )
}

/// The job's gateway that verifies whatever comes, so that the price of it is seen.
pub(crate) fn tollgate_unbounded(listen: SocketAddr, origin: SocketAddr) -> String {
    let job = tollgate_job(listen, origin);
    job.replacen("identity:\n", "identity:\n  failed_verifications: off\n", 1)
}

/// The gateway with a limit that a bucket's first request spends for the whole run.
pub(crate) fn tollgate_refusing(listen: SocketAddr, origin: SocketAddr) -> String {
    let limits = "      - {name: burst, rate: 1000000/s, burst: 1000000}\n\
                  \x20     - {name: once, rate: 1/1h, burst: 1}\n";
    tollgate(listen, origin, limits)
}

/// Refusals have no pace here: with one, the garbage would measure how long its senders wait.
fn tollgate(listen: SocketAddr, origin: SocketAddr, limits: &str) -> String {
    format!(
        "tollgate: 1\n\
         listen: {listen}\n\
         admin: off\n\
         origin: http://{origin}\n\
         identity:\n\
         \x20 refusal_pace: off\n\
         \x20 issuers:\n\
         \x20   - issuer: {ISSUER}\n\
         \x20     audience: {AUDIENCE}\n\
         \x20     jwks: {{file: jwks.json}}\n\
         \x20     algorithms: [RS256]\n\
         \x20     claims: {{account: accountId, plan: plan}}\n\
         routes:\n\
         \x20 - GET /orders/{{order_id}}\n\
         \x20 - GET /invoices/{{invoice_id}}\n\
         \x20 - GET /items\n\
         plans:\n\
         \x20 standard:\n\
         \x20   limits:\n{limits}\
         default_plan: standard\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integrations_files_are_placed_and_verify_with_the_runs_keys() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        for file in [envoy_rls, envoy_authz] {
            let config = file(address(1), address(2), address(3));
            for port in 1..=3 {
                assert!(
                    config.contains(&format!("port_value: {port}}}")),
                    "{config}"
                );
            }
            assert!(!config.contains("remote_jwks"), "{config}");
        }
        let rls = envoy_rls(address(1), address(2), address(3));
        assert!(rls.contains("local_jwks") && rls.contains("forward: true"));
        assert!(rls.contains(&format!("domain: {APIS}\n")));
    }
}
