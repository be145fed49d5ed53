//! Compressed files: of one part or several, whole or cut off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tollgate_insight::{Lines, open};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

/// A frame of zstd that says nothing.
fn skippable(length: u32) -> Vec<u8> {
    let mut frame = vec![0x53, 0x2a, 0x4d, 0x18];
    frame.extend(length.to_le_bytes());
    frame.extend(vec![7; length as usize]);
    frame
}

fn text_of(file: &[u8]) -> io::Result<(Vec<u8>, bool)> {
    let (mut text, is_compressed) = open(file)?;
    let mut all = Vec::new();
    text.read_to_end(&mut all)?;
    Ok((all, is_compressed))
}

#[test]
fn one_text_in_all_ways_has_one_digest() {
    let text: Vec<u8> = (0..20_000)
        .flat_map(|line| format!("line {line}\n").into_bytes())
        .collect();
    let (first, rest) = text.split_at(100_000);
    let files = [
        text.clone(),
        gzip(&text),
        [gzip(first), gzip(rest)].concat(),
        zstd(&text),
        [
            skippable(9),
            zstd(first),
            skippable(0),
            zstd(rest),
            skippable(100_000),
        ]
        .concat(),
    ];
    let mut digests = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let (found, is_compressed) = text_of(file).unwrap();
        assert_eq!(
            (found == text, is_compressed),
            (true, index > 0),
            "file {index}"
        );
        let mut lines = Lines::new(open(&file[..]).unwrap().0);
        while lines.next_line().unwrap().is_some() {}
        assert_eq!(lines.values(), 20_000);
        digests.push(lines.digest());
    }
    assert!(digests.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn a_file_that_was_cut_off_gives_what_is_there_and_then_an_error() {
    let text: Vec<u8> = (0..50_000)
        .flat_map(|line| format!("line {line}\n").into_bytes())
        .collect();
    for file in [gzip(&text), zstd(&text)] {
        let mut lines = Lines::of_whole(open(&file[..file.len() / 2]).unwrap().0);
        let error = loop {
            match lines.next_line() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no error"),
                Err(error) => break error,
            }
        };
        assert!(lines.values() > 0, "{error}");
        // What was read is the beginning of the whole.
        let mut whole = Lines::new(&text[..]);
        while whole.values() < lines.values() {
            whole.next_line().unwrap();
        }
        assert_eq!(whole.digest(), lines.digest());
    }
}

#[test]
fn an_empty_file_is_an_empty_text() {
    for file in [vec![], gzip(b""), zstd(b""), skippable(3)] {
        assert_eq!(text_of(&file).unwrap().0, b"");
    }
    assert!(text_of(&skippable(3)[..9]).is_err());
    assert!(text_of(&skippable(3)[..5]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        which in 0..4_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut file = match which {
            0 => bytes.clone(),
            1 => gzip(&bytes),
            2 => zstd(&bytes),
            _ => [&[0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat(),
        };
        if !file.is_empty() {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok((text, _)) = open(&file[..]) {
            // More than a frame of so few bytes should hold is not waited for.
            let mut lines = Lines::of_whole(io::BufReader::new(text.take(1 << 24)));
            while let Ok(Some(_)) = lines.next_line() {}
        }
    }
}
