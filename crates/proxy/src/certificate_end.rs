//! A connection ends with its client's certificate.
//!
//! Requests behind that end are refused, so a client that holds its connection for hours and
//! its certificate for one would be refused for good, with the next certificate in its hand.
//! It is asked to come again instead: what is under way is finished.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_engine::ClientCertificate;
use tollgate_engine::limiter::Now;

use crate::timer::LazyTimer;

/// When the client of a connection is to come again.
#[derive(Debug)]
pub(crate) struct CertificateEnd {
    at: Option<Instant>,
    timer: LazyTimer,
}

impl CertificateEnd {
    pub(crate) fn of(certificate: Option<&ClientCertificate>, now: Now) -> Self {
        let at = certificate.and_then(|certificate| {
            // Its last second counts as well.
            let past_s = certificate.expires_unix_s()?.saturating_add(1);
            let left_ms = past_s.saturating_mul(1_000).saturating_sub(now.unix_ms);
            Instant::now().checked_add(Duration::from_millis(left_ms))
        });
        let timer = LazyTimer::new();
        Self { at, timer }
    }

    /// Ready once it has come; else the task is woken then, or earlier.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.at {
            Some(at) => self.timer.poll_deadline(cx, at),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tollgate_engine::limiter::Nanos;

    use super::*;

    /// 2030-01-01.
    const END_MS: u64 = 1_893_456_000_000;

    fn certificate(year: i32) -> ClientCertificate {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap());
        ClientCertificate::read(made.unwrap().der(), &[7; 16])
    }

    fn end(certificate: &ClientCertificate, unix_ms: u64) -> CertificateEnd {
        let mono = Nanos(0);
        CertificateEnd::of(Some(certificate), Now { mono, unix_ms })
    }

    #[tokio::test(start_paused = true)]
    async fn it_comes_when_the_last_second_is_over() {
        let mut end = end(&certificate(2030), END_MS - 60_000);
        let started = Instant::now();
        poll_fn(|cx| end.poll(cx)).await;
        let passed = started.elapsed();
        assert!((61_000..61_010).contains(&passed.as_millis()), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_come_for_one_that_is_over_and_never_does_for_none() {
        let mut over = end(&certificate(2029), END_MS);
        poll_fn(|cx| over.poll(cx)).await;
        let now = Now {
            mono: Nanos(0),
            unix_ms: END_MS,
        };
        let unreadable = ClientCertificate::read(b"none", &[7; 16]);
        let mut never = [
            CertificateEnd::of(None, now),
            CertificateEnd::of(Some(&unreadable), now),
            end(&certificate(9999), 0),
        ];
        let years = Duration::from_secs(5 * 366 * 86_400);
        for never in &mut never {
            let waited = tokio::time::timeout(years, poll_fn(|cx| never.poll(cx)));
            assert!(waited.await.is_err());
        }
    }
}
