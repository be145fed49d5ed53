//! The code with which docs/notices.md tells receivers to verify signatures does verify ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tollgate_testkit::peers::{Tool, workspace_root};

use crate::receiver::{Answer, Receiver};
use crate::support::{OLD_SECRET, Outbox, SECRET, START_MS, notice, run};

/// What begins each block of code, the program that runs it, and what is put behind it: a request on standard
/// input, `true` or `false` on standard output.
const LANGUAGES: [(&str, &str, &[&str], &str); 2] = [
    (
        "```python",
        "python3",
        &["-c"],
        "\nimport json, sys\nq = json.load(sys.stdin)\n\
         print(str(verify(q['secret'], q['headers'], q['body'].encode(), q['now'])).lower())\n",
    ),
    (
        "```js",
        "node",
        &["--input-type=module", "-e"],
        "\nconst q = JSON.parse((await import('node:fs')).readFileSync(0, 'utf8'));\n\
         console.log(verify(q.secret, q.headers, q.body, q.now));\n",
    ),
];

fn code(fence: &str) -> String {
    let page = workspace_root().join("docs/notices.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("{fence}\n")).expect(fence);
    rest.split_once("\n```").unwrap().0.to_owned()
}

fn verified(language: (&str, &str, &[&str], &str), request: &Value) -> bool {
    let (fence, program, arguments, behind) = language;
    let tool = Tool::find(program).unwrap_or_else(|error| panic!("{error}"));
    let mut child = Command::new(tool.path())
        .args(arguments)
        .arg(code(fence) + behind)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(request.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    match String::from_utf8(output.stdout).unwrap().trim() {
        "true" => true,
        "false" => false,
        other => panic!("{program} says {other:?}"),
    }
}

#[test]
fn the_documented_code_believes_what_we_sign_and_nothing_else() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        let config = outbox.webhook(&receiver.url());
        outbox.file("webhook.secrets", &format!("{SECRET}\n{OLD_SECRET}\n"));
        outbox.post(&notice("Zoë \"the\" ☃")).await;
        outbox.deliverer(&config).deliver_due().await.unwrap();
        let got = receiver.got().remove(0);
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers = names.map(|name| (name.to_owned(), got.header(name).into()));
        let request = json!({
            "secret": SECRET,
            "headers": Value::Object(headers.into_iter().collect()),
            "body": got.body,
            "now": START_MS / 1_000,
        });
        let with = |key: &str, value: Value| {
            let mut request = request.clone();
            *request.pointer_mut(key).unwrap() = value;
            request
        };
        for language in LANGUAGES {
            let holds = |request: &Value| verified(language, request);
            assert!(holds(&request), "{}", language.1);
            assert!(
                holds(&with("/secret", OLD_SECRET.into())),
                "a secret that goes"
            );
            assert!(holds(&with("/now", (START_MS / 1_000 + 299).into())));
            let other = format!("{}A", &OLD_SECRET[..OLD_SECRET.len() - 1]);
            for forged in [
                with("/secret", other.into()),
                with("/body", got.body.replace("45120", "1").into()),
                with("/headers/webhook-id", "ntc_other".into()),
                with("/headers/webhook-timestamp", "1794009601".into()),
                with("/headers/webhook-signature", "v1,AAAA".into()),
                with("/now", (START_MS / 1_000 + 301).into()),
                with("/now", (START_MS / 1_000 - 301).into()),
            ] {
                assert!(!holds(&forged), "{}: {forged}", language.1);
            }
        }
    });
}
