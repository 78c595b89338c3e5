//! The context of a request's caller, where nobody is sent spans: read without the maps and texts of a propagator, which take
//! longer than a small prediction's own layers (`benches/costs.py`).

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

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
    let context = SpanContext::new(trace, parent, TraceFlags::new(flags as u8), true, TraceState::default());
    context.is_valid().then_some(context)
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
            assert_eq!(ours.is_sampled(), theirs.is_sampled(), "{header:?}");
        }
        // By the standard these are none, whatever a propagator makes of them.
        for header in [&GOOD[..54], &(GOOD.to_owned() + "-more"), &GOOD.to_uppercase()] {
            assert_eq!(read(header.as_bytes()), None, "{header:?}");
        }
    }
}
