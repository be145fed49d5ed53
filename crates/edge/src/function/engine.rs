//! One run: a fresh engine, the prelude, the function's source, its handler, its promise.

use std::cell::Cell;
use std::rc::Rc;

use rquickjs::context::intrinsic::{
    Date, Eval, Json, Promise as Promises, RegExp, RegExpCompiler, TypedArrays,
};
use rquickjs::{
    CatchResultExt, CaughtError, Context, Ctx, Error, FromJs, Function as JsFunction, Module,
    Promise, Runtime, Value as JsValue,
};
use serde_json::Value;

use super::host::{self, SharedLog};
use super::{FunctionError, Kvs, Limits};

/// No `Map`, `Set`, `Proxy`, `WeakRef`, `performance`: the prelude takes the rest away.
type Intrinsics = (
    Date,
    Eval,
    RegExpCompiler,
    RegExp,
    Json,
    TypedArrays,
    Promises,
);

const PRELUDE: &str = include_str!("prelude.js");

/// The modules that can be imported; the prelude has them by `require`.
const MODULES: [&str; 4] = ["crypto", "cloudfront", "querystring", "buffer"];

/// The name by which the engine gets at `handler`, which a module keeps to itself.
const HANDLER: &str = "tollgate_handler";

/// What goes into a run beside the event.
pub(super) struct Run<'a> {
    pub(super) source: &'a str,
    pub(super) kvs: &'a Kvs,
    pub(super) limits: Limits,
    pub(super) now_ms: u64,
}

/// Loads the function and looks for its handler.
pub(super) fn check(run: &Run<'_>) -> Result<(), FunctionError> {
    let engine = Engine::new(run)?;
    engine.context.with(|ctx| engine.handler(&ctx).map(|_| ()))
}

/// Runs the handler over the event; what it logged, and what it returned.
pub(super) fn call(run: &Run<'_>, event: &Value) -> (Vec<String>, Result<Value, FunctionError>) {
    let engine = match Engine::new(run) {
        Ok(engine) => engine,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let result = engine.context.with(|ctx| engine.call(&ctx, event));
    let log = engine.log.borrow_mut().take();
    (log, result)
}

/// An engine that has the prelude behind it and its limits ahead.
struct Engine<'a> {
    run: &'a Run<'a>,
    context: Context,
    log: SharedLog,
    out_of_time: Rc<Cell<bool>>,
}

// === impl Engine ===

