//! The engine behind Envoy, over gRPC: the global rate limit service and the quota service.
//!
//! Envoy asks, Tollgate decides: a frontend without a path to an origin. This crate is the only one
//! that knows protobuf, and everything of it that the rest needs stands in [`messages`].

pub mod messages;
