//! `tollgate usage ingest`: access logs into meters, each line once.

mod file;
mod tally;

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use tollgate_insight::{Columns, Fates};
use tollgate_policy::Policy;
use tollgate_store::{Issuer, LogText, Store, StoreError};

use crate::cli::IngestArgs;
use crate::failure::Failure;
use file::{Counted, Reason, Refused};
use tally::Tally;

/// Lines that cannot be read and are shown.
const SHOWN_MAX: u64 = 5;
/// Whose names bucket ids are, in the gateway's own log: nobody can be told from one.
const BUCKET_ID_ISSUER: &str = "urn:tollgate:bucket-id";

/// What all files have in common.
struct Run<'r> {
    store: &'r Store,
    args: &'r IngestArgs,
    columns: Columns,
    fates: Fates,
    source: LogText,
    bar: ProgressBar,
    unreadable: u64,
}

pub(super) async fn run(store: &Store, args: &IngestArgs) -> Result<(), Failure> {
    let policy = Policy::load(&args.policy.config).map_err(Failure::Policy)?;
    let issuer = args.issuer.as_deref().unwrap_or(BUCKET_ID_ISSUER);
    let mut tally = Tally::new(&policy, Issuer::parse(issuer)?)?;
    let mut run = Run {
        store,
        args,
        columns: Columns {
            subject: args.subject_field.clone(),
            account: args.account_field.clone(),
            plan: args.plan_field.clone(),
            fields: args.fields.clone(),
        },
        fates: Fates::of(&args.limited_status, &args.refused_status)?,
        source: LogText::parse(&args.source)?,
        bar: bar(args),
        unreadable: 0,
    };
    let mut refused = 0;
    let mut sum = Counted::default();
    let mut position = 0;
    for path in &args.files {
        run.bar.set_message(path.display().to_string());
        match file::count(&mut run, &mut tally, path).await {
            Ok(counted) => sum.add(&counted),
            // The store is away: so it is for the other files.
            Err(Refused {
                reason: Reason::Store(error),
                ..
            }) if error != StoreError::CountedMeanwhile => {
                run.bar.finish_and_clear();
                return Err(error.into());
            }
            Err(Refused { reason, counted }) => {
                refused += 1;
                sum.add(&counted);
                say(&run.bar, &format!("{}: {reason}", path.display()));
            }
        }
        position += bytes_of(path);
        run.bar.set_position(position);
    }
    run.bar.finish_and_clear();
    anstream::println!("{}", summary(&sum, args.files.len()));
    match refused {
        0 => Ok(()),
        1 => Err(Failure::NotHeld(
            "1 file was not counted to its end".to_owned(),
        )),
        files => Err(Failure::NotHeld(format!(
            "{files} files were not counted to their end"
        ))),
    }
}

/// Shown on a terminal only.
fn bar(args: &IngestArgs) -> ProgressBar {
    let bytes = args.files.iter().map(|path| bytes_of(path)).sum();
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template(
        "{wide_bar} {bytes} of {total_bytes}, {eta} to go\n{wide_msg}",
    );
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// A line on standard error, above the bar.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| anstream::eprintln!("{line}"));
}

fn summary(sum: &Counted, files: usize) -> String {
    let usage = &sum.usage;
    let mut lines = vec![
        format!("{files} files, {} lines", sum.lines),
        format!("  counted      {:>14}", usage.requests()),
        format!("    admitted   {:>14}", usage.admitted),
        format!("    limited    {:>14}", usage.limited),
        format!("    refused    {:>14}", usage.refused),
        format!("  counted before {:>12}", sum.before),
    ];
    for (count, what) in [
        (sum.free, "answered by the gateway itself"),
        (sum.unreadable, "that cannot be read, passed over"),
        (
            sum.unfinished,
            "without an end, left for the next time (`--complete` counts them)",
        ),
    ] {
        if count > 0 {
            lines.push(format!("  {count} {what}"));
        }
    }
    lines.join("\n")
}
