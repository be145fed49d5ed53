//! `tollgate demo`: an issuer, an origin and the gateway on loopback, with real requests.
//!
//! Nothing in the show is canned: every row is a request that went over a socket, and what came
//! back. Seven scenes, each with what it must show; then the gateway stays up to play with.

mod client;
mod scenes;
mod stage;
mod table;

use std::time::Duration;

use serde_json::Value;
use tollgate_testkit::Issuer;

use self::client::Client;
use self::scenes::Scene;
use self::stage::Stage;
use self::table::Table;
use crate::cli::DemoArgs;
use crate::failure::Failure;

/// How long a notice may take that somebody is to have received.
const NOTICE_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long tokens printed for the reader stay valid.
const READER_TOKEN_TTL: Duration = Duration::from_secs(3_600);

pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let stage = Stage::set(args)?;
    introduce(&stage);
    let client = Client::new(stage.gateway_url(), stage.admin_api_url())?;
    let mut table = Table::default();
    let mut failed = Vec::new();
    for scene in scenes::all(&stage) {
        table.title(scene.number, scene.title, scene.about);
        failed.extend(play(&scene, &client, &mut table)?);
        failed.extend(told(&scene, &stage, &mut table));
    }
    if failed.is_empty() {
        anstream::println!("\nAll seven scenes held.");
    } else {
        anstream::println!("\nNot as it should be:");
        for failure in &failed {
            anstream::println!("  {failure}");
        }
    }
    if args.once {
        stage.end()?;
        return if failed.is_empty() {
            Ok(())
        } else {
            Err(Failure::NotHeld(format!(
                "{} expectations did not hold",
                failed.len()
            )))
        };
    }
    invite(&stage);
    stage.wait()
}

/// Sends a scene's requests one after another, shows each, and returns what did not hold.
fn play(scene: &Scene, client: &Client, table: &mut Table) -> Result<Vec<String>, Failure> {
    let mut failed = Vec::new();
    let mut answers = Vec::new();
    for request in &scene.requests {
        let answer = client.send(request)?;
        table.row(request, &answer);
        if answer.status != request.expect {
            failed.push(format!(
                "scene {}: {} {} {}: expected {}, got {}",
                scene.number,
                request.who,
                request.method,
                request.path,
                request.expect,
                answer.status
            ));
        }
        answers.push(answer);
    }
    if let Err(message) = (scene.holds)(&answers) {
        failed.push(format!("scene {}: {message}", scene.number));
    }
    Ok(failed)
}

/// Shows what the receiver of notices has, and says if that is not what it should be.
fn told(scene: &Scene, stage: &Stage, table: &mut Table) -> Option<String> {
    let received = stage.receiver.wait_for(scene.notices, NOTICE_WAIT_MAX);
    if received.len() != scene.notices {
        return Some(format!(
            "scene {}: {} notices, not {}",
            scene.number,
            received.len(),
            scene.notices
        ));
    }
    // Those of a scene before were shown there.
    for notice in received.iter().skip(table.notices()) {
        let event: Value = serde_json::from_slice(&notice.body).unwrap_or_default();
        let data = &event["data"];
        table.notice(&format!(
            "{} has used {} % of {}",
            data["holder"]["name"].as_str().unwrap_or_default(),
            data["threshold_percent"],
            data["limit"].as_str().unwrap_or_default(),
        ));
    }
    None
}

fn introduce(stage: &Stage) {
    anstream::println!("Tollgate demo: real requests on this machine, nothing installed.\n");
    anstream::println!(
        "  issuer   {}   (EdDSA keys, JWKS over HTTP)",
        stage.issuer.url()
    );
    anstream::println!("  origin   {}   (a small orders API)", stage.origin.url());
    anstream::println!("  gateway  {}", stage.gateway_url());
    anstream::println!("  metrics  {}/metrics", stage.admin_url());
    anstream::println!("  admin    {}", stage.admin_api_url());
    anstream::println!("  policy   {}", stage.policy_file.display());
}

/// What the reader can do next, ready to paste.
fn invite(stage: &Stage) {
    let token = reader_token(&stage.issuer);
    let url = stage.gateway_url();
    anstream::println!("\nThe gateway stays up. In another terminal:\n");
    anstream::println!("  TOKEN={token}\n");
    anstream::println!("  curl -i {url}/orders -H \"Authorization: Bearer $TOKEN\"");
    anstream::println!(
        "  for i in 1 2 3 4 5 6 7; do curl -s -o /dev/null -w '%{{http_code}}\\n' -X POST \
         {url}/orders -H \"Authorization: Bearer $TOKEN\"; done"
    );
    anstream::println!("  curl -s {url}/rate_limit -H \"Authorization: Bearer $TOKEN\"");
    anstream::println!("  curl -i {url}/items                      # anonymous");
    anstream::println!(
        "  curl -s {}/metrics | grep tollgate_requests",
        stage.admin_url()
    );
    let api = format!(
        "--api {} --key-file {}",
        stage.admin_api_url(),
        stage.key_file().display()
    );
    let policy = stage.policy_file.display();
    anstream::println!("  tollgate explain --config {policy} {api} --sub you GET /orders");
    anstream::println!("  tollgate top {api}");
    anstream::println!(
        "\nThe console: open {}/ and paste the key in {}",
        stage.admin_api_url(),
        stage.key_file().display()
    );
    anstream::println!(
        "\nEdit {} and watch it reload.",
        stage.policy_file.display()
    );
    anstream::println!("Ctrl-C ends the demo.");
}

fn reader_token(issuer: &Issuer) -> String {
    let token = issuer
        .token("you")
        .audience(stage::AUDIENCE)
        .account("acc_you");
    token.ttl(READER_TOKEN_TTL).mint()
}
