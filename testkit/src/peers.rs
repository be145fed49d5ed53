//! Real peers as child processes: found or explained, bounded in start-up time, ended with their owner.
//!
//! Every function here blocks; in an async test use `spawn_blocking`, or call it before the runtime
//! has work. The issuer and the origin of this crate have threads of their own and go on answering.

mod browser;
mod caddy;
mod envoy;
mod gateway;
mod haproxy;
mod machine;
mod mail;
mod nginx;
mod port;
mod postgres;
mod process;
mod tool;
mod watch;
mod wrk;

pub use self::browser::browse;
pub use self::caddy::caddy;
pub use self::envoy::envoy;
pub use self::gateway::{Gateway, gateway_binary};
pub use self::haproxy::haproxy;
pub use self::machine::Busy;
pub use self::mail::{MailMode, MailServer};
pub use self::nginx::{nginx, nginx_file, nginx_json_origin};
pub use self::port::{free_address, wait_accepting};
pub use self::postgres::Postgres;
pub use self::process::{Launch, Peer, START_WAIT};
pub use self::tool::{Tool, workspace_root};
pub use self::wrk::{Load, LoadReport, bearer_script};
pub use rustix::process::Signal;
