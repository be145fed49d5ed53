//! What is at AWS already, as a policy.

pub mod usage_plans;
