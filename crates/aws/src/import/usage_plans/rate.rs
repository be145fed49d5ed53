//! A rate as an exact fraction: from a decimal number, to a policy's text, and back.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use tollgate_policy::{RATE_PER_SECOND_MAX, RATE_PERIOD_SECONDS_MAX, REFILL_MAX, Rate};

/// Digits of a decimal number that is read: two of them multiplied still fit 128 bits.
const DIGITS_MAX: usize = 18;

/// Requests a second, as `units` in `seconds`, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RatePerSecond {
    units: u128,
    seconds: u128,
}

/// Why a number is not a rate of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not a decimal number of at most 18 digits.
    #[error("is not a number above zero")]
    NotANumber,
    /// Zero: nothing would ever be admitted.
    #[error("is zero, which admits nothing: no limit of a policy says that")]
    Zero,
    /// Under one in 366 days.
    #[error("is slower than one request in 366 days, the slowest rate of a policy")]
    TooSlow,
    /// Above ten million a second.
    #[error("is above 10,000,000 a second, the fastest rate of a policy")]
    TooFast,
    /// The burst takes too long to come back.
    #[error("takes longer than 146 years to refill its burst, the most a policy can count")]
    NeverFull,
}

/// A rate as a policy says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyRate {
    /// What is written.
    pub rate: Rate,
    /// Whether it is the same number, and not the nearest one that a policy can say.
    pub exact: bool,
}

// === impl RatePerSecond ===

impl RatePerSecond {
    /// Reads a decimal number of requests a second, for example `100`, `0.1` or `1e-6`.
    ///
    /// # Errors
    /// [`RateError`] where it is no number above zero.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (mantissa, exponent) = match text.trim().split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                exponent.parse().map_err(|_| RateError::NotANumber)?,
            ),
            None => (text.trim(), 0_i32),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let is_number = !whole.is_empty()
            && digits.len() <= DIGITS_MAX
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(RateError::NotANumber);
        }
        if digits.is_empty() {
            return Err(RateError::Zero);
        }
        let units: u128 = digits.parse().map_err(|_| RateError::NotANumber)?;
        let places = i32::try_from(fraction.len()).map_err(|_| RateError::NotANumber)?;
        let power = exponent.saturating_sub(places);
        let Some(scale) = 10_u128.checked_pow(power.unsigned_abs()) else {
            return Err(if power < 0 {
                RateError::TooSlow
            } else {
                RateError::TooFast
            });
        };
        if power < 0 {
            return Ok(Self::new(units, scale));
        }
        let units = units.checked_mul(scale).ok_or(RateError::TooFast)?;
        Ok(Self::new(units, 1))
    }

    /// The rate of a policy's limit.
    #[must_use]
    pub fn of_policy(rate: Rate) -> Self {
        Self::new(
            u128::from(rate.count.get()) * 1_000_000_000,
            rate.period.as_nanos(),
        )
    }

    /// `units` in `seconds`, in lowest terms.
    #[must_use]
    pub fn fraction(self) -> (u128, u128) {
        (self.units, self.seconds)
    }

    /// The rate as a policy says it: the same where that is possible, else the nearest.
    ///
    /// # Errors
    /// [`RateError`] where it is out of a policy's range.
    pub fn to_policy(self) -> Result<PolicyRate, RateError> {
        let most = u128::from(RATE_PERIOD_SECONDS_MAX);
        if self > Self::new(u128::from(RATE_PER_SECOND_MAX), 1) {
            return Err(RateError::TooFast);
        }
        if self < Self::new(1, most) {
            return Err(RateError::TooSlow);
        }
        let near = self.nearest(most);
        let count = u64::try_from(near.units).ok().and_then(NonZeroU64::new);
        let seconds = u64::try_from(near.seconds).map_err(|_| RateError::TooSlow)?;
        Ok(PolicyRate {
            rate: Rate {
                count: count.ok_or(RateError::TooFast)?,
                period: Duration::from_secs(seconds),
            },
            exact: near == self,
        })
    }

    /// Whether `burst` comes back within what a policy can count.
    ///
    /// # Errors
    /// [`RateError::NeverFull`].
    pub fn refills(self, burst: u64) -> Result<(), RateError> {
        let interval_ns = (self.seconds * 1_000_000_000).div_ceil(self.units);
        let refill_ns = interval_ns.saturating_mul(u128::from(burst));
        if refill_ns > REFILL_MAX.as_nanos() {
            return Err(RateError::NeverFull);
        }
        Ok(())
    }

    /// What the rate that is counted is below this one at most, in millionths, where that is a
    /// millionth or more: the time between two requests is counted in whole nanoseconds.
    #[must_use]
    pub fn rounding_millionths(self) -> Option<u128> {
        let span_ns = self.seconds * 1_000_000_000;
        if span_ns.is_multiple_of(self.units) {
            return None;
        }
        let interval_ns = span_ns.div_ceil(self.units);
        let millionths = 1_000_000 / interval_ns;
        (millionths > 0).then_some(millionths)
    }

    fn new(units: u128, seconds: u128) -> Self {
        let divisor = gcd(units, seconds).max(1);
        Self {
            units: units / divisor,
            seconds: seconds / divisor,
        }
    }

    /// The last convergent of the continued fraction whose denominator is at most `most`: no fraction
    /// with a smaller denominator is nearer.
    fn nearest(self, most: u128) -> Self {
        let (mut above, mut below) = (self.units, self.seconds);
        let (mut last, mut next) = ((0, 1), (1, 0));
        while below != 0 {
            let whole = above / below;
            let following: (u128, u128) = (whole * next.0 + last.0, whole * next.1 + last.1);
            if following.1 > most {
                break;
            }
            (last, next) = (next, following);
            (above, below) = (below, above % below);
        }
        Self::new(next.0, next.1)
    }
}

