//! One file: whether it was counted before and how far, then its new lines, some thousand at a time.

use std::fs::File;
use std::io::{self, BufRead};
use std::path::Path;
use std::time::Duration;

use tollgate_insight::{
    Beginning, Format, InsightError, Line, LineError, LineReader, Lines, Recognition, open,
    recognize,
};
use tollgate_store::{
    Batch, BatchWriter, CountedLog, LOG_FORKS_MAX, LogId, LogText, StoreError, Usage,
};

use super::tally::Tally;
use super::{Run, SHOWN_MAX, say};

/// The most lines of one batch: what a crash can cost is reading them again.
const LINES_PER_BATCH_MAX: u64 = 100_000;
/// How often a batch is sent, where the store is away.
const TRIES_MAX: u32 = 6;
const TRY_PAUSE: Duration = Duration::from_secs(2);

/// Lines from which the format is told.
const LOOK_LINES_MAX: u64 = 20;

type Text = Box<dyn BufRead>;

/// What became of lines.
#[derive(Clone, Default)]
pub(super) struct Counted {
    pub(super) usage: Usage,
    /// Lines of values, also those that were counted before.
    pub(super) lines: u64,
    pub(super) before: u64,
    pub(super) free: u64,
    pub(super) unreadable: u64,
    pub(super) unfinished: u64,
}

/// A file that was not counted to its end, and what of it was.
pub(super) struct Refused {
    pub(super) reason: Reason,
    pub(super) counted: Counted,
}

/// Why a file was not counted to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Log(#[from] InsightError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("no regular file: a log is read more than once, to know it again")]
    NoFile,
    #[error("not a log of any format that is known; name it with `--format`")]
    NoFormat,
    #[error(
        "begins with {lines} lines that are counted already, and goes on differently; if it is \
         another log, name it with `--source`"
    )]
    Diverging { lines: u64 },
    #[error("changed while it was read; give it again")]
    Changed,
    #[error("{LOG_FORKS_MAX} logs begin with the same line already; name it with `--source`")]
    TooManyAlike,
}

impl Counted {
    pub(super) fn add(&mut self, other: &Counted) {
        self.usage = self.usage.plus(&other.usage);
        self.lines += other.lines;
        self.before += other.before;
        self.free += other.free;
        self.unreadable += other.unreadable;
        self.unfinished += other.unfinished;
    }
}

/// Counts the lines of a file that are not counted yet. An error leaves what was sent before it.
pub(super) async fn count(
    run: &mut Run<'_>,
    tally: &mut Tally<'_>,
    path: &Path,
) -> Result<Counted, Refused> {
    let mut counted = Counted::default();
    let done = count_new(run, tally, path, &mut counted).await;
    tally.clear();
    match done {
        Ok(()) => Ok(counted),
        Err(reason) => Err(Refused { reason, counted }),
    }
}

async fn count_new(
    run: &mut Run<'_>,
    tally: &mut Tally<'_>,
    path: &Path,
    counted: &mut Counted,
) -> Result<(), Reason> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Reason::NoFile);
    }
    let (first, is_unfinished) = look(run, path)?;
    let Some((format, head)) = first else {
        counted.unfinished = u64::from(is_unfinished);
        return Ok(());
    };
    let known = run.store.counted_logs(&run.source, &head).await?;
    let beginnings: Vec<Beginning> = known
        .iter()
        .map(|log| Beginning::of_text(&log.marks).unwrap_or_default())
        .collect();
    let recognition = match known.is_empty() {
        true => Recognition::New,
        false => recognize(&mut lines(run, path)?, &beginnings)?,
    };
    let (fork, before) = match recognition {
        Recognition::New if known.len() >= LOG_FORKS_MAX as usize => {
            return Err(Reason::TooManyAlike);
        }
        Recognition::New => (known.len(), 0),
        Recognition::Known { index, lines } => (index, lines),
        Recognition::Diverging { lines } => return Err(Reason::Diverging { lines }),
        Recognition::Counted => {
            let mut lines = lines(run, path)?;
            while lines.next_line()?.is_some() {}
            (counted.lines, counted.before) = (lines.values(), lines.values());
            return Ok(());
        }
    };
    let id = LogId {
        source: run.source.clone(),
        head,
        fork: u32::try_from(fork).unwrap_or(u32::MAX),
    };
    let mut pass = Pass {
        reader: LineReader::new(format, &run.columns)?.with_fates(run.fates.clone()),
        id,
        writer: BatchWriter::random()?,
        batches: 0,
        beginning: Beginning::default(),
        sent_lines: before,
        fresh: Counted::default(),
    };
    let known = beginnings.get(fork).filter(|_| before > 0);
    let mut lines = lines(run, path)?;
    pass.skip(&mut lines, known)?;
    (counted.lines, counted.before) = (before, before);
    let done = pass.rest(run, tally, &mut lines, path, counted).await;
    counted.unfinished = u64::from(lines.is_unfinished());
    done
}

