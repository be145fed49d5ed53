//! Bodies far larger than memory should ever hold: every byte arrives, the gateway stays small.

use std::fs::File;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tollgate_testkit::Origin;
use tollgate_testkit::peers::Peer;

use crate::client::{CURL_FIGURES, Seen, bearer, curl, read_curl};
use crate::front::Front;

const BODY_BYTES: u64 = 2 << 30;
/// What a transfer may add to the gateway's memory, however long it is.
const GROWTH_BYTES_MAX: u64 = 32 << 20;
/// Between two looks at the memory.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

const GENEROUS: &str = "
routes: [GET /stream, PUT /upload]
plans:
  standard: {limits: [{name: burst, rate: 100/s}]}
default_plan: standard
";

/// Runs curl and watches the gateway's memory meanwhile.
fn transfer(what: &str, front: &Front, arguments: &[&str]) -> (Seen, Value) {
    let gateway: &Peer = &front.gateway;
    let before = gateway.resident_bytes();
    let start = Instant::now();
    let mut command = curl();
    command
        .args([
            "--write-out",
            CURL_FIGURES,
            "-H",
            &bearer(&front.token("mover")),
        ])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let (mut peak, mut looks) = (before, 0);
    while running.try_wait().unwrap().is_none() {
        peak = peak.max(gateway.resident_bytes());
        looks += 1;
        sleep(LOOK_PAUSE);
    }
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let growth = peak - before;
    println!(
        "{what}: {:.1} s, {} KiB resident before, {} KiB more at most in {looks} looks",
        start.elapsed().as_secs_f64(),
        before >> 10,
        growth >> 10,
    );
    assert!(looks > 3, "too quick to be seen");
    assert!(
        growth <= GROWTH_BYTES_MAX,
        "{what} grew the gateway by {growth} bytes"
    );
    read_curl(&output)
}

fn download(version: &str, front: &Front) {
    let url = front.url(&format!("/stream?bytes={BODY_BYTES}"));
    let arguments = [version, "--output", "/dev/null", &url];
    let (seen, figures) = transfer(&format!("download {version}"), front, &arguments);
    assert_eq!(seen.status, 200);
    assert_eq!(figures["size_download"], BODY_BYTES);
}

fn upload(version: &str, front: &Front, origin: &Origin) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("body");
    // A hole: it reads as zeros and takes no room on the disk.
    File::create(&path).unwrap().set_len(BODY_BYTES).unwrap();
    let before = origin.uploaded_bytes();
    let url = front.url("/upload");
    let arguments = [version, "--upload-file", path.to_str().unwrap(), &url];
    let (seen, figures) = transfer(&format!("upload {version}"), front, &arguments);
    assert_eq!(seen.status, 200, "{seen:?}");
    assert_eq!(seen.json()["bytes"], BODY_BYTES);
    assert_eq!(figures["size_upload"], BODY_BYTES);
    assert_eq!(origin.uploaded_bytes() - before, BODY_BYTES);
}

#[test]
fn two_gibibytes_stream_both_ways_over_http_1_in_flat_memory() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), GENEROUS);
    download("--http1.1", &front);
    upload("--http1.1", &front, &origin);
}

#[test]
fn two_gibibytes_stream_both_ways_over_http_2_in_flat_memory() {
    let origin = Origin::start().unwrap();
    let value = format!("{{urls: '{}', protocol: http2}}", origin.url());
    let front = Front::start(&value, GENEROUS);
    download("--http2-prior-knowledge", &front);
    upload("--http2-prior-knowledge", &front, &origin);
}
