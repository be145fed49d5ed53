//! `grpc`: the services for Envoy, and the domains of its questions.

use super::section::section;
use super::serving::RawTls;
use super::values::{Address, DescriptorText, UnitName, Whole, Word};
use crate::grpc::AskedIdentity;
use crate::node::{At, Named};

section! {
    /// The services for Envoy, over gRPC.
    RawGrpc("the gRPC services") {
        /// Address and port to listen on. Default: `127.0.0.1:8081`.
        listen: Option<At<Address>>,
        /// A certificate: the listener then speaks TLS; with `client_ca`, only to whoever shows a certificate of
        /// these authorities. Default: plain HTTP/2.
        tls: Option<RawTls>,
        /// What domains mean, by their names: at most 1,000. A domain that is not here limits nothing.
        domains: Option<At<Named<RawDomain>>>,
    }
}

section! {
    /// One domain: a section of the policy's own requests, or of rules for anything else.
    RawDomain("a domain") {
        /// Descriptors describe requests, which the policy decides: `token` (with the caller's credential, which is
        /// verified here), or `verified` (with the caller's name: whoever can reach the listener may then say any).
        /// Default: `token`, where there are no `descriptors`.
        identity: Option<At<Word<AskedIdentity>>>,
        /// Rules for descriptors that are no requests of the policy's, as envoyproxy/ratelimit has them.
        descriptors: Option<At<Vec<RawDescriptor>>>,
    }
}

section! {
    /// A rule: which entry of a descriptor it is for, and what it allows where the descriptor ends there.
    RawDescriptor("a rule") {
        /// The entry's key, exactly.
        key: At<DescriptorText>,
        /// The entry's value: a text, or one that ends in `*` for all values that begin so. Exact values come first,
        /// then prefixes in the order of the file, then rules without a value. Default: any value, each counted by itself.
        value: Option<At<DescriptorText>>,
        /// What is allowed; without it nothing is counted here.
        rate_limit: Option<RawRateLimit>,
        /// Counts, and never refuses. Default: false.
        shadow_mode: Option<bool>,
        /// Counts, never refuses, and names in the answer's metadata which descriptors are above. Default: false.
        quota_mode: Option<At<bool>>,
        /// All values that `value` matches share one bucket; only with one that ends in `*`. Default: false.
        share_threshold: Option<At<bool>>,
        /// Accepted, and without effect: metrics never hold what callers send.
        detailed_metric: Option<bool>,
        /// Accepted, and without effect: metrics never hold what callers send.
        value_to_metric: Option<bool>,
        /// Rules for the next entry.
        descriptors: Option<Vec<RawDescriptor>>,
    }
}

section! {
    /// How many requests are allowed in a unit of time.
    RawRateLimit("a rate limit") {
        /// `second`, `minute`, `hour`, `day`, `week` (7 days), `month` (30 days) or `year` (365 days), counted from
        /// 1970 in UTC.
        unit: Option<At<UnitName>>,
        /// Requests in each unit, 0 to 4,294,967,295; 0 refuses all.
        requests_per_unit: Option<Whole<0, 4_294_967_295>>,
        /// No limit at all, instead of the two. Default: false.
        unlimited: Option<bool>,
        /// Its name in answers. Default: none.
        name: Option<At<DescriptorText>>,
        /// Limits that do not count for a request for which this one does.
        replaces: Option<Vec<RawReplaced>>,
    }
}

section! {
    /// A limit that is replaced.
    RawReplaced("a name") {
        /// Its name.
        name: At<DescriptorText>,
    }
}
