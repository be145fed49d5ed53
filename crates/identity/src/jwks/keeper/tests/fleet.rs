//! Many instances of one moment in front of one issuer.

use super::*;

/// Two hundred instances of one moment: the first fetch is at once, since readiness waits for it;
/// what follows spreads over a tenth of the interval.
#[tokio::test(start_paused = true)]
async fn case_041_a_fleet_that_starts_together_does_not_refresh_together() {
    const FLEET: u64 = 200;
    let mut fleet = Vec::new();
    for _ in 0..FLEET {
        fleet.push(World::start(Mood::Serves(ED_A)).await);
    }
    let asked = || fleet.iter().map(World::asked).sum::<u64>();
    assert_eq!(asked(), FLEET);
    fleet[0].pass(539).await;
    assert_eq!(asked(), FLEET, "jitter takes at most a tenth");
    let mut most = 0;
    for _ in 0..62 {
        let before = asked();
        fleet[0].pass(1).await;
        most = most.max(asked() - before);
    }
    assert_eq!(asked(), 2 * FLEET);
    // Evenly spread it is 3 or 4 a second; without jitter it would be all of them.
    assert!(most <= FLEET / 10, "{most} of {FLEET} in one second");
}

/// While an issuer is down a fleet comes back to it spread as well.
#[tokio::test(start_paused = true)]
async fn case_041_a_fleet_does_not_retry_a_failing_issuer_together() {
    const FLEET: u32 = 200;
    let pace = RefreshPace::default();
    let waits: Vec<_> = (0..FLEET)
        .map(|_| pace.after_failure(6, true, random()).as_millis())
        .collect();
    let within_a_second = |first: &u128| {
        let second = *first..*first + 1_000;
        waits.iter().filter(|wait| second.contains(wait)).count()
    };
    let most = waits.iter().map(within_a_second).max();
    assert!(most <= Some(20), "{most:?} of {FLEET} in one second");
}
