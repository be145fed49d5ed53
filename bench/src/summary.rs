//! One contender's turns put together: medians, spread, and whether it answered as it should.

use tollgate_testkit::peers::LoadReport;

use crate::scenario::Scenario;

/// One turn of one contender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// What the load generator saw.
    pub(crate) load: LoadReport,
    /// CPU time that the contender used meanwhile, in µs.
    pub(crate) cpu_us: u64,
    /// As much of it as the process behind used that is asked about each request; 0 without one.
    pub(crate) cpu_us_behind: u64,
}

impl Turn {
    fn cpu_us_per_request(&self) -> f64 {
        self.per_request(self.cpu_us)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "figures for people; far below 2^53"
    )]
    fn per_request(&self, cpu_us: u64) -> f64 {
        cpu_us as f64 / self.load.requests.max(1) as f64
    }
}

/// All turns of one contender.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    /// Median CPU time a request, in µs.
    pub(crate) cpu_us: f64,
    /// The least and the most of it.
    pub(crate) cpu_us_range: (f64, f64),
    /// Median of what the process behind used of it; 0 without one.
    pub(crate) cpu_us_behind: f64,
    /// Median answers a second.
    pub(crate) per_second: f64,
    /// Median of the turns' median latencies, in µs.
    pub(crate) p50_us: f64,
    /// Median of the turns' 99th percentiles, in µs.
    pub(crate) p99_us: f64,
    /// What was answered, where it is not what the scenario asks for.
    pub(crate) remark: Option<String>,
}

impl Summary {
    /// `None` without turns.
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures for people; far below 2^53"
    )]
    pub(crate) fn of(scenario: Scenario, turns: &[Turn]) -> Option<Summary> {
        let values = |value: &dyn Fn(&Turn) -> f64| {
            let mut values: Vec<f64> = turns.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let cpu = values(&Turn::cpu_us_per_request);
        Some(Summary {
            cpu_us: median(&cpu)?,
            cpu_us_range: (*cpu.first()?, *cpu.last()?),
            cpu_us_behind: median(&values(&|turn| turn.per_request(turn.cpu_us_behind)))?,
            per_second: median(&values(&|turn| turn.load.requests_per_second()))?,
            p50_us: median(&values(&|turn| turn.load.p50_us as f64))?,
            p99_us: median(&values(&|turn| turn.load.p99_us as f64))?,
            remark: remark(scenario, turns),
        })
    }
}

/// The middle of sorted values; between the two middles of an even number.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}

/// Answers of the wrong kind spoil a comparison; they are told beside the figures.
fn remark(scenario: Scenario, turns: &[Turn]) -> Option<String> {
    let sum =
        |value: fn(&LoadReport) -> u64| turns.iter().map(|turn| value(&turn.load)).sum::<u64>();
    let (answers, refused, errors) = (
        sum(|load| load.requests),
        sum(|load| load.refused),
        sum(|load| load.socket_errors),
    );
    let mut remarks = Vec::new();
    match scenario {
        Scenario::Job | Scenario::Envoy | Scenario::Rls if refused > 0 => {
            remarks.push(format!("{refused} of {answers} refused"))
        }
        // A bucket's first request passes: one a user and path.
        Scenario::Limited | Scenario::Garbage | Scenario::Forged
            if refused < answers - answers / 100 =>
        {
            remarks.push(format!("only {refused} of {answers} refused"));
        }
        _ => {}
    }
    if errors > 0 {
        remarks.push(format!("{errors} socket errors"));
    }
    (!remarks.is_empty()).then(|| remarks.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(requests: u64, cpu_us: u64, refused: u64) -> Turn {
        let load = LoadReport {
            requests,
            duration_us: 1_000_000,
            p50_us: 100,
            p99_us: 200,
            max_us: 300,
            refused,
            socket_errors: 0,
        };
        Turn {
            load,
            cpu_us,
            cpu_us_behind: cpu_us / 2,
        }
    }

    #[test]
    fn the_median_and_the_spread_are_of_the_turns() {
        let turns = [
            turn(100, 3_000, 0),
            turn(100, 1_000, 0),
            turn(100, 2_000, 0),
        ];
        let summary = Summary::of(Scenario::Job, &turns).unwrap();
        assert!((summary.cpu_us - 20.0).abs() < 1e-9);
        assert!((summary.cpu_us_behind - 10.0).abs() < 1e-9);
        assert_eq!(summary.cpu_us_range, (10.0, 30.0));
        assert_eq!(summary.remark, None);
        let even = Summary::of(Scenario::Job, &turns[..2]).unwrap();
        assert!((even.cpu_us - 20.0).abs() < 1e-9);
        assert_eq!(Summary::of(Scenario::Job, &[]), None);
    }

    #[test]
    fn answers_of_the_wrong_kind_are_remarked_on() {
        let remark = |scenario, refused| {
            let turns = [turn(1_000, 1, refused)];
            Summary::of(scenario, &turns).unwrap().remark
        };
        assert_eq!(remark(Scenario::Job, 3).unwrap(), "3 of 1000 refused");
        assert_eq!(remark(Scenario::Limited, 995), None);
        assert_eq!(
            remark(Scenario::Forged, 0).unwrap(),
            "only 0 of 1000 refused"
        );
    }
}
