//! Dates in every writing, and what is none.

use super::*;
use crate::data::values::calendar::format_datetime;

fn written(text: &str, order: DateOrder) -> Option<String> {
    parse_datetime(text, order).map(format_datetime)
}

#[test]
fn dates_that_no_order_can_misread() {
    for (text, time, pattern) in [
        ("2024-05-01", "2024-05-01T00:00:00Z", "%Y-%m-%d"),
        ("2024/05/01", "2024-05-01T00:00:00Z", "%Y/%m/%d"),
        ("2024.5.1", "2024-05-01T00:00:00Z", "%Y.%m.%d"),
        ("2024-5-1 9:05", "2024-05-01T09:05:00Z", "%Y-%m-%d %H:%M"),
        ("2024-05", "2024-05-01T00:00:00Z", "%Y-%m"),
        ("2024-May-01", "2024-05-01T00:00:00Z", "%Y-%b-%d"),
        ("2024-05-01T10:20", "2024-05-01T10:20:00Z", "%Y-%m-%dT%H:%M"),
        ("2024-05-01 10:20:30", "2024-05-01T10:20:30Z", "%Y-%m-%d %H:%M:%S"),
        ("2024-05-01 10:20:30 UTC", "2024-05-01T10:20:30Z", "%Y-%m-%d %H:%M:%S UTC"),
        ("2024-05-01 10:20:30 +0200", "2024-05-01T08:20:30Z", "%Y-%m-%d %H:%M:%S %z"),
        ("2024-05-01 10:20:30 UTC+2", "2024-05-01T08:20:30Z", "%Y-%m-%d %H:%M:%S UTC%z"),
        ("2024-05-01T10:20:30.5Z", "2024-05-01T10:20:30.500Z", "%Y-%m-%dT%H:%M:%S%.fZ"),
        ("2024-05-01T10:20:30.123456789+02:00", "2024-05-01T08:20:30.123456Z", "%Y-%m-%dT%H:%M:%S%.f%z"),
        ("2024-05-01T00:20:30-0330", "2024-05-01T03:50:30Z", "%Y-%m-%dT%H:%M:%S%z"),
        ("20141013T000000", "2014-10-13T00:00:00Z", "%Y%m%dT%H%M%S"),
        ("20141013T0102Z", "2014-10-13T01:02:00Z", "%Y%m%dT%H%MZ"),
        (" 1969-12-31T23:59:59.999 ", "1969-12-31T23:59:59.999Z", "%Y-%m-%dT%H:%M:%S%.f"),
        ("0000-02-29", "0000-02-29T00:00:00Z", "%Y-%m-%d"),
        ("9999-12-31T23:59:59", "9999-12-31T23:59:59Z", "%Y-%m-%dT%H:%M:%S"),
        ("15-Jul-19", "2019-07-15T00:00:00Z", "%d-%b-%y"),
        ("15-Jul-69", "1969-07-15T00:00:00Z", "%d-%b-%y"),
        ("15 July 2019", "2019-07-15T00:00:00Z", "%d %B %Y"),
        ("15Jul2019", "2019-07-15T00:00:00Z", "%d%b%Y"),
        ("1st of", "", ""),
        ("1st May 2024", "2024-05-01T00:00:00Z", "%dst %b %Y"),
        ("July 15, 2019", "2019-07-15T00:00:00Z", "%B %d, %Y"),
        ("Jul. 15, 2019, 4:22 p.m.", "2019-07-15T16:22:00Z", "%b. %d, %Y, %I:%M %p"),
        ("Sept 3 2019", "2019-09-03T00:00:00Z", "%B %d %Y"),
        ("May 2024", "2024-05-01T00:00:00Z", "%b %Y"),
        ("05/2024", "2024-05-01T00:00:00Z", "%m/%Y"),
        ("Mon, 15 Jul 2019 16:22:00 GMT", "2019-07-15T16:22:00Z", "%a, %d %b %Y %H:%M:%S GMT"),
        ("Mon, 15 Jul 2019 16:22:00 -0500", "2019-07-15T21:22:00Z", "%a, %d %b %Y %H:%M:%S %z"),
        ("15 Jul 2019 16:22 EST", "2019-07-15T21:22:00Z", "%d %b %Y %H:%M EST"),
        ("2019-07-15 12:00 AM", "2019-07-15T00:00:00Z", "%Y-%m-%d %I:%M %p"),
        ("2019-07-15 12:30pm", "2019-07-15T12:30:00Z", "%Y-%m-%d %I:%M%p"),
        ("2019-07-15 5 PM", "2019-07-15T17:00:00Z", "%Y-%m-%d %I %p"),
    ] {
        for order in [DateOrder::Iso, DateOrder::DayFirst, DateOrder::MonthFirst] {
            assert_eq!(written(text, order).unwrap_or_default(), time, "{text}");
        }
        assert_eq!(pattern_of(text, DateOrder::Iso).unwrap_or_default(), pattern, "{text}");
    }
}

