//! Traces: the context of a request's caller, as W3C Trace Context writes it in `traceparent`, and spans of what the service
//! does, which an OpenTelemetry collector is sent where one is set. The context of what runs is the current one of its
//! thread; whoever goes on with it elsewhere takes it along.

mod export;
mod parent;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{FutureExt, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, ContextGuard, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use reqwest::header::{HeaderMap, HeaderName};
use tokio::runtime::Handle;
use uuid::Uuid;
use uuid::fmt::Simple;

use crate::config::TraceSettings;
use crate::storage::Calls;

pub use export::TraceError;

/// Where callers name their trace.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// How long the last spans have to be sent when the service stops.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What makes spans, if somebody is sent them. Cheap to clone: a handle.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Collected>>);

struct Collected {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
}

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request that the service answers.
    Answer,
    /// A request that the service makes of others.
    Request,
    /// Work of its own.
    Work,
}

/// A trace that something belongs to, and its span if somebody is sent it. It ends when this is dropped.
#[derive(Debug)]
pub struct Traced(Context);

impl Traces {
    /// With spans for the collector of `settings`, which are sent by tasks of `runtime`.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn of(settings: &TraceSettings, runtime: Handle) -> Result<Self, TraceError> {
        let Some(provider) = export::provider(settings, runtime)? else { return Ok(Traces(None)) };
        let tracer = provider.tracer("epochd");
        Ok(Traces(Some(Arc::new(Collected { tracer, provider }))))
    }

    /// The trace of a request; nothing where its caller names none and nobody is sent spans.
    pub fn of_request(&self, headers: &HeaderMap, name: impl FnOnce() -> String) -> Option<Traced> {
        let caller = headers.get(TRACEPARENT).and_then(|parent| parent::read(parent.as_bytes()));
        if self.0.is_none() {
            return Some(Traced(of_caller(caller?)));
        }
        let caller = caller.map(|caller| of_caller(parent::with_state(&caller, headers)));
        Some(self.begin(name(), Kind::Answer, &caller.unwrap_or_default()))
    }

    /// A span of what happens now as a part of the current one; nothing where there is none that is sent.
    pub fn part(&self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Option<Traced> {
        self.0.as_ref()?;
        let current = Context::current();
        current.span().span_context().is_sampled().then(|| self.begin(name, kind, &current))
    }

    /// A span of work that a request of `traceparent` asked for; nothing where nobody is sent spans.
    pub fn of_work(&self, name: &'static str, traceparent: Option<&str>) -> Option<Traced> {
        self.0.as_ref()?;
        let asked = traceparent.and_then(|parent| parent::read(parent.as_bytes()));
        Some(self.begin(name, Kind::Work, &asked.map(of_caller).unwrap_or_default()))
    }

    fn begin(&self, name: impl Into<Cow<'static, str>>, kind: Kind, parent: &Context) -> Traced {
        let collected = self.0.as_ref().expect("asked for where somebody is sent spans");
        let kind = match kind {
            Kind::Answer => SpanKind::Server,
            Kind::Request => SpanKind::Client,
            Kind::Work => SpanKind::Internal,
        };
        let builder = collected.tracer.span_builder(name).with_kind(kind);
        Traced(parent.with_span(collected.tracer.build_with_context(builder, parent)))
    }

    /// Has each of these calls be a part of what calls, where spans are sent.
    pub fn watch(&self, calls: &Calls) {
        if self.0.is_none() {
            return;
        }
        let traces = self.clone();
        calls.watch(Box::new(move |store, call| {
            let span = traces.part(format!("{store} {call}"), Kind::Request)?;
            Some(Box::new(move |error| {
                error.inspect(|error| span.failed(error.to_string()));
            }))
        }));
    }

    /// Sends what is not sent yet. It may take some seconds.
    pub fn close(&self) {
        if let Some(collected) = &self.0
            && let Err(error) = collected.provider.shutdown_with_timeout(LAST_SPANS)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl Traced {
    /// Makes this the current one of the thread until the guard is dropped.
    pub fn enter(&self) -> ContextGuard {
        self.0.clone().attach()
    }

    /// The trace's id, as it is written: 16 bytes, as many as a UUID has.
    pub fn id(&self) -> Simple {
        Uuid::from_bytes(self.0.span().span_context().trace_id().to_bytes()).simple()
    }

    /// Whether somebody is sent its span: what is told of it is lost otherwise.
    pub fn is_sent(&self) -> bool {
        self.0.span().is_recording()
    }

    /// Tells more of it.
    pub fn tell(&self, name: &'static str, value: impl Into<Value>) {
        self.0.span().set_attribute(KeyValue::new(name, value));
    }

    /// Tells more of it, by a word that is made only if it is sent.
    pub fn tell_word(&self, name: &'static str, word: impl FnOnce() -> String) {
        let span = self.0.span();
        if span.is_recording() {
            span.set_attribute(KeyValue::new(name, StringValue::from(word())));
        }
    }

    /// It failed.
    pub fn failed(&self, why: impl Into<Cow<'static, str>>) {
        self.0.span().set_status(Status::error(why));
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // One that came from elsewhere records nothing, and ends nowhere here.
        self.0.span().end();
    }
}

/// What is a part of what a caller does.
fn of_caller(caller: SpanContext) -> Context {
    Context::new().with_remote_span_context(caller)
}

/// The work, as a part of what it is made in, whatever thread goes on with it.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    work.with_current_context()
}

/// The same of work that a thread does in one go.
pub fn carried_call<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let context = Context::current();
    move || {
        let _entered = context.attach();
        work()
    }
}

/// The `traceparent` that names the current span, or the caller's, to others; nothing where there is no trace.
pub fn traceparent() -> Option<String> {
    Context::map_current(|context| written(context.span().span_context()))
}

/// Version 00: trace, span, flags.
fn written(context: &SpanContext) -> Option<String> {
    let flags = context.trace_flags().to_u8();
    context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}
