//! A configuration file of envoyproxy/ratelimit: one domain and its rules.

use super::grpc::RawDescriptor;
use super::section::section;
use super::values::DescriptorText;
use crate::node::At;

section! {
    /// A file of envoyproxy/ratelimit.
    RawRateLimitFile("a configuration of envoyproxy/ratelimit") {
        /// The domain.
        domain: At<DescriptorText>,
        /// Its rules.
        descriptors: Option<At<Vec<RawDescriptor>>>,
    }
}
