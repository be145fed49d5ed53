//! Key sets (RFC 7517): what is admitted, the live set of an issuer, and its refresh.
//!
//! One task per issuer ([`keep_keys`]) fetches; many threads read the [`KeyHolder`]. The
//! reader never waits: it sees the last good set, or none.

mod admission;
mod discovery;
mod fetch;
mod holder;
mod keeper;
mod local;
mod pace;
mod set;
mod weak;

pub use admission::KeyRefusal;
pub use fetch::{FETCH_DEADLINE, Fetch, FetchError, FetchFuture, Fetched, KeyLocation};
pub use holder::{KeyHolder, KeyStatus};
pub use keeper::keep_keys;
pub use local::LocalKeys;
pub use pace::{MAX_AGE_MIN, REFRESH_MAX, REFRESH_MIN, RefreshPace};
pub use set::{JWKS_BYTES_MAX, JWKS_KEYS_MAX, KeySet, KeySetError};