/// The format, and the digest of the first line, if there is one; else whether that has no end yet.
fn look(run: &Run<'_>, path: &Path) -> Result<(Option<(Format, LogText)>, bool), Reason> {
    let mut lines = lines(run, path)?;
    let mut format = run.args.format;
    let mut head = None;
    while let Some(line) = lines.next_line()? {
        if let Line::Values(text) | Line::Directive(text) = line {
            format = format.or_else(|| Format::detect(&String::from_utf8_lossy(text)));
        }
        if head.is_none() && lines.values() == 1 {
            head = Some(LogText::parse(&lines.digest().to_string())?);
        }
        match (format, head.clone()) {
            (Some(format), Some(head)) => return Ok((Some((format, head)), false)),
            _ if lines.values() >= LOOK_LINES_MAX => break,
            _ => {}
        }
    }
    match head {
        Some(_) => Err(Reason::NoFormat),
        None => Ok((None, lines.is_unfinished())),
    }
}

fn lines(run: &Run<'_>, path: &Path) -> io::Result<Lines<Text>> {
    let file = run.bar.wrap_read(File::open(path)?);
    let (text, is_compressed) = open(file)?;
    Ok(match is_compressed || run.args.complete {
        true => Lines::of_whole(text),
        false => Lines::new(text),
    })
}

/// The way through one file.
struct Pass {
    reader: LineReader,
    id: LogId,
    writer: BatchWriter,
    batches: u64,
    beginning: Beginning,
    /// Lines that the store has.
    sent_lines: u64,
    /// What is counted since.
    fresh: Counted,
}

impl Pass {
    /// Passes over what is counted, which must still be what it was.
    fn skip(&mut self, lines: &mut Lines<Text>, known: Option<&Beginning>) -> Result<(), Reason> {
        while lines.values() < self.sent_lines {
            match lines.next_line()? {
                Some(Line::Directive(line)) => {
                    let line = String::from_utf8_lossy(line).into_owned();
                    self.reader.directive(&line)?;
                }
                Some(_) => self.beginning.note(lines),
                None => return Err(Reason::Changed),
            }
        }
        match known {
            Some(known) if self.beginning.ended(lines) != *known => Err(Reason::Changed),
            _ => Ok(()),
        }
    }

    async fn rest(
        &mut self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        lines: &mut Lines<Text>,
        path: &Path,
        counted: &mut Counted,
    ) -> Result<(), Reason> {
        loop {
            if lines.values() - self.sent_lines >= LINES_PER_BATCH_MAX || !tally.has_room() {
                self.send(run, tally, lines, counted).await?;
            }
            let wrong = match lines.next_line() {
                Ok(None) => break,
                Ok(Some(Line::Directive(line))) => {
                    let line = String::from_utf8_lossy(line).into_owned();
                    self.reader.directive(&line)?;
                    continue;
                }
                Ok(Some(Line::TooLong)) => Some(LineError::TooLong.to_string()),
                Ok(Some(Line::Values(line))) => self.take(tally, line).err(),
                Err(error) => {
                    // Of a file that was cut off, what is there counts; the rest does when it is whole.
                    self.send(run, tally, lines, counted).await?;
                    return Err(error.into());
                }
            };
            self.beginning.note(lines);
            if let Some(wrong) = wrong {
                self.fresh.unreadable += 1;
                run.unreadable += 1;
                if run.unreadable <= SHOWN_MAX {
                    let place = format!("{}:{}", path.display(), lines.number());
                    say(&run.bar, &format!("{place}: {wrong}"));
                }
            }
        }
        self.send(run, tally, lines, counted).await
    }

    /// Takes a line into the tally, or says what is wrong with it.
    fn take(&mut self, tally: &mut Tally<'_>, line: &[u8]) -> Result<(), String> {
        let line = str::from_utf8(line).map_err(|_| LineError::NotUtf8.to_string())?;
        let entry = self.reader.entry(line).map_err(|wrong| wrong.to_string())?;
        let Some(entry) = entry else {
            return Ok(());
        };
        match tally.add(&entry).map_err(|wrong| wrong.to_string())? {
            Some(usage) => self.fresh.usage = self.fresh.usage.plus(&usage),
            None => self.fresh.free += 1,
        }
        Ok(())
    }

    /// Sends what was read since the last batch, with how far the file is.
    async fn send(
        &mut self,
        run: &Run<'_>,
        tally: &mut Tally<'_>,
        lines: &Lines<Text>,
        counted: &mut Counted,
    ) -> Result<(), Reason> {
        let fresh_lines = lines.values() - self.sent_lines;
        if fresh_lines == 0 {
            return Ok(());
        }
        self.batches += 1;
        let mut batch = Batch::new(self.writer, self.batches);
        tally.move_into(&mut batch)?;
        let after = CountedLog {
            id: self.id.clone(),
            lines: lines.values(),
            marks: self.beginning.ended(lines).to_text(),
        };
        batch.of_log(self.sent_lines, after)?;
        let mut tries = 1;
        // The same batch, however often: it counts once.
        while let Err(error) = run.store.add_counts(&batch).await {
            if !error.is_passing() || tries >= TRIES_MAX {
                return Err(error.into());
            }
            tries += 1;
            tokio::time::sleep(TRY_PAUSE).await;
        }
        self.sent_lines = lines.values();
        counted.add(&std::mem::take(&mut self.fresh));
        counted.lines += fresh_lines;
        Ok(())
    }
}