#[test]
fn dates_of_two_numbers_are_read_in_one_order() {
    for (text, day_first, month_first) in [
        ("13/02/2024", "2024-02-13T00:00:00Z", ""),
        ("02/13/2024 5:06", "", "2024-02-13T05:06:00Z"),
        ("7/15/2019 16:22", "", "2019-07-15T16:22:00Z"),
        ("02/03/2024 05:06", "2024-03-02T05:06:00Z", "2024-02-03T05:06:00Z"),
        ("2/3/24 5:06 PM", "2024-03-02T17:06:00Z", "2024-02-03T17:06:00Z"),
        ("02.03.2024", "2024-03-02T00:00:00Z", "2024-02-03T00:00:00Z"),
        ("15.07.19", "2019-07-15T00:00:00Z", ""),
        ("2-3-2024", "2024-03-02T00:00:00Z", "2024-02-03T00:00:00Z"),
    ] {
        let by = |order| written(text, order).unwrap_or_default();
        assert_eq!(
            (by(DateOrder::DayFirst), by(DateOrder::MonthFirst)),
            (day_first.into(), month_first.into()),
            "{text}"
        );
        assert_eq!(written(text, DateOrder::Iso), None, "{text}");
    }
    assert_eq!(pattern_of("2/3/24 5:06 PM", DateOrder::MonthFirst).as_deref(), Some("%m/%d/%y %I:%M %p"));
    assert_eq!(pattern_of("02.03.2024", DateOrder::DayFirst).as_deref(), Some("%d.%m.%Y"));
}

#[test]
fn what_is_no_date_is_refused() {
    for text in [
        "",
        "2024",
        "20240501",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-05-01T",
        "2024-05-01T24:00",
        "2024-05-01T10",
        "2024-05-01T10:20:",
        "2024-05-01T10:20:30.",
        "2024-05-01Z",
        "2024-05/01",
        "32/01/2024",
        "13/13/2024",
        "1/2-2024",
        "1.2.3",
        "2024-05-01x10:20",
        "2024-05-01T10:20+2",
        "٢٠٢٤-05-01",
        "2024-05-01 13:00 PM",
        "2024-05-01 10:60",
        "12:30",
        "2024-05-01 23:59:60",
        "May",
        "Monday",
        "1 May",
        "31 Foo 2024",
        "1.5",
        "5/6",
        "10-12",
        "2019-07-15 10:00 XYZ",
        "Mayor 5, 2024",
    ] {
        for order in [DateOrder::Iso, DateOrder::DayFirst, DateOrder::MonthFirst] {
            assert_eq!(written(text, order), None, "{text}");
        }
    }
    assert!(
        ["0000-00-00", "00/00/0000", "0000-00-00 00:00:00"]
            .map(WrittenDate::of)
            .iter()
            .all(|date| date.expect("zeros").is_zero())
    );
}

#[test]
fn digits_are_dates_by_how_many_there_are() {
    let read = |text: &str| digits_as_date(text).map(format_datetime).unwrap_or_default();
    for (text, time) in [
        ("20190715", "2019-07-15T00:00:00Z"),
        ("1563206520", "2019-07-15T16:02:00Z"),
        ("1563206520123", "2019-07-15T16:02:00.123Z"),
        ("1563206520123456", "2019-07-15T16:02:00.123456Z"),
        ("1563206520123456789", "2019-07-15T16:02:00.123456Z"),
        ("-100000000", "1966-10-31T14:13:20Z"),
        ("20191315", ""),
        ("2019", ""),
        ("1e9", ""),
    ] {
        assert_eq!(read(text), time, "{text}");
    }
}
