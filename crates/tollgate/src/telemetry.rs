//! Logs on standard error, and OpenTelemetry traces where the policy wants them.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tollgate_policy::Otlp;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::LogFormat;
use crate::failure::Failure;

/// Only the spans of requests are exported, whatever the log's filter says.
const SPANS: &str = "off,tollgate::serve::traces=info";

/// Flushes spans when the process ends.
#[derive(Debug)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

// === impl Telemetry ===

impl Telemetry {
    /// Installs the process's logger and, with `otlp`, its exporter of traces.
    pub(crate) fn install(
        filter: &str,
        format: LogFormat,
        otlp: Option<&Otlp>,
    ) -> Result<Self, Failure> {
        let filter = EnvFilter::try_new(filter)
            .map_err(|error| Failure::Telemetry(format!("log filter `{filter}`: {error}")))?;
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        let lines = match format {
            LogFormat::Text => lines.with_target(false).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        let provider = otlp.map(provider).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            let tracer = provider.tracer("tollgate");
            tracing_opentelemetry::layer()
                .with_tracer(tracer)
                .with_filter(EnvFilter::new(SPANS))
        });
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(traces)
            .try_init()
            .map_err(|error| Failure::Telemetry(error.to_string()))?;
        Ok(Self(provider))
    }

    /// Sends what is still waiting; bounded by the exporter's own timeout.
    pub(crate) fn shutdown(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "failed to send the last traces");
        }
    }
}

fn provider(otlp: &Otlp) -> Result<SdkTracerProvider, Failure> {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let endpoint = format!("{}/v1/traces", otlp.endpoint.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Failure::Telemetry(format!("OTLP exporter: {error}")))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(otlp.sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(
            Resource::builder()
                .with_service_name(otlp.service_name.clone())
                .build(),
        )
        .build())
}
