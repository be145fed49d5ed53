//! What is configured in AWS, as a policy.

pub mod waf;
