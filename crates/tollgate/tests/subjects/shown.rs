//! A gateway whose store has ten million subjects, as an operator meets it: an explained request and a customer's
//! page, over HTTP, and the memory of the process.

use std::time::{Duration, Instant};

use reqwest::blocking::Response;
use rustix::process::Signal;
use tollgate_testkit::peers::Peer;

use crate::operated::Operated;
use crate::{HOLDER_BYTES, REST_BYTES, SUBJECTS, TOKEN_BYTES, TOKENS, fill, machine, mib, run};

/// How many are looked at.
const LOOKED_AT: u32 = 1_000;
/// How long a look may take: on average by the gateway's processor time, of half of all by the clock, and of each by
/// the clock at one of a few tries. A machine that does other things, too, stands still for a look now and then.
const LOOK_MAX: Duration = Duration::from_millis(50);
const LATE_TRIES: usize = 5;
const LATE_PAUSE: Duration = Duration::from_millis(100);
/// Each of those looked at was there every hour of so many days, on both routes.
const DAYS: u64 = 30;
/// Until it has read its store, at most.
const LOAD_MAX: Duration = Duration::from_secs(180);
/// While plans are loaded, for each row that was read.
const LOADING_BYTES: u64 = 40;

#[test]
fn a_gateway_with_ten_million_subjects_shows_any_of_them_at_once() {
    let _machine = machine();
    let plans = format!(
        "routes: [GET /orders, POST /orders]
plans:
  free: {{limits: [{{name: monthly, quota: 1/month, on_exceed: block}}]}}
  pro: {{limits: [{{name: monthly, quota: 20/month, on_exceed: block}}]}}
default_plan: free
counting: {{users: {SUBJECTS}, networks: 1024}}
"
    );
    // Made by a gateway, filled while there is none, and opened by the next.
    let mut operated = Operated::with_store(&plans, "", &format!(", holders: {SUBJECTS}"));
    operated.running.end(Signal::TERM);
    let issuer = operated.running.issuer.url().to_owned();
    let file = operated.folder.path().join("tollgate.db");
    fill(&file, &issuer);
    fill_usage(&file, &issuer);
    let begun = Instant::now();
    operated.running.begin();
    let ready = |answer: Response| answer.status() == 200;
    while !operated.running.try_admin("/readyz").is_ok_and(ready) {
        assert!(
            begun.elapsed() < LOAD_MAX,
            "{}",
            operated.running.gateway.output()
        );
        std::thread::yield_now();
    }
    println!("ready with {SUBJECTS} subjects in {:?}", begun.elapsed());

    let seat = Seat::take(&operated);
    let gateway = &operated.running.gateway;
    look_at_each(gateway, "a request explained", |name| {
        let explanation = operated.explain(name, "/orders");
        assert_eq!(explanation["plan"], "pro");
    });
    look_at_each(gateway, "a customer's page", |name| {
        let page = seat.page(&operated, name);
        assert!(page.contains(name) && page.contains("pro"), "{page}");
    });

    let buckets = gauge(&operated.running.metrics(), "tollgate_buckets_bytes");
    let holders = SUBJECTS * (HOLDER_BYTES + LOADING_BYTES);
    let most = buckets + holders + TOKENS * TOKEN_BYTES + REST_BYTES;
    let resident = operated.running.gateway.resident_bytes();
    println!("{} MiB resident, {} MiB declared", mib(resident), mib(most));
    assert!(
        resident <= most,
        "{resident} bytes are resident, {most} are declared"
    );
}

/// What those looked at used in the last days, hour by hour, in the meters.
fn fill_usage(file: &std::path::Path, issuer: &str) {
    let step = SUBJECTS / u64::from(LOOKED_AT);
    let hours = DAYS * 24;
    run(
        file,
        &format!(
            "import time
    hour = int(time.time()) // 3600 * 3600000
    first = hour - {hours} * 3600000
    store.executemany(\"INSERT INTO meter_series VALUES (?, ?, ?, '', 'pro', ?, ?, ?)\",
        ((2 * n + r, '{issuer}', 'user-%08d' % (n * {step}), route, first, hour)
            for n in range({LOOKED_AT}) for r, route in enumerate(('GET /orders', 'POST /orders'))))
    store.executemany('INSERT INTO meters VALUES (?, ?, 9, 1, 0, 512, 4096, 10)',
        ((series, first + h * 3600000) for series in range(2 * {LOOKED_AT}) for h in range({hours})))"
        ),
    );
}

/// Looks at each of them, and holds that it was in time.
fn look_at_each(gateway: &Peer, what: &str, look: impl Fn(&str)) {
    let timed = |name: &str| {
        let begun = Instant::now();
        look(name);
        begun.elapsed()
    };
    let step = SUBJECTS / u64::from(LOOKED_AT);
    let cpu_before_us = gateway.cpu_us();
    let mut looks: Vec<(Duration, String)> = (0..LOOKED_AT)
        .map(|number| format!("user-{:08}", u64::from(number) * step))
        .map(|name| (timed(&name), name))
        .collect();
    let cpu = Duration::from_micros(gateway.cpu_us() - cpu_before_us) / LOOKED_AT;
    looks.sort_unstable();
    let (half, longest) = (looks[looks.len() / 2].0, looks[looks.len() - 1].0);
    let late = looks.iter().filter(|(took, _)| *took >= LOOK_MAX);
    println!(
        "{what}, {LOOKED_AT} subjects: {cpu:?} of a processor each, {half:?} of half, {longest:?} at most, {} late",
        late.clone().count()
    );
    assert!(
        cpu < LOOK_MAX && half < LOOK_MAX,
        "{what}: {cpu:?}, {half:?}"
    );
    assert!(
        late.clone().count() <= looks.len() / 10,
        "{what}: too many are late"
    );
    for (took, name) in late {
        let again = (0..LATE_TRIES).any(|_| {
            std::thread::sleep(LATE_PAUSE);
            timed(name) < LOOK_MAX
        });
        assert!(
            again,
            "{what}: {name} was late {LATE_TRIES} more times, {took:?} at first"
        );
    }
}

fn gauge(metrics: &str, name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    metrics.lines().find_map(value).unwrap()
}

/// An operator who has signed in at the console.
struct Seat {
    cookie: String,
}

impl Seat {
    fn take(operated: &Operated) -> Seat {
        let client = reqwest::blocking::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let door = client.get(operated.url("/sign-in")).send().unwrap();
        let visit = cookie(&door);
        let page = door.text().unwrap();
        let (_, token) = page.split_once("name=\"token\" value=\"").unwrap();
        let token = token.split('"').next().unwrap();
        let fields = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("admin-key", &operated.key("admin"))
            .finish();
        let entered = client
            .post(operated.url("/sign-in"))
            .header("cookie", visit)
            .header("sec-fetch-site", "same-origin")
            .header("origin", "null")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields)
            .send()
            .unwrap();
        assert_eq!(entered.status(), 303);
        Seat {
            cookie: cookie(&entered),
        }
    }

    /// A subject's page.
    fn page(&self, operated: &Operated, name: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("kind", "subject")
            .append_pair("issuer", operated.running.issuer.url())
            .append_pair("name", name)
            .finish();
        let page = operated
            .running
            .client
            .get(operated.url(&format!("/holder?{query}")))
            .header("cookie", &self.cookie)
            .send()
            .unwrap();
        assert_eq!(page.status(), 200);
        page.text().unwrap()
    }
}

fn cookie(answer: &Response) -> String {
    let field = answer.headers()["set-cookie"].to_str().unwrap();
    field.split(';').next().unwrap().to_owned()
}
