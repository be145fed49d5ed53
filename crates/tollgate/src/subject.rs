//! `tollgate subject`: one customer of a running gateway, what is left to it, and giving back.

use serde_json::{Value, json};
use std::time::Duration;
use tollgate_policy::Policy;

use crate::admin_client::AdminClient;
use crate::cli::{GrantArgs, ResetArgs, SubjectArgs, SubjectCommand};
use crate::columns::{Column, lines};
use crate::failure::Failure;
use crate::stores;

pub(crate) fn run(command: &SubjectCommand) -> Result<(), Failure> {
    let of = match command {
        SubjectCommand::Show(of) => of,
        SubjectCommand::Reset(args) => &args.of,
        SubjectCommand::Grant(args) => &args.of,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::system("start the runtime"))?;
    let _entered = runtime.enter();
    let gateway = AdminClient::of_gateway(&of.api)?;
    let holder = holder(of)?;
    runtime.block_on(async {
        match command {
            SubjectCommand::Show(of) => show(&gateway, &holder, of).await,
            SubjectCommand::Reset(args) => reset(&gateway, &holder, args).await,
            SubjectCommand::Grant(args) => grant(&gateway, &holder, args).await,
        }
    })
}

/// The segments of a holder's path.
fn holder(of: &SubjectArgs) -> Result<[String; 3], Failure> {
    let issuer = match &of.issuer {
        Some(issuer) => issuer.clone(),
        None => {
            let policy = Policy::load(&of.policy.config).map_err(Failure::Policy)?;
            stores::issuer(None, &policy)?.to_owned()
        }
    };
    let (kind, name) = match (&of.subject, &of.account) {
        (Some(subject), _) => ("subject", subject.clone()),
        (None, account) => ("account", account.clone().unwrap_or_default()),
    };
    Ok([kind.to_owned(), issuer, name])
}

async fn show(
    gateway: &AdminClient,
    holder: &[String; 3],
    of: &SubjectArgs,
) -> Result<(), Failure> {
    let mut buckets = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let asked = [
            ("account", of.in_account.as_deref()),
            ("plan_claim", of.plan_claim.as_deref()),
            ("route", of.route.as_deref()),
            ("cursor", cursor.as_deref()),
        ];
        let page = gateway.get_of(holder, "buckets", &asked).await?;
        if cursor.is_none() {
            let plan = page["plan"].as_str().unwrap_or_default();
            anstream::println!("plan {plan}\n");
        }
        buckets.extend(page["buckets"].as_array().into_iter().flatten().cloned());
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    print(&buckets);
    Ok(())
}

async fn reset(
    gateway: &AdminClient,
    holder: &[String; 3],
    args: &ResetArgs,
) -> Result<(), Failure> {
    let body = body(
        &args.of,
        &json!({ "reset": {} }),
        args.limit.as_deref(),
        &args.note,
    );
    let done = gateway.change_buckets(holder, &body, None).await?;
    print(done["buckets"].as_array().map_or(&[][..], Vec::as_slice));
    Ok(())
}

async fn grant(
    gateway: &AdminClient,
    holder: &[String; 3],
    args: &GrantArgs,
) -> Result<(), Failure> {
    let act = json!({ "grant": { "units": args.units } });
    let body = body(&args.of, &act, Some(&args.limit), &args.note);
    let done = gateway
        .change_buckets(holder, &body, Some(&args.key))
        .await?;
    print(done["buckets"].as_array().map_or(&[][..], Vec::as_slice));
    Ok(())
}

fn body(of: &SubjectArgs, act: &Value, limit: Option<&str>, note: &str) -> Value {
    let mut body = json!({ "act": act, "note": note });
    let more = [
        ("limit", limit),
        ("route", of.route.as_deref()),
        ("account", of.in_account.as_deref()),
        ("plan_claim", of.plan_claim.as_deref()),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    body
}

fn print(buckets: &[Value]) {
    let head = [
        ("limit", Column::Text),
        ("route", Column::Text),
        ("admits", Column::Text),
        ("per", Column::Text),
        ("left", Column::Number),
        ("of", Column::Number),
        ("full in", Column::Number),
    ];
    let text = |bucket: &Value, name: &str| bucket[name].as_str().unwrap_or("(all)").to_owned();
    let number = |bucket: &Value, name: &str| bucket[name].as_u64().unwrap_or_default().to_string();
    let rows = buckets.iter().map(|bucket| {
        let full_in = Duration::from_millis(bucket["full_in_ms"].as_u64().unwrap_or_default());
        vec![
            text(bucket, "limit"),
            text(bucket, "route"),
            text(bucket, "amount"),
            text(bucket, "per"),
            number(bucket, "left"),
            number(bucket, "capacity"),
            format!("{full_in:?}"),
        ]
    });
    for line in lines(&head, rows) {
        anstream::println!("{line}");
    }
}
