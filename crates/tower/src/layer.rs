//! The engine as a layer around any HTTP service.

mod body;
mod caller;
mod future;
mod kept;
mod serve;
#[cfg(test)]
mod tests;

pub use body::LayerBody;
pub use caller::Caller;
#[cfg(feature = "axum")]
pub use caller::NoCaller;
pub use future::LayerFuture;
pub use serve::{Tollgate, TollgateLayer};
