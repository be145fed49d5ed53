//! What limits an API at AWS already, as a policy.

pub mod usage_plans;
pub mod waf;
