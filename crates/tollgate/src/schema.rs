//! `tollgate schema`: the JSON Schema of the policy file.

use crate::failure::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    anstream::println!("{:#}", tollgate_policy::json_schema());
    Ok(())
}
