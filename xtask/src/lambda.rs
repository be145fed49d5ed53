//! The authorizer's zip: built small, packed as Lambda wants it, held to its size and to Lambda's C library.

use std::fs;
use std::path::Path;

use crate::error::XtaskError;
use crate::root::target_folder;
use crate::shell::{self, cargo, command};

/// The largest zip, in bytes: what is unpacked and read at every cold start.
const ZIP_BYTES_MAX: u64 = 5_000_000;
/// The C library of `provided.al2023`: glibc 2.34.
const GLIBC_MINOR_MAX: u32 = 34;

const CARGO: &str = "install the toolchain that rust-toolchain.toml names";
const PYTHON: &str = "run `apt-get install python3`";

/// Packs a file as `bootstrap`, executable, with the same bytes for the same file whenever it runs.
const PACK: &str = "
import sys, zipfile
entry = zipfile.ZipInfo('bootstrap', (1980, 1, 1, 0, 0, 0))
entry.external_attr = 0o100755 << 16
entry.create_system = 3
entry.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(sys.argv[2], 'w') as out, open(sys.argv[1], 'rb') as binary:
    out.writestr(entry, binary.read(), compresslevel=9)
";

/// `cargo xtask lambda`: target/lambda/bootstrap.zip.
///
/// # Errors
/// When a step fails, or the zip is what Lambda would not run, or is too large.
pub(crate) fn run() -> Result<(), XtaskError> {
    let build = [
        "build",
        "--profile",
        "lambda",
        "--locked",
        "-p",
        "tollgate-lambda",
    ];
    shell::run(&mut cargo(build), CARGO)?;
    let folder = target_folder().join("lambda");
    let (binary, zip) = (folder.join("tollgate-lambda"), folder.join("bootstrap.zip"));
    let bytes = fs::read(&binary).map_err(XtaskError::io(format!("read {}", binary.display())))?;
    let glibc = glibc_minor(&bytes);
    if glibc > GLIBC_MINOR_MAX {
        return Err(XtaskError::Unfit {
            what: format!("the binary needs glibc 2.{glibc}"),
            bound: format!(
                "provided.al2023 has 2.{GLIBC_MINOR_MAX}: build with `cargo lambda build`"
            ),
        });
    }
    let (from, to) = (binary.to_string_lossy(), zip.to_string_lossy());
    shell::run(&mut command("python3", ["-c", PACK, &from, &to]), PYTHON)?;
    let size = size_of(&zip)?;
    println!(
        "{}: {:.2} MB ({} bytes; the binary has {:.2} MB and needs glibc 2.{glibc})",
        zip.display(),
        mega(size),
        size,
        mega(bytes.len() as u64),
    );
    if size > ZIP_BYTES_MAX {
        return Err(XtaskError::Unfit {
            what: format!("the zip has {size} bytes"),
            bound: format!("at most {ZIP_BYTES_MAX}"),
        });
    }
    Ok(())
}

fn size_of(path: &Path) -> Result<u64, XtaskError> {
    let meta = fs::metadata(path).map_err(XtaskError::io(format!("read {}", path.display())))?;
    Ok(meta.len())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "two digits after the point are shown"
)]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The newest glibc whose symbols a binary asks for, as the names of their versions say.
fn glibc_minor(binary: &[u8]) -> u32 {
    const NAME: &[u8] = b"GLIBC_2.";
    let names = binary.windows(NAME.len()).enumerate();
    let starts = names.filter(|(_, window)| *window == NAME);
    let minors = starts.map(|(at, _)| {
        let digits = binary[at + NAME.len()..].iter();
        digits
            .take_while(|byte| byte.is_ascii_digit())
            .take(4)
            .fold(0, |minor, digit| minor * 10 + u32::from(digit - b'0'))
    });
    minors.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_found_among_others() {
        let binary = b"\0GLIBC_2.2.5\0GLIBC_2.34\0libc.so.6\0GLIBC_2.17\0GLIBC_PRIVATE\0";
        assert_eq!(glibc_minor(binary), 34);
        assert_eq!(glibc_minor(b"static"), 0);
    }
}
