//! What each broken policy gives: one line an error.

/// Code, line, column, help.
pub(crate) type Expected = (&'static str, usize, usize, &'static str);

/// The errors of each policy, in order.
#[rustfmt::skip]
pub(crate) const BROKEN: &[(&str, &[Expected])] = &[
    ("addresses", &[
        ("TG0025", 2, 10, "write the address too: `0.0.0.0:8080` for all, `127.0.0.1:8080` for this machine only"),
        ("TG0025", 2, 19, "write `127.0.0.1:8081`"),
        ("TG0025", 2, 37, "write the port too: `127.0.0.1:8080`"),
        ("TG0025", 3, 8, "write the address too: `127.0.0.1:9901`"),
        ("TG0026", 7, 21, "write `<address>/<bits>`, for example `10.0.0.0/8`"),
        ("TG0026", 7, 34, "write `10.0.0.0/8`, or `10.0.0.1` for the one address"),
        ("TG0026", 7, 46, "write `<address>/<bits>`, for example `10.0.0.0/8`"),
    ]),
    ("admin_api", &[
        ("TG0025", 3, 39, "give `admin_api` a port of its own: `listen: 127.0.0.1:9903`"),
        ("TG0042", 3, 39, "add `tls: {cert: chain.pem, key: key.pem}`, or listen on `127.0.0.1:9902`"),
    ]),
    ("algorithms", &[
        ("TG0027", 5, 65, "write the algorithm that the issuer signs with, for example `RS256`"),
        ("TG0027", 6, 65, "add `secret_file: hs256.key`, or use an algorithm with public keys, for example `EdDSA`"),
        ("TG0027", 7, 72, "keep either `[HS256]` or the others; two kinds of tokens are two issuers"),
        ("TG0027", 8, 65, "did you mean `RS256`?"),
        ("TG0027", 9, 65, "remove `secret_file`, or write `algorithms: [HS256]`"),
        ("TG0042", 10, 95, "remove `jwks`, and write `secret_file: …`"),
    ]),
    ("alias_bomb", &[
        ("TG0001", 6, 36, "write repeated parts out, or remove them"),
    ]),
    ("amounts", &[
        ("TG0042", 7, 40, "write two limits, each with its own name"),
        ("TG0042", 8, 43, "remove `burst`, or write a `rate`"),
        ("TG0042", 9, 46, "remove `time_zone`, or write a `quota`"),
        ("TG0043", 10, 52, "did you mean `Europe/Berlin`?"),
        ("TG0012", 11, 31, "a quota is per `minute`, `hour`, `day`, `week` or `month`; for other lengths write `window: 100/fortnight`"),
        ("TG0012", 12, 30, "write a whole number from 1 to 4294967296"),
        ("TG0012", 13, 30, "write at most 65536, or `rate: 100000/s`"),
        ("TG0012", 14, 32, "write `rate: 5/100ms`"),
        ("TG0013", 15, 35, "write a whole number from 1 to 4294967296"),
        ("TG0013", 16, 44, "write a cost of at most 5"),
        ("TG0006", 17, 44, "write `keep`, `as_is` or `reset`"),
        ("TG0013", 18, 41, "write a burst of at most 1278960, or a quicker rate"),
        ("TG0004", 19, 9, "add for example `rate: 100/s`"),
    ]),
    ("api_keys", &[
        ("TG0019", 5, 16, "write the `iss` of the tokens; names that begin with `urn:tollgate:` are not free"),
        ("TG0019", 6, 16, "write the `iss` of the tokens; names that begin with `urn:tollgate:` are not free"),
        ("TG0029", 7, 22, "choose another name, for example `x-api-key`"),
    ]),
    ("api_keys_missing", &[
        ("TG0004", 4, 13, "add `file: …`"),
        ("TG0029", 4, 22, "choose another name, for example `x-plan`"),
    ]),
    ("check_endpoint", &[
        ("TG0025", 4, 17, "give `check` a port of its own: `listen: 127.0.0.1:8083`"),
        ("TG0016", 4, 48, "name the proxies that ask: `[127.0.0.1]`, or remove `check`"),
    ]),
    ("check_endpoint_values", &[
        ("TG0025", 2, 17, "write the address too: `0.0.0.0:8082` for all, `127.0.0.1:8082` for this machine only"),
        ("TG0026", 2, 52, "write `<address>/<bits>`, for example `10.0.0.0/8`"),
        ("TG0003", 2, 60, "did you mean `trusted_peers`?"),
    ]),
    ("claims", &[
        ("TG0028", 7, 25, "write the claim that names the caller, for example `sub`"),
        ("TG0028", 7, 39, "write the name of a claim of the verified token: what a caller writes himself proves nothing"),
        ("TG0028", 7, 65, "write 1 to 255 bytes without spaces, with single dots between the members of a nested claim"),
        ("TG0028", 10, 37, "write the claim that carries the plan, or remove the key"),
    ]),
    ("classes", &[
        ("TG0018", 6, 3, "write another one: `class: …`, 1 to 8 of `a-z` and `0-9`"),
        ("TG0018", 7, 3, "write one: `class: std`"),
        ("TG0018", 8, 18, "write 1 to 8 of `a-z` and `0-9`: the class is the beginning of bucket ids"),
    ]),
    ("client_certificate_words", &[
        ("TG0006", 2, 100, "did you mean `optional`?"),
        ("TG0006", 4, 43, "did you mean `san_dns`?"),
    ]),
    ("client_certificates", &[
        ("TG0042", 3, 77, "add `client_ca: ca.pem`, or remove `client_auth`"),
        ("TG0019", 8, 16, "write the `iss` of the tokens; names that begin with `urn:tollgate:` are not free"),
        ("TG0042", 9, 24, "add `client_ca: ca.pem` to the `tls` of a listener, or remove `client_certificates`"),
        ("TG0010", 9, 31, "did you mean `free`?"),
    ]),
    ("conflicts", &[
        ("TG0042", 3, 9, "write the address of the service behind the gateway"),
        ("TG0016", 5, 22, "write the `aud` that tokens for this API carry: `audience: https://api.example.com`"),
        ("TG0014", 5, 67, "write one from `0s` to `10min`, for example `60s`"),
        ("TG0014", 5, 80, "write one from `1min` to `1d`, for example `10min`"),
        ("TG0042", 6, 18, "add `anonymous: {plan: …}`, or write `invalid_token: reject`"),
        ("TG0041", 8, 30, "write a path that begins with a slash, for example `/rate_limit`"),
        ("TG0042", 9, 13, "add `anonymous: {plan: …}` to `identity`, or write `identity: closed`"),
    ]),
    ("duplicate_key", &[
        ("TG0007", 6, 3, "put both into one, or remove one"),
    ]),
    ("duplicate_names", &[
        ("TG0025", 2, 36, "remove one of the two, or change its port"),
        ("TG0025", 3, 8, "give `admin` a port of its own: `127.0.0.1:9901`"),
        ("TG0017", 4, 33, "remove it: every endpoint gets its share by its load"),
        ("TG0017", 9, 16, "put both into one, with both audiences in a list"),
        ("TG0017", 14, 16, "give it another name: limits of one name replace each other"),
    ]),
    ("durations", &[
        ("TG0014", 2, 56, "write the unit: `5s`, `5ms` or `5min`"),
        ("TG0014", 5, 20, "units are ms, s, min, h, d and w, with a whole number before: `250ms`, `90s`, `5min`"),
        ("TG0014", 5, 39, "write a duration above zero, for example `10s`"),
        ("TG0014", 5, 54, "write `min` for minutes"),
    ]),
    ("client_authorities", &[
        ("TG0042", 7, 24, "put the authorities that may name the same users into one file; others need a gateway of their own"),
        ("TG0029", 8, 22, "choose another name, for example `x-api-key`"),
    ]),
    ("edge", &[
        ("TG0004", 9, 3, "run `tollgate keys new bucket.keys`, and add `bucket_keys: bucket.keys` to `identity`"),
        ("TG0017", 9, 3, "give token, id and pass a cookie each"),
        ("TG0017", 9, 14, "give each its own name"),
        ("TG0042", 10, 18, "write another one, for example `/ratelimit-user-id`"),
        ("TG0012", 10, 44, "write `5/s`, `5/min` or `5/10min`"),
        ("TG0010", 10, 76, "did you mean `free`?"),
        ("TG0017", 11, 18, "give each its own name"),
        ("TG0014", 11, 45, "write one from `30s` to `1d`, for example `5min`"),
    ]),
    ("edge_no_carrier", &[
        ("TG0029", 9, 14, "choose another name, for example `x-ratelimit-user-id`"),
        ("TG0019", 10, 20, "write 1 to 64 letters, digits, `_` or `-`, for example `access_token`"),
        ("TG0004", 11, 9, "remove `header: off`, or add `cookie: tollgate_pass`"),
    ]),
    ("edge_nothing", &[
        ("TG0004", 9, 3, "add `after: true` for a limiter behind the gateway, `before: {}` for one before it"),
    ]),
    ("empty", &[
        ("TG0001", 1, 1, "a policy begins with `tollgate: 1`"),
    ]),
    ("grpc", &[
        ("TG0025", 5, 11, "give `grpc` a port of its own: `listen: 127.0.0.1:8082`"),
        ("TG0042", 7, 22, "remove one of the two, or make two domains"),
        ("TG0006", 8, 26, "did you mean `verified`?"),
        ("TG0019", 11, 16, "write the key of the entry that it is for"),
        ("TG0017", 13, 17, "put the two into one, with the `descriptors` of both"),
        ("TG0042", 14, 56, "remove `unit`, or `unlimited`"),
        ("TG0006", 15, 39, "did you mean `minute`?"),
        ("TG0016", 15, 66, "write a whole number from 0 to 4294967295"),
        ("TG0042", 16, 47, "remove `share_threshold`, or write a `value` that ends in `*`"),
        ("TG0042", 17, 51, "keep `quota_mode`: it never refuses either"),
        ("TG0042", 18, 98, "write the `name` of another rule's limit, or remove the entry"),
    ]),
    ("grpc_amounts", &[
        ("TG0004", 8, 32, "add `unit: second`, or `unlimited: true`"),
        ("TG0004", 9, 32, "add `requests_per_unit: 0` to refuse all, or how many to let through"),
    ]),
    ("headers", &[
        ("TG0029", 6, 15, "write 1 to 64 letters, digits or `-`, for example `x-plan`"),
        ("TG0029", 6, 31, "choose another name, for example `x-plan`"),
        ("TG0029", 6, 57, "write at most 1024 visible ASCII characters, in one line, without spaces around"),
        ("TG0017", 8, 48, "give each its own name"),
        ("TG0029", 8, 62, "choose another name, for example `x-plan`"),
    ]),
    ("key_sets", &[
        ("TG0030", 5, 47, "write a JSON Web Key Set (RFC 7517): `{\"keys\": [{\"kty\": \"OKP\", …}]}`"),
        ("TG0030", 6, 47, "write a JSON Web Key Set (RFC 7517): `{\"keys\": [{\"kty\": \"OKP\", …}]}`"),
        ("TG0030", 7, 47, "write a JSON Web Key Set (RFC 7517): `{\"keys\": [{\"kty\": \"OKP\", …}]}`"),
        ("TG0030", 8, 38, "keep either `file` or `inline`"),
        ("TG0030", 9, 38, "write `{file: jwks.json}`, or the URL of a JWK set"),
    ]),
    ("missing_keys", &[
        ("TG0004", 1, 1, "add `origin: …`"),
        ("TG0004", 6, 9, "add for example `rate: 100/s`"),
    ]),
    ("names", &[
        ("TG0019", 3, 30, "write 1 to 64 visible ASCII characters without spaces"),
        ("TG0019", 5, 3, "write 1 to 64 visible ASCII characters without spaces"),
        ("TG0019", 5, 31, "write 1 to 64 letters, digits, `_`, `-` or `.`: the name stands in response headers"),
        ("TG0019", 5, 60, "write 1 to 1024 bytes without control characters"),
    ]),
    ("no_default", &[
        ("TG0033", 5, 3, "add `default_plan: standard`"),
    ]),
    ("no_plans", &[
        ("TG0033", 4, 8, "add one: `plans: {standard: {limits: [{name: burst, rate: 100/s}]}}`"),
    ]),
    ("notices", &[
        ("TG0024", 9, 18, "write `https://`"),
        ("TG0042", 10, 10, "add `password_file: …`"),
    ]),
    ("notices_nowhere", &[
        ("TG0004", 8, 3, "add a channel, or remove `notices`"),
    ]),
    ("notices_values", &[
        ("TG0024", 9, 17, "remove everything up to the `@`, and write `user` and `password_file`"),
        ("TG0019", 9, 59, "write it without a name, for example `ops@example.com`"),
        ("TG0019", 9, 90, "write it without a name, for example `ops@example.com`"),
    ]),
    ("nobody", &[
        ("TG0032", 2, 1, "add `identity: {issuers: […]}`, or `identity: {anonymous: {plan: …}}` for callers without a token"),
    ]),
    ("numbers", &[
        ("TG0016", 3, 49, "write a whole number from 16 to 128"),
        ("TG0015", 5, 15, "write bytes, or `KiB`, `MiB`, `GiB`: `64KiB`"),
        ("TG0016", 5, 29, "write a whole number from 16 to 1000"),
        ("TG0005", 6, 19, "write a number here"),
        ("TG0016", 7, 60, "write a number from 0 to 1, for example 0.01 for one in a hundred"),
    ]),
    ("openapi_broken", &[
        ("TG0035", 5, 14, "look for a missing quote, comma or bracket here or just before"),
        ("TG0035", 1, 1, "give an OpenAPI document of version 2.0, 3.0, 3.1 or 3.2"),
    ]),
    ("openapi_missing", &[
        ("TG0034", 4, 19, "write its name relative to the policy's folder"),
    ]),
    ("quota", &[
        ("TG0014", 4, 34, "write one from `100ms` to `60s`"),
        ("TG0042", 8, 45, "remove `on_exceed`, or write a `quota`"),
        ("TG0042", 8, 64, "remove `notify_at`, or write a `quota`"),
        ("TG0004", 9, 46, "add for example `throttle: 1/s`"),
        ("TG0042", 10, 45, "add `on_exceed: throttle`, or remove `throttle`"),
        ("TG0042", 11, 42, "add `on_exceed: block` or `throttle`, or remove `grace`"),
        ("TG0016", 12, 60, "write a larger quota"),
        ("TG0042", 13, 46, "remove `billing_day`, or write a quota a month"),
        ("TG0016", 14, 48, "write a whole number from 1 to 31"),
        ("TG0016", 15, 47, "write a share from `1%`"),
        ("TG0016", 15, 51, "write a whole number to 1000 and `%`: `75%`"),
        ("TG0042", 16, 47, "add `per: account`, or remove `user_share`"),
        ("TG0016", 17, 61, "write one from `1%` to `100%`"),
        ("TG0006", 18, 46, "write `notify`, `throttle` or `block`"),
    ]),
    ("rates", &[
        ("TG0012", 7, 28, "write at least `1/366d`, or `mode: off` to leave the limit out"),
        ("TG0012", 8, 28, "write `100/s`, `100/min` or `100/10min`"),
        ("TG0012", 9, 31, "write `5/min`; units are ms, s, min, h, d and w"),
        ("TG0012", 10, 28, "write at most `10000000/s`"),
        ("TG0012", 11, 28, "write at most `366d`"),
    ]),
    ("routes", &[
        ("TG0021", 6, 5, "write the method first: `GET /items`, or `ANY /items` for all"),
        ("TG0021", 7, 5, "write `GET /items`"),
        ("TG0020", 8, 5, "write `/items`"),
        ("TG0020", 9, 5, "write a parameter as `{name}`"),
        ("TG0020", 10, 5, "write `{name}` for one segment, or end the template here"),
        ("TG0020", 11, 5, "write the path without `.` and `..`"),
        ("TG0020", 12, 5, "write it without encoded slashes, backslashes, control characters and broken `%XX`"),
        ("TG0022", 14, 5, "remove one of the two; names of parameters do not tell routes apart"),
    ]),
    ("store", &[
        ("TG0024", 4, 8, "write `sqlite:tollgate.db`, `postgres://user:password@host/database` or `environment`"),
    ]),
    ("store_missing", &[
        ("TG0042", 4, 10, "add `store: sqlite:tollgate.db`, or remove `notices`"),
    ]),
    ("syntax", &[
        ("TG0001", 4, 22, "put a route with braces into quotes inside `[…]` and `{…}`: \"GET /orders/{id}\""),
    ]),
    ("tab", &[
        ("TG0001", 3, 2, "indent with spaces: YAML takes no tabs"),
    ]),
    ("test_references", &[
        ("TG0039", 8, 28, "did you mean `https://a.example.com`?"),
        ("TG0039", 11, 47, "did you mean `burst`?"),
        ("TG0011", 11, 61, "did you mean `GET /items`?"),
    ]),
    ("tests", &[
        ("TG0038", 7, 27, "write `<count> x METHOD /path in <duration>`, for example `11 x POST /items in 0s`"),
        ("TG0038", 8, 5, "add `expect: {allowed: …, limited: …}`"),
        ("TG0038", 9, 5, "write either `send: 11 x POST /items in 0s`, or `steps: […]`"),
        ("TG0038", 10, 10, "write `{sub: u1}` for a user, `{anonymous: 192.0.2.1}` for a caller without a token"),
        ("TG0038", 11, 51, "let `allowed` and `limited` together be at most what is sent"),
        ("TG0006", 14, 57, "did you mean `allow`?"),
        ("TG0038", 15, 14, "write the steps in the order of time"),
    ]),
    ("two_documents", &[
        ("TG0001", 3, 1, "remove the `---` line: a policy is one document"),
    ]),
    ("units", &[
        ("TG0013", 7, 40, "write a whole number from 1 to 4294967296"),
        ("TG0013", 8, 39, "write a cost of at most 5, or `burst: 6`"),
        ("TG0013", 9, 28, "write a burst of at most 4294967296"),
    ]),
    ("unknown_alias", &[
        ("TG0001", 7, 7, "put the text into quotes if no alias is meant: '*'"),
    ]),
    ("unknown_keys", &[
        ("TG0003", 7, 5, "did you mean `limits`?"),
        ("TG0003", 9, 5, "its keys are `class`, `mode`, `limits`, `routes`, `upgrade_url`, `message` or `headers`"),
        ("TG0003", 10, 1, "did you mean `origin`?"),
    ]),
    ("unknown_plan", &[
        ("TG0010", 3, 30, "did you mean `anonymous`?"),
        ("TG0010", 7, 15, "add the plan `gold` to `plans`, or name one that is there"),
    ]),
    ("unknown_route", &[
        ("TG0011", 10, 7, "did you mean `POST /items`?"),
        ("TG0011", 12, 15, "did you mean `POST /items`?"),
    ]),
    ("unknown_word", &[
        ("TG0006", 2, 7, "did you mean `shadow`?"),
        ("TG0006", 6, 49, "write `user`, `account`, `network` or `global`"),
        ("TG0006", 7, 27, "write `id` or `id_and_address`"),
    ]),
    ("urls", &[
        ("TG0024", 2, 9, "write the scheme: `http://127.0.0.1:9000` or `https://127.0.0.1:9000`"),
        ("TG0024", 6, 16, "add `jwks:` with the URL or file of its key set"),
        ("TG0031", 7, 58, "write `https://`; on a network of your own, add `allow_private_addresses: true`"),
        ("TG0024", 8, 38, "write `http://c.example.com/jwks` or `https://c.example.com/jwks`"),
        ("TG0024", 9, 29, "write the whole URL: `https://example.com/upgrade`"),
    ]),
    ("version", &[
        ("TG0008", 1, 11, "write `tollgate: 1`"),
    ]),
    ("wrong_kind", &[
        ("TG0005", 6, 13, "write a list here"),
        ("TG0005", 7, 1, "write a value, or remove the key"),
    ]),
];
