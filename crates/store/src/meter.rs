//! What was used, and by whom: the rows from which people are billed.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::holder::Holder;
use crate::limit_text::RouteName;
use crate::quota::{Batch, UNITS_PER_BATCH_MAX};
use crate::span::TIME_MS_MAX;
use crate::texts::{Issuer, Name, PlanName};

/// The length of a period: a quarter of an hour of UTC.
///
/// Every time zone in use is a whole number of quarters away from UTC (India by 5:30, Nepal by 5:45), so
/// hours, days and months of every zone are sums of whole periods.
pub const METER_PERIOD_MS: u64 = 15 * 60 * 1_000;
/// The most meters of one batch.
pub const METERS_PER_BATCH_MAX: usize = 10_000;

/// Who used something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    /// Anybody who did not say who they are; all of them together.
    Anonymous,
    /// A verified caller.
    Subject {
        /// Who vouches for the names.
        issuer: Issuer,
        /// The caller.
        subject: Name,
        /// What it belonged to at the time, if to anything.
        account: Option<Name>,
    },
}

/// What meters are told apart by, beside time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Series {
    /// Who.
    pub caller: Caller,
    /// On which plan; `None`: on none that is known.
    pub plan: Option<PlanName>,
    /// On which route; `None`: on none of the policy's, which is its route `*`.
    pub route: Option<RouteName>,
}

/// A series in one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Meter {
    /// Who, on what.
    pub series: Series,
    from_ms: u64,
}

/// What was used: of one meter, or of many together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests that were let through.
    pub admitted: u64,
    /// Requests that a limit refused (429).
    pub limited: u64,
    /// Requests that came to nothing for another reason: refused, or left by their client.
    pub refused: u64,
    /// Bytes that came from the client.
    pub bytes_in: u64,
    /// Bytes that went to the client.
    pub bytes_out: u64,
    /// What the admitted requests cost, in the units of the policy's limits.
    pub cost_units: u64,
}

/// A meter and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// Which meter.
    pub meter: Meter,
    /// What it shows.
    pub usage: Usage,
}

/// Whose meters are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// All there are.
    Everybody,
    /// Of those who did not say who they are.
    Anonymous,
    /// Of one subject, or of all subjects of one account.
    Holder(&'a Holder),
}

/// How far a reader of meters has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterCursor {
    pub(crate) series: i64,
    pub(crate) from_ms: u64,
}

/// Some meters, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterPage {
    /// One series after the other, each by time.
    pub meters: Vec<Metered>,
    /// `None`: these were the last.
    pub next: Option<MeterCursor>,
}

/// The meters of one batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meters {
    pub(crate) series: BTreeMap<Series, BTreeMap<u64, Usage>>,
    pub(crate) rows: usize,
}

// === impl Meter ===

impl Meter {
    /// The meter of a series in the period that a moment is in.
    ///
    /// # Errors
    /// [`StoreError::Span`] beyond the year 9999.
    pub fn at(series: Series, at_ms: u64) -> Result<Self, StoreError> {
        let from_ms = at_ms - at_ms % METER_PERIOD_MS;
        if at_ms > TIME_MS_MAX {
            let until_ms = Some(from_ms.saturating_add(METER_PERIOD_MS));
            return Err(StoreError::Span { from_ms, until_ms });
        }
        Ok(Self { series, from_ms })
    }

    /// The period's first millisecond, since 1970.
    #[must_use]
    pub fn from_ms(&self) -> u64 {
        self.from_ms
    }

    /// The first millisecond after the period.
    #[must_use]
    pub fn until_ms(&self) -> u64 {
        self.from_ms + METER_PERIOD_MS
    }
}

// === impl Usage ===

