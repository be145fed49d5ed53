//! The decision API: programs ask in JSON, and say afterwards what a request cost.

mod decode;
mod encode;
mod holds;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use serve::DecisionApi;
