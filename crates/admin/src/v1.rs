//! The endpoints of the first version, a file for each kind of thing.

pub(crate) mod buckets;
pub(crate) mod changes;
pub(crate) mod explain;
pub(crate) mod holders;
pub(crate) mod keys;
pub(crate) mod notices;
pub(crate) mod openapi;
pub(crate) mod operations;
pub(crate) mod plans;
pub(crate) mod policy;
pub(crate) mod routes;
pub(crate) mod traffic;
pub(crate) mod usage;
mod view;