impl Usage {
    /// All requests, whatever became of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let requests = self.admitted.saturating_add(self.limited);
        requests.saturating_add(self.refused)
    }

    /// Both together; what would not fit stays at the largest number.
    #[must_use]
    pub fn plus(&self, other: &Usage) -> Usage {
        let mut sum = [0; 6];
        for (sum, (one, other)) in sum.iter_mut().zip(self.all().into_iter().zip(other.all())) {
            *sum = one.saturating_add(other);
        }
        Usage::of(sum)
    }

    /// In the order of the columns.
    pub(crate) fn all(&self) -> [u64; 6] {
        [
            self.admitted,
            self.limited,
            self.refused,
            self.bytes_in,
            self.bytes_out,
            self.cost_units,
        ]
    }

    pub(crate) fn of(numbers: [u64; 6]) -> Self {
        let [admitted, limited, refused, bytes_in, bytes_out, cost_units] = numbers;
        Self {
            admitted,
            limited,
            refused,
            bytes_in,
            bytes_out,
            cost_units,
        }
    }
}

// === impl Batch ===

impl Batch {
    /// Adds usage to a meter.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when the batch is full, or one number of the meter; nothing is added then.
    /// Send the batch first.
    pub fn meter(&mut self, meter: Meter, usage: &Usage) -> Result<(), StoreError> {
        let meters = &mut self.meters;
        let known = meters.series.get(&meter.series);
        let before = known.and_then(|periods| periods.get(&meter.from_ms));
        if before.is_none() && meters.rows >= METERS_PER_BATCH_MAX {
            return Err(StoreError::TooMany {
                what: "meters in one batch",
                max: METERS_PER_BATCH_MAX,
            });
        }
        let sum = before.copied().unwrap_or_default().plus(usage);
        if sum.all().iter().any(|number| *number > UNITS_PER_BATCH_MAX) {
            return Err(StoreError::TooMany {
                what: "units of one meter in one batch",
                max: usize::try_from(UNITS_PER_BATCH_MAX).unwrap_or(usize::MAX),
            });
        }
        meters.rows += usize::from(before.is_none());
        let periods = meters.series.entry(meter.series).or_default();
        periods.insert(meter.from_ms, sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::BatchWriter;

    fn series(subject: &str) -> Series {
        Series {
            caller: Caller::Subject {
                issuer: Issuer::parse("i").unwrap(),
                subject: Name::parse(subject).unwrap(),
                account: None,
            },
            plan: None,
            route: None,
        }
    }

    fn admitted(admitted: u64) -> Usage {
        Usage {
            admitted,
            ..Usage::default()
        }
    }

    #[test]
    fn a_moment_is_in_the_quarter_of_an_hour_that_began_last() {
        let quarter = METER_PERIOD_MS;
        for (at_ms, from_ms) in [
            (0, 0),
            (quarter - 1, 0),
            (quarter, quarter),
            (quarter + 1, quarter),
        ] {
            let meter = Meter::at(series("alice"), at_ms).unwrap();
            assert_eq!(
                (meter.from_ms(), meter.until_ms()),
                (from_ms, from_ms + quarter)
            );
        }
        assert!(Meter::at(series("alice"), TIME_MS_MAX).is_ok());
        assert!(Meter::at(series("alice"), TIME_MS_MAX + 1).is_err());
        assert!(Meter::at(series("alice"), u64::MAX).is_err());
    }

    #[test]
    fn a_batch_of_meters_adds_up_and_has_bounds() {
        let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
        let meter = |number: usize| {
            let at_ms = METER_PERIOD_MS * (number as u64 / 100);
            Meter::at(series(&(number % 100).to_string()), at_ms).unwrap()
        };
        for number in 0..METERS_PER_BATCH_MAX {
            batch.meter(meter(number), &admitted(1)).unwrap();
        }
        assert!(
            batch
                .meter(meter(METERS_PER_BATCH_MAX), &admitted(1))
                .is_err()
        );
        assert_eq!(batch.meters.rows, METERS_PER_BATCH_MAX);
        let most = admitted(UNITS_PER_BATCH_MAX - 1);
        batch.meter(meter(0), &most).unwrap();
        assert!(batch.meter(meter(0), &admitted(1)).is_err());
        assert!(batch.meter(meter(1), &admitted(u64::MAX)).is_err());
        let rows = batch.meters.series.values().flat_map(BTreeMap::values);
        let sum = rows.fold(Usage::default(), |sum, one| sum.plus(one));
        assert_eq!(
            sum.admitted,
            UNITS_PER_BATCH_MAX + METERS_PER_BATCH_MAX as u64 - 1
        );
        assert_eq!(sum.requests(), sum.admitted);
    }
}