impl<'a> Engine<'a> {
    fn new(run: &'a Run<'a>) -> Result<Self, FunctionError> {
        let set_up = |error: Error| FunctionError::Engine {
            message: error.to_string(),
        };
        let runtime = Runtime::new().map_err(set_up)?;
        let context = Context::custom::<Intrinsics>(&runtime).map_err(set_up)?;
        let log = SharedLog::default();
        context.with(|ctx| {
            prepare(&ctx, run, &log)
                .catch(&ctx)
                .map_err(|error| FunctionError::Engine {
                    message: error.to_string(),
                })
        })?;
        let own = usize::try_from(runtime.memory_usage().malloc_size).unwrap_or_default();
        runtime.set_memory_limit(own.saturating_add(run.limits.memory_bytes));
        let out_of_time = Rc::new(Cell::new(false));
        let (flag, mut left) = (Rc::clone(&out_of_time), run.limits.steps);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            left = left.saturating_sub(1);
            flag.set(left == 0);
            left == 0
        })));
        Ok(Self {
            run,
            context,
            log,
            out_of_time,
        })
    }

    /// Evaluates the source as a module, because only a module may import, and gives its handler.
    fn handler<'js>(&self, ctx: &Ctx<'js>) -> Result<JsFunction<'js>, FunctionError> {
        let source = format!(
            "{}\nexport const {HANDLER} = typeof handler === 'function' ? handler : undefined;\n",
            self.run.source
        );
        let load = |error| self.failure(ctx, error, |message| FunctionError::Load { message });
        let declared = Module::declare(ctx.clone(), "function.js", source).map_err(load)?;
        let (module, loaded) = declared.eval().map_err(load)?;
        self.settle::<JsValue<'js>>(&loaded).map_err(load)?;
        let handler: Option<JsFunction<'js>> = module.get(HANDLER).map_err(load)?;
        handler.ok_or(FunctionError::NoHandler)
    }

    fn call(&self, ctx: &Ctx<'_>, event: &Value) -> Result<Value, FunctionError> {
        let handler = self.handler(ctx)?;
        let threw = |error| self.failure(ctx, error, |message| FunctionError::Threw { message });
        let event = ctx.json_parse(event.to_string()).map_err(threw)?;
        let mut returned: JsValue<'_> = handler.call((event,)).map_err(threw)?;
        if let Some(promise) = returned.as_promise() {
            returned = self.settle(promise).map_err(threw)?;
        }
        if !returned.is_object() || returned.is_function() || returned.is_array() {
            return Err(FunctionError::NoObject);
        }
        let text = ctx.json_stringify(returned).map_err(threw)?;
        let text = text.ok_or(FunctionError::NoObject)?;
        let text = text.to_string().map_err(threw)?;
        serde_json::from_str(&text).map_err(|_| FunctionError::NoObject)
    }

    /// Runs pending jobs until the promise is settled, the time is over, or nothing is left to do.
    fn settle<'js, T: FromJs<'js>>(&self, promise: &Promise<'js>) -> Result<T, Error> {
        loop {
            if let Some(result) = promise.result() {
                return result;
            }
            if self.out_of_time.get() || !promise.ctx().execute_pending_job() {
                return Err(Error::WouldBlock);
            }
        }
    }

    /// What the engine's error means; `thrown` for an exception.
    fn failure(
        &self,
        ctx: &Ctx<'_>,
        error: Error,
        thrown: impl FnOnce(String) -> FunctionError,
    ) -> FunctionError {
        if self.out_of_time.get() {
            return FunctionError::OverTime;
        }
        if matches!(error, Error::WouldBlock) {
            return FunctionError::NeverSettles;
        }
        let message = match CaughtError::from_error(ctx, error) {
            CaughtError::Exception(exception) => exception_text(&exception),
            CaughtError::Value(value) if value.is_null() => return FunctionError::OverMemory,
            CaughtError::Value(value) => value_text(ctx, value),
            CaughtError::Error(Error::Allocation) => return FunctionError::OverMemory,
            CaughtError::Error(error) => error.to_string(),
        };
        if message.contains("out of memory") {
            return FunctionError::OverMemory;
        }
        thrown(message)
    }
}

/// Gives the context what CloudFront's has, and takes what it has not.
fn prepare(ctx: &Ctx<'_>, run: &Run<'_>, log: &SharedLog) -> Result<(), Error> {
    let prelude: JsFunction<'_> = ctx.eval(PRELUDE)?;
    let host = host::object(ctx, run.kvs, run.now_ms, log)?;
    prelude.call::<_, ()>((host,))?;
    for name in MODULES {
        let source = format!("export default require('{name}');");
        Module::declare(ctx.clone(), name, source)?;
    }
    Ok(())
}

fn exception_text(exception: &rquickjs::Exception<'_>) -> String {
    let name: String = exception.get("name").unwrap_or_else(|_| "Error".to_owned());
    let message = exception.message().unwrap_or_default();
    let stack = exception.stack().unwrap_or_default();
    let place = stack.lines().next().map(str::trim).unwrap_or_default();
    if place.is_empty() {
        format!("{name}: {message}")
    } else {
        format!("{name}: {message} ({place})")
    }
}

fn value_text<'js>(ctx: &Ctx<'js>, value: JsValue<'js>) -> String {
    let text = match value.as_string() {
        Some(text) => text.to_string().ok(),
        None => ctx
            .json_stringify(value)
            .ok()
            .flatten()
            .and_then(|json| json.to_string().ok()),
    };
    text.unwrap_or_else(|| "something that has no text".to_owned())
}
