//! `tollgate routes`: which routes there are, and which one a path belongs to.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};
use tollgate_policy::{Policy, RouteTable, import_openapi, normalize};

use crate::cli::{MatchArgs, RoutesCommand, RoutesFrom};
use crate::failure::Failure;

pub(crate) fn run(command: &RoutesCommand) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    let written = match command {
        RoutesCommand::List(from) => list(&load(from)?, out),
        RoutesCommand::Match(args) => match_all(&load(&args.from)?, args, out),
    };
    match written {
        // A reader that has seen enough (`| head`) is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::system("write the routes")),
    }
}

fn load(from: &RoutesFrom) -> Result<RouteTable, Failure> {
    let (routes, warnings) = match &from.openapi {
        Some(path) => import_openapi(path).map_err(Failure::Policy)?,
        None => {
            let policy = Policy::load(&from.policy.config).map_err(Failure::Policy)?;
            (policy.routes().clone(), policy.warnings().clone())
        }
    };
    if !warnings.is_empty() {
        anstream::eprint!("{}", warnings.render(true));
    }
    Ok(routes)
}

fn list(routes: &RouteTable, out: &mut impl Write) -> io::Result<()> {
    for (id, route) in routes.iter() {
        let line = json!({
            "id": id.0,
            "route": route.to_string(),
            "method": route.method.to_string(),
            "template": &*route.template,
            "never_block": route.never_block,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn match_all(routes: &RouteTable, args: &MatchArgs, out: &mut impl Write) -> io::Result<()> {
    for path in &args.paths {
        writeln!(out, "{}", matched(routes, &args.method, path))?;
    }
    if args.paths.is_empty() {
        for line in io::stdin().lock().lines() {
            let line = line?;
            if !line.trim().is_empty() {
                writeln!(out, "{}", matched(routes, &args.method, &line))?;
            }
        }
    }
    Ok(())
}

/// One answer: the route of `METHOD /path?query` or `/path?query`, as the gateway sees it.
fn matched(routes: &RouteTable, method: &str, request: &str) -> Value {
    let request = request.trim_end_matches(['\r', '\n']);
    let (method, target) = match request.split_once(' ') {
        Some((method, target)) if !method.contains('/') => (method, target.trim_start()),
        _ => (method, request),
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    match normalize(path) {
        Ok(canonical) => {
            let id = routes.classify(method, &canonical);
            let route = routes.get(id);
            json!({
                "method": method,
                "path": path,
                "canonical": canonical,
                "route": route.to_string(),
                "template": &*route.template,
                "matched": id != tollgate_policy::RouteId::UNMATCHED,
            })
        }
        Err(error) => json!({
            "method": method,
            "path": path,
            "status": 400,
            "error": error.to_string(),
        }),
    }
}
