//! Web ACLs of AWS WAF (WAFv2): their parts, what they cost, and what may not be in them.
//!
//! - [`read`]: a file (JSON, CloudFormation or SAM, Terraform) to its web ACLs and rule groups
//! - [`model`]: what those are made of
//! - [`capacity`]: web ACL capacity units (WCU)
//! - [`check`]: what AWS would refuse, or what would never limit anybody
//! - [`simulate`]: which of a series of requests rate-based rules would block, and from when
//!
//! Figures are those of AWS' developer guide and of its API model. What AWS does not document is
//! said to be undocumented where it is used.

pub mod capacity;
pub mod check;
mod document;
mod error;
pub mod model;
mod reader;
pub mod simulate;

pub use document::{FILE_BYTES_MAX, read};
pub use error::WafError;
