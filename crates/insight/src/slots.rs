//! What is looked for in a line, under the names that each format has for it.

use std::borrow::Cow;

use crate::columns::{Column, Columns};
use crate::format::Format;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Date,
    Time,
    /// Method, target and version in one.
    Request,
    Method,
    Target,
    Status,
    BytesIn,
    BytesOut,
    /// CloudFront's type of result.
    Result,
    /// The gateway's own verdict.
    Verdict,
    Mode,
    Route,
    Subject,
    Account,
    Plan,
}

pub(crate) const SLOTS: usize = Slot::Plan as usize + 1;

/// The values that a line has.
#[derive(Debug, Default)]
pub(crate) struct Values<'l> {
    values: [Option<Cow<'l, str>>; SLOTS],
    /// Which of the names that a slot has was seen: of several, the one that comes first in the list.
    ranks: [usize; SLOTS],
}

/// The names of a format, and of the operator's columns.
#[derive(Debug)]
pub(crate) struct Wanted {
    names: Vec<(String, Slot)>,
    columns: [Option<Column>; 3],
}

const CLOUDFRONT: &[(&str, Slot)] = &[
    ("date", Slot::Date),
    ("time", Slot::Time),
    ("timestamp(ms)", Slot::Time),
    ("timestamp", Slot::Time),
    ("cs-method", Slot::Method),
    ("cs-uri-stem", Slot::Target),
    ("sc-status", Slot::Status),
    ("cs-bytes", Slot::BytesIn),
    ("sc-bytes", Slot::BytesOut),
    ("x-edge-result-type", Slot::Result),
];
const OWN: &[(&str, Slot)] = &[
    ("time_unix_ms", Slot::Time),
    ("method", Slot::Method),
    ("path", Slot::Target),
    ("status", Slot::Status),
    ("bytes", Slot::BytesOut),
    ("verdict", Slot::Verdict),
    ("mode", Slot::Mode),
    ("route", Slot::Route),
    ("plan", Slot::Plan),
    ("bucket", Slot::Subject),
];
const API_GATEWAY: &[(&str, Slot)] = &[
    ("ts", Slot::Time),
    ("requestTimeEpoch", Slot::Time),
    ("requestTime", Slot::Time),
    ("m", Slot::Method),
    ("httpMethod", Slot::Method),
    ("route", Slot::Target),
    ("resourcePath", Slot::Target),
    ("routeKey", Slot::Target),
    ("path", Slot::Target),
    ("st", Slot::Status),
    ("status", Slot::Status),
    ("responseLength", Slot::BytesOut),
];
const ALB: &[(&str, Slot)] = &[
    ("time", Slot::Time),
    ("elb_status_code", Slot::Status),
    ("received_bytes", Slot::BytesIn),
    ("sent_bytes", Slot::BytesOut),
    ("request", Slot::Request),
];
const NGINX: &[(&str, Slot)] = &[
    ("time_local", Slot::Time),
    ("time_iso8601", Slot::Time),
    ("msec", Slot::Time),
    ("request", Slot::Request),
    ("status", Slot::Status),
    ("request_length", Slot::BytesIn),
    ("body_bytes_sent", Slot::BytesOut),
    ("bytes_sent", Slot::BytesOut),
];
const ENVOY: &[(&str, Slot)] = &[
    ("start_time", Slot::Time),
    ("method", Slot::Method),
    ("path", Slot::Target),
    ("response_code", Slot::Status),
    ("bytes_received", Slot::BytesIn),
    ("bytes_sent", Slot::BytesOut),
];

/// The fields of a line of ALB, in their order; later ones are not looked at.
pub(crate) const ALB_FIELDS: &str = "type time elb client:port target:port \
    request_processing_time target_processing_time response_processing_time elb_status_code \
    target_status_code received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol \
    target_group_arn trace_id domain_name chosen_cert_arn matched_rule_priority \
    request_creation_time actions_executed redirect_url error_reason";
/// The fields of nginx' `combined`, and those that the manual adds.
pub(crate) const NGINX_FIELDS: &str = "remote_addr ident remote_user time_local request status \
    body_bytes_sent http_referer http_user_agent request_length subject account";

impl Wanted {
    pub(crate) fn new(format: Format, columns: &Columns) -> Self {
        let names = match format {
            Format::Tollgate => OWN,
            Format::CloudFront | Format::CloudFrontJson => CLOUDFRONT,
            Format::ApiGateway => API_GATEWAY,
            Format::Alb => ALB,
            Format::Nginx => NGINX,
            Format::Envoy => ENVOY,
        };
        let named = [
            (Slot::Subject, columns.subject.clone()),
            (Slot::Account, columns.account.clone()),
            (Slot::Plan, columns.plan.clone()),
        ];
        let is_replaced = |slot: Slot| {
            named
                .iter()
                .any(|(of, column)| *of == slot && column.is_some())
        };
        let usual = names.iter().filter(|(_, slot)| !is_replaced(*slot));
        let mut names: Vec<_> = usual
            .map(|(name, slot)| ((*name).to_owned(), *slot))
            .collect();
        for (slot, column) in &named {
            names.extend(column.iter().map(|column| (column.field.clone(), *slot)));
        }
        Self {
            names,
            columns: named.map(|(_, column)| column),
        }
    }

    /// What a field is for: several things, perhaps.
    pub(crate) fn of_field<'w>(
        &'w self,
        name: &'w str,
    ) -> impl Iterator<Item = (usize, Slot)> + 'w {
        let names = self.names.iter().enumerate();
        let named = names.filter(move |(_, (of, _))| of == name);
        named.map(|(rank, (_, slot))| (rank, *slot))
    }

    /// The names of the operator's columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .flatten()
            .map(|column| column.field.as_str())
    }

    /// Who called, for whom and on which plan, as the operator's columns have it.
    pub(crate) fn callers<'l>(&self, values: &mut Values<'l>) -> [Option<Cow<'l, str>>; 3] {
        let slots = [Slot::Subject, Slot::Account, Slot::Plan];
        let mut found = [None, None, None];
        for ((slot, column), found) in slots.into_iter().zip(&self.columns).zip(&mut found) {
            let value = values.take(slot);
            *found = match column {
                Some(column) => value.and_then(|value| column.of(value)),
                None => value.filter(|value| !value.is_empty() && value != "-"),
            };
        }
        found
    }
}

impl<'l> Values<'l> {
    pub(crate) fn put(&mut self, slot: Slot, rank: usize, value: Cow<'l, str>) {
        let at = slot as usize;
        if self.values[at].is_none() || rank < self.ranks[at] {
            self.values[at] = Some(value);
            self.ranks[at] = rank;
        }
    }

    pub(crate) fn take(&mut self, slot: Slot) -> Option<Cow<'l, str>> {
        self.values[slot as usize].take()
    }
}
