//! The log, for a collector of OpenTelemetry: OTLP over HTTP, in protobuf.
//!
//! Records are sent in batches by a thread of their own. Nobody waits for a collector that is slow or gone: what does not fit the
//! thread's queue is dropped. Only the end waits, for what is still to be sent.

use crate::log::LogError;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// What every record says that it comes from.
const SERVICE: &str = "ciro";

/// How long the collector may take for one batch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end waits for it.
const LAST_TIMEOUT: Duration = Duration::from_secs(5);

/// Records on their way to a collector. What waits is sent when it is dropped, if that takes no more than five seconds.
#[derive(Debug)]
pub struct Export {
    provider: SdkLoggerProvider,
}

impl Export {
    /// To the collector at a URL, to which the path of logs is added.
    pub(crate) fn to(collector: &str) -> Result<Self, LogError> {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build();
        let exporter = LogExporter::builder()
            .with_http()
            .with_http_client(Client(agent.into()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/logs", collector.trim_end_matches('/')))
            .build()
            .map_err(|source| LogError::Collector { got: collector.into(), source })?;
        let resource = Resource::builder().with_service_name(SERVICE).build();
        Ok(Self {
            provider: SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build(),
        })
    }

    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        OpenTelemetryTracingBridge::<SdkLoggerProvider, SdkLogger>::new(&self.provider)
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // Whoever stops has nobody left to tell.
        let _ = self.provider.shutdown_with_timeout(LAST_TIMEOUT);
    }
}

/// Sends a batch, on the exporter's own thread.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let answer = self.0.run(Request::from_parts(parts, body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
    }
}