impl PartialOrd for RatePerSecond {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RatePerSecond {
    fn cmp(&self, other: &Self) -> Ordering {
        // Cross-multiplication can leave 128 bits for absurd numbers only, and says "huge" then.
        let left = self.units.saturating_mul(other.seconds);
        left.cmp(&other.units.saturating_mul(self.seconds))
    }
}

/// As a decimal number where it is one of at most 18 places, else as a fraction.
impl fmt::Display for RatePerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = 18_u32;
        let scaled = self.units.checked_mul(10_u128.pow(places));
        match scaled.filter(|scaled| scaled.is_multiple_of(self.seconds)) {
            Some(scaled) => {
                let digits = scaled / self.seconds;
                let unit = 10_u128.pow(places);
                let text = format!("{}.{:018}", digits / unit, digits % unit);
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            None => write!(f, "{}/{}", self.units, self.seconds),
        }
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (String, bool) {
        let rate = RatePerSecond::parse(text).unwrap().to_policy().unwrap();
        (rate.rate.to_string(), rate.exact)
    }

    #[test]
    fn fractions_of_a_request_become_whole_ones_in_a_longer_period() {
        for (text, policy) in [
            ("100", "100/s"),
            ("100.0", "100/s"),
            ("0.1", "1/10s"),
            ("2.5", "5/2s"),
            ("0.3", "3/10s"),
            ("33.3333", "333333/10000s"),
            ("0.000001", "1/1000000s"),
            ("1e-6", "1/1000000s"),
            ("1e4", "10000/s"),
            ("10000000", "10000000/s"),
            ("0.016666", "8333/500000s"),
        ] {
            assert_eq!(written(text), (policy.to_owned(), true), "{text}");
            let rate = RatePerSecond::parse(text).unwrap();
            let policy = rate.to_policy().unwrap().rate;
            assert_eq!(RatePerSecond::of_policy(policy), rate, "{text}");
        }
    }

    #[test]
    fn what_a_policy_cannot_say_exactly_is_the_nearest_that_it_can() {
        // A double of 100/3 and of 1/60.
        assert_eq!(written("33.3333333333333357"), ("100/3s".to_owned(), false));
        assert_eq!(written("0.0166666666666666"), ("1/min".to_owned(), false));
        assert!(!written("0.00000017").1);
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_reason() {
        let error = |text: &str| match RatePerSecond::parse(text) {
            Ok(rate) => rate.to_policy().unwrap_err(),
            Err(error) => error,
        };
        for text in [
            "",
            "-1",
            "ten",
            "1.2.3",
            ".",
            "1e",
            "NaN",
            "1234567890123456789",
        ] {
            assert_eq!(error(text), RateError::NotANumber, "{text}");
        }
        for text in ["0", "0.0", "0e5"] {
            assert_eq!(error(text), RateError::Zero, "{text}");
        }
        for text in ["1e-9", "0.00000003", "1e-300"] {
            assert_eq!(error(text), RateError::TooSlow, "{text}");
        }
        for text in ["10000001", "1e300", "1e30"] {
            assert_eq!(error(text), RateError::TooFast, "{text}");
        }
        let slow = RatePerSecond::parse("0.000001").unwrap();
        assert_eq!(slow.refills(4_000), Ok(()));
        assert_eq!(slow.refills(5_000), Err(RateError::NeverFull));
    }

    #[test]
    fn rates_are_ordered_and_shown_as_numbers() {
        let rate = |text| RatePerSecond::parse(text).unwrap();
        assert!(rate("0.1") < rate("0.11") && rate("3") > rate("2.999"));
        for text in ["0.1", "100", "33.3333", "0.000001"] {
            assert_eq!(rate(text).to_string(), text);
        }
        assert_eq!(rate("100").rounding_millionths(), None);
        assert_eq!(rate("30000").rounding_millionths(), Some(29));
        assert_eq!(rate("3").rounding_millionths(), None);
    }
}
