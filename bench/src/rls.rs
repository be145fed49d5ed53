//! The global rate limit service: its questions, a load of them, and a peer to answer them.
//!
//! The peer is `limitador`, whose server is in no registry: its library stands behind a server of ours, with
//! the transport that the gateway has, so that what is compared is what is behind it.

mod connection;
mod frames;
mod limitador;
mod load;
mod probe;
mod questions;

pub(crate) use self::limitador::serve;
pub(crate) use self::load::{CONNECTIONS, run};
pub(crate) use self::probe::answers_otherwise;
pub(crate) use self::questions::Questions;
