//! One configuration's requests through the function, twice, and through the engine.

use std::fmt::Write as _;

use serde_json::Value;

use crate::njs;
use crate::oracle;
use crate::outcome::Outcome;
use crate::random::Random;
use crate::request::Request;
use crate::requests;
use crate::setup::Setup;

/// Which of the two runs the function.
#[derive(Clone, Copy, Debug)]
enum Runtime {
    Njs,
    Embedded,
}

/// Generates so many requests and compares; a text for each that differs, at most three.
pub(crate) fn generated(setup: &Setup, seed: u64, count: usize) -> Vec<String> {
    let requests: Vec<Request> = (0..count)
        .map(|index| requests::request(setup, &mut Random::new((seed << 20) + index as u64)))
        .collect();
    let differing = differing(setup, &requests);
    let shown = differing.iter().take(3).map(|(index, runtime)| {
        let small = shrunk(setup, &requests[*index], *runtime);
        let mut text = format!(
            "{}, seed {seed}, request {index}, {runtime:?}:\n",
            setup.name
        );
        writeln!(text, "  expected {:?}", oracle::expected(setup, &small)).unwrap();
        writeln!(text, "  but got  {:?}", got(setup, &small, *runtime)).unwrap();
        let path: String = small.path.chars().take(300).collect();
        writeln!(text, "  for {} {path:?} ?{}", small.method, small.query).unwrap();
        for (name, value) in &small.headers {
            writeln!(text, "      {name}: {}", readable(value)).unwrap();
        }
        text
    });
    let mut shown: Vec<String> = shown.collect();
    if differing.len() > shown.len() {
        shown.push(format!("{}: {} differ in all", setup.name, differing.len()));
    }
    shown
}

fn differing(setup: &Setup, requests: &[Request]) -> Vec<(usize, Runtime)> {
    let [in_njs, embedded] = in_both(setup, requests);
    let mut found = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let expected = oracle::expected(setup, request);
        if expected != in_njs[index] {
            found.push((index, Runtime::Njs));
        }
        if expected != embedded[index] {
            found.push((index, Runtime::Embedded));
        }
    }
    found
}

/// What the function makes of the requests in njs, then in the embedded engine.
pub(crate) fn in_both(setup: &Setup, requests: &[Request]) -> [Vec<Outcome>; 2] {
    let events: Vec<Value> = requests.iter().map(Request::event).collect();
    let (folder, source) = (setup.folder.path(), &setup.compiled.source);
    let in_njs = njs::run(folder, source, Some(&setup.store), &events);
    let mut embedded = setup.embedded();
    let embedded = events
        .iter()
        .map(|event| embedded.call(event).map_err(|error| error.to_string()));
    let embedded: Vec<_> = embedded.collect();
    [in_njs, embedded].map(|returned| {
        let pairs = requests.iter().zip(&returned);
        pairs
            .map(|(request, returned)| outcome(setup, request, returned))
            .collect()
    })
}

pub(crate) fn outcome(
    setup: &Setup,
    request: &Request,
    returned: &Result<Value, String>,
) -> Outcome {
    let ip = request.ip.to_string();
    let ip = Some(ip.as_str()).filter(|_| !setup.is_before());
    match returned {
        Ok(returned) => Outcome::of_returned(returned, setup.id_header(), ip),
        Err(error) => Outcome::Failed(error.clone()),
    }
}

fn got(setup: &Setup, request: &Request, runtime: Runtime) -> Outcome {
    let event = request.event();
    let returned = match runtime {
        Runtime::Njs => {
            let (folder, source) = (setup.folder.path(), &setup.compiled.source);
            njs::run(folder, source, Some(&setup.store), &[event]).remove(0)
        }
        Runtime::Embedded => setup
            .embedded()
            .call(&event)
            .map_err(|error| error.to_string()),
    };
    outcome(setup, request, &returned)
}

/// The same difference with less of everything.
fn shrunk(setup: &Setup, request: &Request, runtime: Runtime) -> Request {
    let mut small = request.clone();
    let differs =
        |request: &Request| oracle::expected(setup, request) != got(setup, request, runtime);
    loop {
        let mut candidates: Vec<Request> = Vec::new();
        for at in 0..small.headers.len() {
            let mut fewer = small.clone();
            fewer.headers.remove(at);
            candidates.push(fewer);
        }
        for path in ["/".to_owned(), shorter(&small.path)] {
            if path.len() < small.path.len() {
                candidates.push(Request {
                    path,
                    ..small.clone()
                });
            }
        }
        if !small.query.is_empty() {
            candidates.push(Request {
                query: String::new(),
                ..small.clone()
            });
        }
        match candidates.into_iter().find(differs) {
            Some(candidate) => small = candidate,
            None => return small,
        }
    }
}

fn shorter(path: &str) -> String {
    path.rsplit_once('/')
        .map_or(String::new(), |(head, _)| head.to_owned())
}

/// A field's value, with the parts of a token decoded beside it.
fn readable(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let mut out = text.chars().take(400).collect::<String>();
    for part in text
        .split(['.', ' ', '='])
        .filter(|part| part.starts_with("ey"))
    {
        if let Ok(bytes) = data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()) {
            let text = String::from_utf8_lossy(&bytes);
            write!(
                out,
                "\n        {:?}",
                text.chars().take(400).collect::<String>()
            )
            .unwrap();
        }
    }
    out
}
