//! The pages, a file for each kind of thing.

pub(super) mod audit;
pub(super) mod holder;
pub(super) mod holders;
pub(super) mod keys;
pub(super) mod limited;
pub(super) mod notices;
pub(super) mod overview;
pub(super) mod plans;
pub(super) mod policy;
pub(super) mod sign_in;
