//! The loop: one event, one answer.

use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::timeout;
use tollgate_aws::authorizer::{AuthorizerApi, UNAUTHORIZED};
use tollgate_engine::{Asked, Counting, Decision, KeyWait, Outcome, RequestHead};

use crate::decode::Ask;
use crate::encode::{self, Answer};
use crate::error::{EventError, StartError};
use crate::start::Authorizer;

/// How long a request may wait for keys. Longer than at the gateway: an instance stands still between
/// requests, so that a fetch gets on only while one waits for it.
const KEYS_WAIT_MAX: Duration = Duration::from_secs(1);

/// What the Runtime API must have told a process that it started; the runtime panics without.
const RUNTIME_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Answers events until the Runtime API ends.
pub(crate) async fn run(authorizer: Authorizer) -> Result<(), StartError> {
    for name in RUNTIME_VARIABLES {
        if std::env::var_os(name).is_none() {
            return Err(StartError::NotLambda(name));
        }
    }
    let authorizer = &authorizer;
    let handler = service_fn(move |event: LambdaEvent<Value>| async move {
        let answer = authorizer.authorize(event.payload).await;
        match answer {
            Ok(Answer::Document(document)) => Ok(document),
            Ok(Answer::Unauthorized) => Err(failed(UNAUTHORIZED, "Unauthorized")),
            Err(error) => {
                tracing::error!("{error}");
                Err(failed(&error.to_string(), "UnreadableEvent"))
            }
        }
    });
    let ended = lambda_runtime::run(handler).await;
    ended.map_err(|error| StartError::Runtime(error.to_string()))
}

fn failed(message: &str, kind: &str) -> Diagnostic {
    Diagnostic {
        error_type: kind.to_owned(),
        error_message: message.to_owned(),
    }
}

// === impl Authorizer ===

impl Authorizer {
    /// Answers one event.
    ///
    /// # Errors
    /// An event that is not understood, or of another kind than was said.
    pub(crate) async fn authorize(&self, event: Value) -> Result<Answer, EventError> {
        let ask = Ask::decode(event, self.settings.base_path.as_deref())?;
        let settings = &self.settings;
        if settings.api.is_some_and(|api| api != ask.api) {
            return Err(EventError::OtherApi(ask.api));
        }
        if ask.api == AuthorizerApi::RestToken && self.compares_ids {
            return Ok(encode::deny(&ask, settings, None, "bucket-id-unseen"));
        }
        self.keep_keys_fresh().await;
        let decision = self.decide(&ask).await;
        let label = decision.label();
        tracing::debug!(api = %ask.api, ?label, "decided");
        Ok(encode::answer(&ask, &decision, settings))
    }

    async fn decide(&self, ask: &Ask) -> Decision {
        let head = RequestHead {
            method: &ask.method,
            path: &ask.path,
            query: None,
            headers: &ask.headers,
            peer: ask.peer,
            certificate: None,
        };
        let asked = Asked {
            template: ask.place.template.as_ref(),
            // Callers without an address would share one budget, and one of them could spend it.
            counting: match ask.api {
                AuthorizerApi::RestToken => Counting::Nothing,
                _ => self.settings.counting,
            },
            ..Asked::default()
        };
        match self.engine.decide_as(&head, asked, self.clock.now()) {
            Outcome::Decided(decision) => decision,
            Outcome::AwaitKeys(wait) => {
                let _in_time = timeout(KEYS_WAIT_MAX, KeyWait::wait(&wait)).await;
                self.engine.decide_final_as(&head, asked, self.clock.now())
            }
        }
    }

    /// Lets a refresh that fell due while the instance stood still get to its end, at most for
    /// [`KEYS_WAIT_MAX`]: nothing else gives it the time. Without one it returns at once.
    async fn keep_keys_fresh(&self) {
        // The keepers' timers were fired by the wake-up that brought the event.
        tokio::task::yield_now().await;
        let slots = self.engine.snapshot();
        let all = async {
            // A shared secret has a holder too, and nobody who would ever fill it.
            for slot in slots.key_sources().iter().filter(|slot| slot.is_fetched()) {
                slot.holder.changed(slot.holder.generation()).await;
            }
        };
        let _in_time = timeout(KEYS_WAIT_MAX, all).await;
        if let Ok(mut keepers) = self.keepers.try_lock() {
            keepers.report();
        }
    }
}
