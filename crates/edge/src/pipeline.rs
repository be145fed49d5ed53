//! The way of one request through the compiled architecture, up to its answer or to the origin.

mod cloudfront;

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request};
use tollgate_limiter::{Clock, Now};

use self::cloudfront::{clean, leave};
use crate::event::{self, Returned, Viewer};
use crate::function::Function;
use crate::manifest::{Lock, Manifest, Variant};
use crate::meter::{Meter, Summary};
use crate::record::{By, Entry, Record};
use crate::waf::{Seen, Waf};

/// Where CloudFront's own connections come from, for whatever stands behind it (RFC 5737).
const CLOUDFRONT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));

/// The compiled architecture, and what has happened in it.
pub(crate) struct Pipeline {
    manifest: Manifest,
    function: Function,
    waf: Box<dyn Waf>,
    clock: Arc<dyn Clock>,
    meter: Meter,
    requests: u64,
}

/// Where a request ends.
#[derive(Debug)]
pub(crate) enum Way {
    /// Here, with this answer.
    Answer(Response<Bytes>),
    /// At the origin.
    Origin(request::Parts),
}

/// A step's outcome: the request goes on so, or is answered.
type Step = ControlFlow<Response<Bytes>, request::Parts>;

// === impl Pipeline ===

impl Pipeline {
    pub(crate) fn new(
        manifest: Manifest,
        function: Function,
        waf: Box<dyn Waf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            meter: Meter::new(waf.rate_rules()),
            function: function.with_clock(Arc::clone(&clock)),
            manifest,
            waf,
            clock,
            requests: 0,
        }
    }

    /// Sends a request's head on its way; `client` is where the connection comes from.
    pub(crate) fn pass(
        &mut self,
        entry: Entry,
        head: request::Parts,
        client: IpAddr,
    ) -> (Way, Record) {
        let now = self.clock.now();
        self.requests += 1;
        let mut record = Record::new(entry, client.to_string(), &head, now.unix_ms);
        let end = self.steps(entry, head, client, now, &mut record);
        self.meter.decided(record.by);
        let way = match end {
            Continue(head) => Way::Origin(head),
            Break(answer) => Way::Answer(answer),
        };
        (way, record)
    }

    fn steps(
        &mut self,
        entry: Entry,
        head: request::Parts,
        client: IpAddr,
        now: Now,
        record: &mut Record,
    ) -> Step {
        match (entry, self.manifest.variant) {
            (Entry::Viewer, Variant::After | Variant::Chained) => {
                let head = self.function(&clean(head), client, record)?;
                let head = leave(&self.manifest, head, client);
                self.waf(head, CLOUDFRONT, now, record)
            }
            (Entry::Viewer, Variant::Before) => {
                let head = self.waf(clean(head), client, now, record)?;
                let head = self.function(&head, client, record)?;
                Continue(leave(&self.manifest, head, client))
            }
            (Entry::Behind, Variant::Chained) => self.waf(clean(head), client, now, record),
            (Entry::Behind, _) => self.waf(head, client, now, record),
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        self.meter.summary()
    }

    fn function(&mut self, head: &request::Parts, client: IpAddr, record: &mut Record) -> Step {
        let viewer = Viewer {
            ip: client,
            request_id: &format!("local-{}", self.requests),
        };
        let result = self.function.call(&event::viewer_request(head, &viewer));
        record.log = self.function.take_log();
        let (status, error) = match result.map(|value| event::returned(&value, head)) {
            Ok(Ok(Returned::Request(head))) => {
                // What WAF saw stays, where it has looked before the function.
                record.id = record.id.take().or_else(|| self.id_of(&head));
                return Continue(head);
            }
            Ok(Ok(Returned::Response(response))) => {
                record.by = By::Function;
                return Break(response);
            }
            Ok(Err(error)) => (StatusCode::BAD_GATEWAY, error.to_string()),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        record.by = By::Function;
        let answer = plain(status, &error);
        record.error = Some(error);
        Break(answer)
    }

    fn waf(&mut self, head: request::Parts, source: IpAddr, now: Now, record: &mut Record) -> Step {
        record.id = self.id_of(&head);
        let seen = Seen {
            head: &head,
            source,
        };
        let verdict = self.waf.decide(&seen, now.mono);
        self.meter.waf(&verdict, now.mono);
        let Some(block) = verdict.block else {
            return Continue(head);
        };
        let lock = self.manifest.lock.as_ref();
        let locked_out = !block.by_rate && lock.is_some_and(|lock| !opens(lock, &head));
        record.by = if locked_out { By::Lock } else { By::Waf };
        record.rule = block.rule;
        Break(block.response)
    }

    fn id_of(&self, head: &request::Parts) -> Option<String> {
        let value = head.headers.get(&self.manifest.id_header)?;
        value.to_str().ok().map(str::to_owned)
    }
}

fn opens(lock: &Lock, head: &request::Parts) -> bool {
    let mut values = head.headers.get_all(&lock.header).iter();
    values.any(|value| value.as_bytes() == lock.secret.as_bytes())
}

/// An answer of the local edge's own: its reason is what whoever tries it wants to read.
pub(crate) fn plain(status: StatusCode, reason: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{reason}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
