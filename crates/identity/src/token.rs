//! One bearer token: a JWT in a compact JWS (RFC 7515, RFC 7519, RFC 8725), read strictly.
//!
//! A token has exactly one spelling here: two dots, canonical base64url, no member twice.
//! Checks go from cheap to dear and all of them refuse; nothing is granted before the
//! signature holds:
//! size → shape → header → issuer → claims → key → signature.

pub(crate) mod claim_path;
pub(crate) mod claims;
pub(crate) mod compact;
pub(crate) mod header;
pub(crate) mod json;
pub(crate) mod reason;
pub(crate) mod signature;

pub use compact::{HEADER_CHARS_MAX, SIGNATURE_CHARS_MAX, TOKEN_BYTES_MAX};
pub use json::{DEPTH_MAX, TOKEN_VALUES_MAX};
pub use reason::TokenError;
pub use signature::{KEYS_TRIED_MAX, unverified, verify_jws};
