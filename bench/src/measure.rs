//! A run: everybody started, warmed up, and loaded in turn.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use tollgate_testkit::peers::{
    Load, LoadReport, gateway_binary, nginx_json_origin, workspace_root,
};
use tollgate_testkit::replace_claim;

use crate::contender::{CONTENDERS, Contender, Running, Surroundings, versions};
use crate::error::BenchError;
use crate::load::{self, PATHS, TOKENS_FILE, Tokens};
use crate::machine;
use crate::probe;
use crate::report::{Report, Row};
use crate::rls::{self, Questions};
use crate::scenario::Scenario;
use crate::summary::{Summary, Turn};

/// Length of the unmeasured first turn, in seconds: pools open, caches and tables fill.
const WARM_UP_S: u32 = 2;

/// How to run.
pub(crate) struct Plan {
    /// Turns of each contender.
    pub(crate) rounds: u32,
    /// Length of a turn, in seconds.
    pub(crate) seconds: u32,
    /// Connections kept busy.
    pub(crate) connections: u32,
    /// Words of which a contender's name must contain one; all take part if there are none.
    pub(crate) only: Vec<String>,
}

/// One contender in the race.
struct Runner {
    contender: Contender,
    running: Running,
    turns: Vec<Turn>,
    /// What it answers where it should answer otherwise.
    answers: Option<String>,
}

/// Measures everybody.
///
/// # Errors
/// When the origin or wrk is missing, a load fails, or nobody can be measured.
pub(crate) fn run(plan: &Plan) -> Result<Report, BenchError> {
    let origin = nginx_json_origin()?;
    let wanted = wanted(&plan.only);
    let needs_gateway = wanted.iter().any(Contender::needs_gateway);
    let surroundings = Surroundings {
        origin: origin.address(),
        gateway: if needs_gateway {
            build_gateway()
        } else {
            Err("not asked for".to_owned())
        },
        tokens: Tokens::mint(),
    };
    let mut runners = Vec::new();
    for contender in wanted {
        match contender.start(&surroundings) {
            Ok(running) => runners.push(Runner {
                contender,
                running,
                turns: Vec::new(),
                answers: None,
            }),
            Err(error) => println!("without {}: {error}", contender.name),
        }
    }
    if runners.is_empty() {
        return Err(BenchError::NobodyLeft);
    }
    for runner in &mut runners {
        take_turn(runner, plan.connections, WARM_UP_S, &surroundings.tokens)?;
        runner.answers = wrong_answer(runner, &surroundings.tokens);
    }
    for round in 1..=plan.rounds {
        for runner in &mut runners {
            let turn = take_turn(runner, plan.connections, plan.seconds, &surroundings.tokens)?;
            println!(
                "round {round}/{}: {:<20} {:>9.0} requests/s",
                plan.rounds,
                runner.contender.name,
                turn.load.requests_per_second()
            );
            runner.turns.push(turn);
        }
    }
    Ok(report(plan, &runners, &surroundings))
}

/// What a contender answers after the warm-up, if it is not what its scenario says.
fn wrong_answer(runner: &Runner, tokens: &Tokens) -> Option<String> {
    let scenario = runner.contender.scenario;
    let address = runner.running.front.address();
    if scenario == Scenario::Rls {
        return rls::answers_otherwise(address, questions(runner));
    }
    let user = tokens.lines.lines().next().unwrap_or_default();
    let token = match scenario {
        Scenario::Job | Scenario::Limited | Scenario::Envoy | Scenario::Rls => user.to_owned(),
        Scenario::Garbage => tokens.garbage.clone(),
        Scenario::Forged => replace_claim(user, "sub", "nobody"),
    };
    let status = probe::status(address, PATHS[0], &token);
    match status {
        Some(status) if scenario.statuses().contains(&status) => None,
        Some(status) => Some(format!("answers {status}")),
        None => Some("does not answer".to_owned()),
    }
}

/// What a contender of the rate limit service is asked.
fn questions(runner: &Runner) -> Questions {
    match runner.contender.name {
        "rls-tollgate-policy" => Questions::Policy,
        _ => Questions::Rules,
    }
}

fn wanted(only: &[String]) -> Vec<Contender> {
    let contenders = CONTENDERS.into_iter();
    contenders
        .filter(|contender| contender.is_meant(only))
        .collect()
}

/// Builds the release binary, so that never an old one is measured; or says why not.
fn build_gateway() -> Result<PathBuf, String> {
    println!("building tollgate (release)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--quiet", "-p", "tollgate"];
    let status = Command::new(cargo)
        .args(build)
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        return Err("`cargo build --release -p tollgate` fails".to_owned());
    }
    gateway_binary().map_err(|error| error.to_string())
}

fn take_turn(
    runner: &Runner,
    connections: u32,
    seconds: u32,
    tokens: &Tokens,
) -> Result<Turn, BenchError> {
    let running = &runner.running;
    let before = (running.cpu_us(), running.cpu_us_behind());
    let load = load_once(runner, connections, seconds, tokens)?;
    Ok(Turn {
        load,
        cpu_us: running.cpu_us() - before.0,
        cpu_us_behind: running.cpu_us_behind() - before.1,
    })
}

fn load_once(
    runner: &Runner,
    connections: u32,
    seconds: u32,
    tokens: &Tokens,
) -> Result<LoadReport, BenchError> {
    let front = &runner.running.front;
    let (script, lines) = match runner.contender.scenario {
        Scenario::Rls => {
            let messages = questions(runner).encoded();
            return rls::run(front.address(), &messages, connections, seconds);
        }
        Scenario::Job | Scenario::Limited | Scenario::Envoy => {
            (load::users_script(), &tokens.lines)
        }
        Scenario::Garbage => (load::always_new_script(), &tokens.garbage),
        Scenario::Forged => (load::always_new_script(), &tokens.lines),
    };
    let load = Load {
        url: &front.url(),
        connections,
        seconds,
        script: &script,
        files: &[(TOKENS_FILE, lines)],
    };
    Ok(load.run()?)
}

fn report(plan: &Plan, runners: &[Runner], with: &Surroundings) -> Report {
    let mut surroundings = machine::describe();
    surroundings.extend(versions(with));
    surroundings.push(format!(
        "load: wrk -t1 -c{}, {} users × {} paths, RS256, keep-alive; one worker thread each",
        plan.connections,
        load::USERS,
        load::PATHS.len()
    ));
    surroundings.push(format!(
        "load of the rate limit service: our own, {} connections with {} calls under way in all, \
         {} questions",
        rls::CONNECTIONS,
        plan.connections,
        load::USERS * load::PATHS.len()
    ));
    surroundings.push(format!(
        "{} rounds of {} s each, in turn; medians, (least–most)",
        plan.rounds, plan.seconds
    ));
    let rows = runners.iter().filter_map(|runner| {
        let mut summary = Summary::of(runner.contender.scenario, &runner.turns)?;
        summary.remark = runner.answers.clone().or(summary.remark);
        Some(Row {
            scenario: runner.contender.scenario,
            name: runner.contender.name,
            does: runner.contender.does,
            resident_bytes: runner.running.resident_bytes(),
            summary,
        })
    });
    Report {
        surroundings,
        rows: rows.collect(),
    }
}
