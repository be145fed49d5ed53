//! `admin_api`: where people and programs look at the gateway, and change what holds for customers.

use super::section::section;
use super::serving::RawTls;
use super::values::{Address, FilePath};
use crate::node::At;

section! {
    /// The admin API and the console.
    RawAdminApi("the admin API") {
        /// File of the keys of who may call, mode 0600; `tollgate admin-keys new` makes one.
        keys: FilePath,
        /// Address and port to listen on; one that other machines reach needs `tls`. Default: `127.0.0.1:9902`.
        listen: Option<At<Address>>,
        /// A certificate: the listener then speaks TLS. Default: plain HTTP.
        tls: Option<RawTls>,
    }
}
