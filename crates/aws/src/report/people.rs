//! Who is protected from whom, and who is not.

use tollgate_policy::{CountBy, InvalidToken, KeySource};

use super::line;
use crate::compile::Deployment;
use crate::function::{CLIENT_HEADER, NOT_PLAIN_BYTES_MAX};
use crate::rules::LOCK_HEADER;
use crate::target::{PER_NETWORK_WINDOW_S, Trust, Variant};
use crate::templates::CACHE_S_MAX;

pub(super) fn write(deployment: &Deployment<'_>, out: &mut String) {
    line!(out);
    line!(out, "## Who is believed");
    line!(out);
    trust(deployment, out);
    line!(out);
    line!(out, "## What has to stay true");
    line!(out);
    duties(deployment, out);
    line!(out);
    line!(
        out,
        "Not at the edge, whatever the policy says: the budget of failed verifications, API \
        keys, client certificates, quotas of an hour or more, concurrency, and plans that are \
        assigned outside a token. Nor a path of more than {NOT_PLAIN_BYTES_MAX} bytes that has more \
        than plain segments (encodings, dot segments, doubled slashes): the function answers 400, \
        since reading it takes time before anybody has shown a credential."
    );
}

fn trust(deployment: &Deployment<'_>, out: &mut String) {
    let identity = deployment.policy.identity();
    match deployment.target.trust {
        Trust::Hs256 => {
            line!(
                out,
                "Every token is verified at the edge: its HMAC, `exp`, `nbf`, `iss`, `aud` and what \
                 else the policy asks. Nobody has a user's bucket without a token that the issuer \
                 signed; who has none counts by its {}.",
                match deployment.target.variant {
                    Variant::Before => "address, in IPv6 the whole of it",
                    Variant::After | Variant::Chained => "network",
                }
            );
            line!(out);
            let secrets = identity.issuers.iter();
            let count = secrets
                .filter(|issuer| matches!(issuer.keys, KeySource::SecretFile(_)))
                .count();
            line!(
                out,
                "The secrets of {count} issuer(s) are in the key-value store: who may read it \
                 (`cloudfront-keyvaluestore:GetKey`) can sign tokens of any user."
            );
        }
        Trust::Pass => {
            line!(
                out,
                "The function cannot verify signatures of public keys. It believes the edge pass, \
                 which the gateway or the authorizer gives a user whose token it has verified. A \
                 caller without a pass is nobody in particular: it counts by its network. So a user has \
                 two budgets at the edge, its own with the pass and the network's without: keep the \
                 latter low ({} requests in {PER_NETWORK_WINDOW_S} s here, `--per-network`), and what \
                 is behind verifies every token anyway.",
                deployment.target.per_network
            );
            line!(out);
            line!(
                out,
                "A pass is good for its lifetime, also after the token is revoked; to end all of \
                 them, retire their key."
            );
        }
        Trust::Unverified => {
            line!(
                out,
                "**Claims are believed as they are sent (`--accept-unverified`).** Anybody can \
                 write anybody's `sub` into a token of their own: spend a victim's limit until the \
                 victim is blocked, or take a new `sub` for a fresh limit, as often as they like. \
                 What is behind has to verify every token, and this edge protects it from nobody \
                 who means harm. Nor from work: nobody has signed what the function reads, which may take \
                 it some milliseconds, more than AWS may grant; claims of 1 KB and more are refused."
            );
        }
    }
    if identity.invalid_token == InvalidToken::Anonymous {
        line!(out);
        line!(
            out,
            "{}",
            match deployment.target.trust {
                Trust::Pass =>
                    "A caller with a token and without a pass counts as nobody in particular, valid or \
                     not: the function cannot tell.",
                Trust::Hs256 | Trust::Unverified =>
                    "A caller with an invalid token counts as one without a token.",
            }
        );
    }
}

fn duties(deployment: &Deployment<'_>, out: &mut String) {
    let id = &deployment.id_header;
    match deployment.target.variant {
        Variant::After | Variant::Chained => {
            line!(
                out,
                "- Nobody reaches what is behind but through the function: the field `{id}` would be \
                 anybody's. The web ACL blocks what does not carry the lock's secret in \
                 `{LOCK_HEADER}`, which CloudFront adds; keep the secret, and keep the rule first."
            );
            line!(
                out,
                "- CloudFront forwards `{id}` and `{CLIENT_HEADER}` only where a policy names them: \
                 the templates have one that does. A client's own fields of these names are deleted \
                 first."
            );
            line!(
                out,
                "- Answers from CloudFront's cache are not counted. The templates keep one for {CACHE_S_MAX} s \
                 at most, where the origin says that it may be kept, and only for requests with the \
                 same cookies, query and fields that this policy takes credentials from: a behaviour of \
                 your own must name them too, and fields that only your origin knows."
            );
            if deployment.target.variant == Variant::Chained {
                line!(
                    out,
                    "- AWS does not recommend one distribution in front of another, allows a chain of \
                     two, and answers 403 beyond: nothing behind may be a third (an edge-optimized \
                     REST API may be one; use a regional one). Every request is paid twice."
                );
            }
        }
        Variant::Before => {
            line!(
                out,
                "- WAF counts what the client presents, before anybody verified it. A caller with \
                 made-up ids is not limited by WAF; the function refuses each with 403, which costs \
                 a request, a look of WAF and a run of the function."
            );
            copied_ids(deployment, out);
            line!(
                out,
                "- While a key of the ring is being replaced, a user who shows ids of both keys has two \
                 counts. By the cookie it has one more, for all routes together."
            );
            line!(
                out,
                "- Answers from CloudFront's cache are counted, and the function still runs. The \
                 templates keep one for {CACHE_S_MAX} s at most, where the origin says that it may be \
                 kept, and only for requests with the same cookies, query, id and fields that this policy \
                 takes credentials from."
            );
            line!(
                out,
                "- Clients fetch their ids once: the path for it has a limit by address, or shares \
                 that of requests without an id (see the rules)."
            );
        }
    }
}

/// What somebody can do with an id that is not its own, and what it costs to prevent that.
fn copied_ids(deployment: &Deployment<'_>, out: &mut String) {
    let before = deployment.policy.edge();
    let before = before.and_then(|edge| edge.before.as_ref());
    match before.map_or(CountBy::Id, |before| before.count_by) {
        CountBy::Id => line!(
            out,
            "- A root or an id is private to its user: who has copied it and has no token of the user \
             is refused by the function, and WAF counts that against the user all the same, from \
             wherever it comes, until it blocks the user. It ends with its key. \
             `edge.before.count_by: id_and_address` counts each address apart."
        ),
        CountBy::IdAndAddress => {
            line!(
                out,
                "- A root or an id is private to its user: who has copied it and has no token of the \
                 user is refused by the function, and WAF counts that at the address it comes from. \
                 At an address that it shares with the user (NAT, a proxy) it still counts against \
                 the user. It ends with its key."
            );
            line!(
                out,
                "- A user has its rate at each of its addresses: from n addresses n times, and anew \
                 when its address changes. By AWS' word each distinct address counts, which is \
                 taken to be the whole of it in IPv6, and was not tried: then who has a /64 has the \
                 rate as often as it likes. The templates do not turn IPv6 on at the distribution \
                 (`IPV6Enabled`)."
            );
        }
    }
}
