//! Log lines as JSON: what is said, where, and on whose behalf: each line inside a span names the execution, the
//! request and the trace it belongs to, whichever span around it knows them. Not here: which lines are written.

use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value};
use std::fmt;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        FmtContext, FormattedFields,
        format::{FormatEvent, FormatFields, JsonFields, Writer},
    },
    layer::Context,
    registry::LookupSpan,
};

/// What lines inherit from the spans around them: the field of a span, and the name in a line.
const INHERITED: [(&str, &str); 4] = [
    ("nexus.execution_id", "execution_id"),
    ("nexus.node_id", "node_id"),
    ("request_id", "request_id"),
    ("trace_id", "trace_id"),
];
/// What an event itself calls an execution.
const EXECUTION: &str = "execution";

/// On whose behalf a span is there, in the order of [`INHERITED`].
#[derive(Debug, Clone, Default)]
struct Origin([Option<String>; INHERITED.len()]);

impl Visit for Origin {
    fn record_str(&mut self, field: &Field, value: &str) {
        for ((name, _), slot) in INHERITED.iter().zip(&mut self.0) {
            if field.name() == *name {
                *slot = Some(value.to_owned());
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if INHERITED.iter().any(|(name, _)| field.name() == *name) {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

/// Notes with every span on whose behalf it is there.
pub(super) struct Origins;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Origins {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut origin = match span.parent() {
            Some(parent) => parent.extensions().get::<Origin>().cloned().unwrap_or_default(),
            None => Origin::default(),
        };
        attributes.record(&mut origin);
        span.extensions_mut().replace(origin);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(origin) = span.extensions_mut().get_mut::<Origin>() {
            values.record(origin);
        }
    }
}

/// One JSON object per line.
pub(super) struct Lines;

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result
    where
        JsonFields: for<'a> FormatFields<'a>,
    {
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("timestamp".into(), nexus_model::Timestamp::now().to_string().into());
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("target".into(), metadata.target().into());
        if let Some(span) = context.lookup_current() {
            let mut shown = span
                .extensions()
                .get::<FormattedFields<JsonFields>>()
                .and_then(|fields| serde_json::from_str::<Map<String, Value>>(&fields.fields).ok())
                .unwrap_or_default();
            shown.insert("name".into(), span.name().into());
            line.insert("span".into(), shown.into());
            let origin = span.extensions().get::<Origin>().cloned().unwrap_or_default();
            for ((_, name), value) in INHERITED.iter().zip(origin.0) {
                line.extend(value.map(|value| ((*name).to_owned(), value.into())));
            }
            let id = span.id();
            tracing::dispatcher::get_default(|dispatch| {
                let Some(place) = tracing_opentelemetry::get_otel_context(&id, dispatch) else { return };
                let place = place.span();
                let place = place.span_context();
                if place.is_valid() {
                    line.insert("trace_id".into(), place.trace_id().to_string().into());
                    line.insert("span_id".into(), place.span_id().to_string().into());
                }
            });
        }
        event.record(&mut Said(&mut line));
        // A record of the `log` crate says itself where it comes from.
        if let Some(target) = line.remove("log.target") {
            line.insert("target".into(), target);
            line.retain(|name, _| !name.starts_with("log."));
        }
        // What people look for first comes first; the rest follows by name.
        let first =
            ["timestamp", "level", "message"].map(|name| line.remove(name).map(|value| (name, value)));
        let mut text = String::from("{");
        for (name, value) in first.into_iter().flatten() {
            text.push_str(&format!("\"{name}\":{value},"));
        }
        let rest = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        // There is always a target.
        text.push_str(rest.trim_start_matches('{'));
        writer.write_str(&text)?;
        writer.write_char('\n')
    }
}

/// Puts an event's fields into a line.
struct Said<'a>(&'a mut Map<String, Value>);

impl Said<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            EXECUTION => "execution_id",
            name => name.strip_prefix("nexus.").unwrap_or(name),
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Said<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_names_execution_request_and_trace_of_the_spans_around_it() {
        let written = Written::default();
        let to = written.clone();
        let subscriber = tracing_subscriber::registry().with(Origins).with(
            tracing_subscriber::fmt::layer()
                .fmt_fields(JsonFields::new())
                .event_format(Lines)
                .with_writer(move || to.clone()),
        );
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(execution = "e-0", "outside");
            let outer = tracing::info_span!("outer", nexus.execution_id = %"e-1", request_id = "r-1", trace_id = tracing::field::Empty);
            outer.record("trace_id", "abc");
            let _outer = outer.enter();
            let _inner = tracing::info_span!("inner", nexus.node_id = "draft", other = 7).entered();
            tracing::warn!(count = 2, ok = true, "it \"said\"\nso");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            text.starts_with("{\"timestamp\":\"") && text.contains("\",\"level\":\"INFO\",\"message\":"),
            "{text}"
        );
        assert_eq!(lines[0]["execution_id"], "e-0");
        assert!(lines[0].get("span").is_none());
        let inside = &lines[1];
        for (name, value) in
            [("execution_id", "e-1"), ("request_id", "r-1"), ("trace_id", "abc"), ("node_id", "draft")]
        {
            assert_eq!(inside[name], value, "{inside}");
        }
        assert_eq!(inside["message"], "it \"said\"\nso");
        assert_eq!(
            (&inside["level"], &inside["count"], &inside["ok"]),
            (&"WARN".into(), &2.into(), &true.into())
        );
        assert_eq!((&inside["span"]["name"], &inside["span"]["other"]), (&"inner".into(), &7.into()));
    }
}
