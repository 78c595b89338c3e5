//! The context of a request's caller, read by the letter of the standard, and without the maps and texts of the library's
//! propagator, which take longer than a small prediction's own layers (`benches/costs.py`) and let through what is no context.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use reqwest::header::{HeaderMap, HeaderName};

/// What vendors note beside a context.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Bytes of a header of version 00: `00-<trace, 32 digits>-<parent, 16 digits>-<flags, 2 digits>`.
const LENGTH: usize = 55;

/// The context that a `traceparent` names, by W3C Trace Context, level 1; nothing if it is none.
pub fn read(header: &[u8]) -> Option<SpanContext> {
    let (known, further) = header.trim_ascii().split_at_checked(LENGTH)?;
    let parts = [known[2], known[35], known[52]];
    let (version, trace) = (digits(&known[..2])?, digits(&known[3..35])?);
    let (parent, flags) = (digits(&known[36..52])?, digits(&known[53..])?);
    // A version to come may have more behind this, and ff is none.
    let is_whole = if version == 0 { further.is_empty() } else { further.first().is_none_or(|byte| *byte == b'-') };
    if parts != [b'-'; 3] || version == 0xff || !is_whole {
        return None;
    }
    let (trace, parent) = (TraceId::from(trace), SpanId::from(parent as u64));
    // Of the flags one is known, and what others mean is not handed on.
    let flags = TraceFlags::new(flags as u8) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, parent, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// The same context with what vendors have noted beside it; what is not of the standard's form is passed over.
pub fn with_state(context: &SpanContext, headers: &HeaderMap) -> SpanContext {
    let lines: Vec<&str> = headers.get_all(TRACESTATE).iter().filter_map(|line| line.to_str().ok()).collect();
    let state: TraceState = lines.join(",").parse().unwrap_or_default();
    SpanContext::new(context.trace_id(), context.span_id(), context.trace_flags(), true, state)
}

/// The number of some hexadecimal digits, of which only the small ones are allowed.
fn digits(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use reqwest::header::HeaderValue;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_as_the_propagator_reads_it() {
        let propagator = TraceContextPropagator::new();
        let flags = ["00", "01", "02", "03"].map(|flags| GOOD.replace("-01", &format!("-{flags}")));
        let others = [
            GOOD.replacen("00-", "01-", 1),
            GOOD.replacen("00-", "cc-", 1) + "-what",
            GOOD.replacen("00-", "ff-", 1),
            format!(" {GOOD} "),
            GOOD.replace('4', "g"),
            GOOD.replace("00f067aa0ba902b7", "0000000000000000"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            String::new(),
        ];
        for header in flags.iter().chain(&others) {
            let named = HashMap::from([("traceparent".to_owned(), header.clone())]);
            let theirs = propagator.extract(&named).span().span_context().clone();
            let ours = read(header.as_bytes()).unwrap_or(SpanContext::NONE);
            let what = |context: &SpanContext| (context.trace_id(), context.span_id());
            assert_eq!(what(&ours), what(&theirs), "{header:?}");
            assert_eq!(ours.trace_flags(), theirs.trace_flags(), "{header:?}");
        }
        // By the standard these are none, whatever a propagator makes of them.
        for header in [&GOOD[..54], &(GOOD.to_owned() + "-more"), &GOOD.to_uppercase()] {
            assert_eq!(read(header.as_bytes()), None, "{header:?}");
        }
    }

    #[test]
    fn what_vendors_note_comes_along_from_all_its_lines() {
        let context = read(GOOD.as_bytes()).expect("a context");
        let noted = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            lines.iter().for_each(|line| _ = headers.append(TRACESTATE, HeaderValue::from_static(line)));
            with_state(&context, &headers).trace_state().header()
        };
        assert_eq!(noted(&["one=1", "two=2"]), "one=1,two=2");
        assert_eq!([noted(&[]), noted(&["one=1", "no state"])], ["", ""]);
    }
}
