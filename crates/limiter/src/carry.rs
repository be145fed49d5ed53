//! What becomes of a bucket when its limit changes under it: a reload, another plan, an override.
//!
//! Every algorithm can say what a bucket has *spent* as a number of its own fine steps, of which
//! [`Scale::unit`] make one unit of cost, and can make a state out of such a number. That is all
//! that any pair of algorithms needs.

/// What a bucket takes along when its limit changes.
///
/// With `spent` units of a `capacity` (burst, limit or quota) before, and `capacity'` after:
///
/// | | spent after the change |
/// |---|---|
/// | `Keep` | `spent · capacity' / capacity`: the same share |
/// | `AsIs` | `min(spent, capacity')`: the same units |
/// | `Reset` | nothing |
///
/// Rounded up to a step (a nanosecond of a rate, a fraction of a unit elsewhere), so that a change
/// never gives anything away. Requests under way are a fact that no change of a limit undoes: a
/// concurrency limit keeps its count under each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CarryOver {
    /// The same share of the capacity stays spent. Half used before is half used after.
    #[default]
    Keep,
    /// The same number of units stays spent, at most the new capacity. Lowering a limit and
    /// raising it again forgives what was above the lower one.
    AsIs,
    /// Nothing stays spent. Whoever can change their own limits can use each anew.
    Reset,
}

/// The measure in which an algorithm counts what is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Steps that make one unit of cost; at least 1.
    pub(crate) unit: u64,
    /// Units of cost of a full bucket; at least 1.
    pub(crate) capacity: u64,
}

// === impl CarryOver ===

impl CarryOver {
    /// `spent` units of a capacity of `from`, as units of a capacity of `to`: for counts that are kept
    /// elsewhere.
    #[must_use]
    pub fn units(self, spent: u64, from: u64, to: u64) -> u64 {
        let of = |capacity| Scale { unit: 1, capacity };
        self.convert(spent, of(from), of(to))
    }

    /// `spent` steps of the measure `from`, in steps of the measure `to`.
    pub(crate) fn convert(self, spent: u64, from: Scale, to: Scale) -> u64 {
        let full = to.full();
        let converted = match self {
            Self::Reset => 0,
            Self::AsIs => mul_div_ceil(spent, u128::from(to.unit), u128::from(from.unit)).min(full),
            Self::Keep => mul_div_ceil(spent, full, from.full()),
        };
        u64::try_from(converted).unwrap_or(u64::MAX)
    }
}

// === impl Scale ===

impl Scale {
    fn full(self) -> u128 {
        u128::from(self.unit) * u128::from(self.capacity)
    }
}

/// `a · b / c` rounded up. `b` is a full bucket's steps, at most 2^62: the product fits.
fn mul_div_ceil(a: u64, b: u128, c: u128) -> u128 {
    (u128::from(a) * b).div_ceil(c.max(1))
}
