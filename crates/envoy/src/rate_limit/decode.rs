//! Descriptors to what the engine decides.

use smallvec::SmallVec;
use tollgate_engine::policy::WindowUnit;
use tollgate_engine::{Descriptor, Hits, Override};
use tonic::Status;

use crate::messages::rate_limit::{RateLimitDescriptor, RateLimitRequest, Unit};

/// The descriptors of a question.
pub(super) fn descriptors(
    request: &RateLimitRequest,
) -> Result<SmallVec<[Descriptor<'_>; 2]>, Status> {
    let each = request.descriptors.iter();
    each.map(|descriptor| {
        let entries = descriptor.entries.iter();
        Ok(Descriptor {
            entries: entries.map(|entry| (&*entry.key, &*entry.value)).collect(),
            hits: hits(descriptor, request.hits_addend),
            limit: brought_along(descriptor)?,
        })
    })
    .collect()
}

/// A descriptor's own hits count before the question's; of a question that says none it is one.
pub(crate) fn hits(descriptor: &RateLimitDescriptor, of_question: u32) -> Hits {
    let hits = match descriptor.hits_addend {
        Some(hits) => hits.value,
        None => u64::from(of_question.max(1)),
    };
    match descriptor.is_negative_hits {
        true => Hits::GiveBack(hits),
        false => Hits::Take(hits),
    }
}

fn brought_along(descriptor: &RateLimitDescriptor) -> Result<Option<Override>, Status> {
    let Some(limit) = &descriptor.limit else {
        return Ok(None);
    };
    // The numbers of `envoy.type.v3.RateLimitUnit` and of the answer's own unit are the same but for the week.
    let unit = match limit.unit {
        1 => WindowUnit::Second,
        2 => WindowUnit::Minute,
        3 => WindowUnit::Hour,
        4 => WindowUnit::Day,
        5 => WindowUnit::Month,
        6 => WindowUnit::Year,
        _ => {
            return Err(Status::invalid_argument(
                "a descriptor's `limit` has no known unit",
            ));
        }
    };
    Ok(Some(Override {
        requests: limit.requests_per_unit,
        unit,
    }))
}

/// A unit as answers name it.
pub(super) fn unit(unit: WindowUnit) -> Unit {
    match unit {
        WindowUnit::Second => Unit::Second,
        WindowUnit::Minute => Unit::Minute,
        WindowUnit::Hour => Unit::Hour,
        WindowUnit::Day => Unit::Day,
        WindowUnit::Week => Unit::Week,
        WindowUnit::Month => Unit::Month,
        WindowUnit::Year => Unit::Year,
    }
}
