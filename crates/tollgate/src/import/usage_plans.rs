//! `tollgate import usage-plans`: files in, and a folder with a policy, keys and a report out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tollgate_aws::import::usage_plans::{Fidelity, Imported, Input, OpenApi, Options, import};
use tollgate_limiter::{Clock, Now, SystemClock};
use tollgate_policy::{Policy, RouteId, import_openapi};
use zeroize::Zeroizing;

use crate::cli::UsagePlansArgs;
use crate::failure::Failure;
use crate::private_file;

const POLICY: &str = "tollgate.yaml";
const KEYS: &str = "api-keys.txt";
const REPORT: &str = "REPORT.md";
/// Largest file that is read: 100,000 keys as the service prints them are 50 MB.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file's text, and the plan whose keys it lists.
struct Source {
    file: String,
    plan: Option<String>,
    text: Zeroizing<String>,
}

pub(crate) fn run(args: &UsagePlansArgs) -> Result<(), Failure> {
    let clock = SystemClock::new();
    let start = clock.now();
    let out = Folder::new(args)?;
    let files: Vec<Source> = args
        .files
        .iter()
        .map(|argument| read(argument))
        .collect::<Result<_, _>>()?;
    let inputs: Vec<Input<'_>> = files
        .iter()
        .map(|read| Input {
            file: &read.file,
            plan: read.plan.as_deref(),
            text: &read.text,
        })
        .collect();
    let openapi = args.openapi.as_deref().map(|file| out.openapi(file));
    let (openapi_file, routes) = openapi.transpose()?.unzip();
    let openapi = openapi_file.as_deref().map(|file| OpenApi {
        file,
        routes: routes.unwrap_or_default(),
    });
    let imported = import(
        &inputs,
        &Options {
            origin: &args.origin,
            keys_file: KEYS,
            openapi: openapi.as_ref(),
            stage: args.stage.as_ref(),
        },
    )?;
    let policy = Policy::parse(POLICY, &imported.policy, &out.path).map_err(Failure::Policy)?;
    if !policy.warnings().is_empty() {
        anstream::eprint!("{}", policy.warnings().render(true));
    }
    out.write(&imported)?;
    out.tell(&imported, &policy);
    let (keys, took) = (thousands(imported.key_count), seconds(start, clock.now()));
    anstream::println!("imported {keys} keys in {took} s");
    anstream::println!(
        "next: read {REPORT}, then `tollgate check {}`",
        out.show(POLICY)
    );
    Ok(())
}

/// Where everything is written.
struct Folder {
    path: PathBuf,
}

// === impl Folder ===

impl Folder {
    /// The folder, with nothing in it that would be replaced without a word.
    fn new(args: &UsagePlansArgs) -> Result<Self, Failure> {
        let path = args.out.clone();
        let doing = format!("make the folder {}", path.display());
        fs::create_dir_all(&path).map_err(Failure::system(doing))?;
        for name in [POLICY, KEYS, REPORT] {
            let file = path.join(name);
            if !args.force && file.symlink_metadata().is_ok() {
                return Err(Failure::IsThere(file));
            }
        }
        Ok(Self { path })
    }

    fn show(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// The document's name as the policy in this folder is to say it, and its routes.
    fn openapi(&self, file: &Path) -> Result<(String, Vec<(String, String)>), Failure> {
        let (table, warnings) = import_openapi(file).map_err(Failure::Policy)?;
        if !warnings.is_empty() {
            anstream::eprint!("{}", warnings.render(true));
        }
        let routes = table.iter().filter(|(id, _)| *id != RouteId::UNMATCHED);
        let routes =
            routes.map(|(_, route)| (route.method.to_string(), route.template.to_string()));
        let absolute = |path: &Path| {
            path.canonicalize()
                .map_err(Failure::system(format!("find {}", path.display())))
        };
        let (document, folder) = (absolute(file)?, absolute(&self.path)?);
        let name = document.strip_prefix(&folder).unwrap_or(&document);
        Ok((name.display().to_string(), routes.collect()))
    }

    /// First the keys, which the policy names.
    fn write(&self, imported: &Imported) -> Result<(), Failure> {
        let keys = self.path.join(KEYS);
        let writing = |name: &str| Failure::system(format!("write {}", self.show(name)));
        let _lock = private_file::lock_folder(&keys).map_err(writing(KEYS))?;
        private_file::replace(&keys, |out| out.write_all(imported.keys.as_bytes()))
            .map_err(writing(KEYS))?;
        for (name, text) in [(POLICY, &imported.policy), (REPORT, &imported.report)] {
            replace(&self.path.join(name), text.as_bytes()).map_err(writing(name))?;
        }
        Ok(())
    }

    fn tell(&self, imported: &Imported, policy: &Policy) {
        let count = |fidelity| {
            let notes = imported.notes.iter();
            notes.filter(|note| note.fidelity == fidelity).count()
        };
        anstream::println!(
            "{}: {} plans, {} routes",
            self.show(POLICY),
            policy.plans().len(),
            policy.routes().len() - 1
        );
        anstream::println!(
            "{}: {} keys, {} of them disabled; hashes only",
            self.show(KEYS),
            thousands(imported.key_count),
            thousands(imported.disabled_count)
        );
        anstream::println!(
            "{}: {} exact, {} changed, {} assumed, {} lost",
            self.show(REPORT),
            count(Fidelity::Exact),
            count(Fidelity::Changed),
            count(Fidelity::Assumed),
            count(Fidelity::Lost)
        );
    }
}

/// `PLAN_ID=FILE`, or a file.
fn read(argument: &Path) -> Result<Source, Failure> {
    let whole = argument.display().to_string();
    let (plan, path) = match whole.split_once('=') {
        Some((plan, file)) if !plan.is_empty() && !argument.exists() => {
            (Some(plan.to_owned()), PathBuf::from(file))
        }
        _ => (None, argument.to_owned()),
    };
    let file = path.display().to_string();
    let reading = || Failure::system(format!("read {file}"));
    let opened = File::open(&path).map_err(reading())?;
    // Room from the start: a text that grows leaves copies of the keys in it behind.
    let bytes = opened
        .metadata()
        .map_or(0, |meta| meta.len().min(BYTES_MAX));
    let room = usize::try_from(bytes).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    opened
        .take(BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(reading())?;
    if text.len() as u64 > BYTES_MAX {
        let large = io::Error::other("it is larger than 256 MiB");
        return Err(reading()(large));
    }
    Ok(Source { file, plan, text })
}

/// Writes a file that anybody may read; through no link that somebody left there.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text)
}

fn seconds(start: Now, end: Now) -> String {
    let ms = end.mono.0.saturating_sub(start.mono.0) / 1_000_000;
    format!("{}.{:02}", ms / 1_000, ms % 1_000 / 10)
}

/// `10,000`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
