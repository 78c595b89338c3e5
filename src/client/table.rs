//! Tables of text, and values of the service's replies as people read them.

use serde_json::Value;

use super::printable::printable;

/// Rows with aligned columns: words to the left, numbers to the right.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these heads of columns.
    pub fn new(heads: &[&str]) -> Self {
        Table { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    /// Adds a row of as many cells.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, without the last line's end.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0))
            .collect();
        let is_number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
        let right: Vec<bool> =
            (0..columns).map(|column| self.rows[1..].iter().all(|row| is_number(&cell(row, column)))).collect();
        let line = |row: &Vec<String>| {
            let cells = (0..columns).map(|column| {
                let (text, width) = (cell(row, column), widths[column]);
                if right[column] && self.rows.len() > 1 { format!("{text:>width$}") } else { format!("{text:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A value in a line: a text as a terminal may be given it, a number to six digits, a list with commas; nothing for null.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Number(number) if number.is_f64() => short(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => printable(&other.to_string()),
    }
}

/// A count with what is counted, whose name is that of one of them.
pub fn counted(count: &Value, what: &str) -> String {
    format!("{count} {what}{}", if *count == 1 { "" } else { "s" })
}

/// A number to six digits.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".into(),
        size if (1e-4..1e9).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

/// A measure: as many digits as say something.
pub fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-4..1e6).contains(&size) => format!("{value:.3e}"),
        size if size >= 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

/// A time to the second, as people read it.
pub fn time(value: &Value) -> String {
    let text = value.as_str().unwrap_or("");
    text.get(..19).map(|time| time.replace('T', " ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["name", "rows"]);
        table.row(vec!["penguins".into(), "344".into()]);
        table.row(vec!["ä".into(), "7".into()]);
        assert_eq!(table.text(), "name      rows\npenguins   344\nä            7");
        assert_eq!(Table::new(&["name", "rows"]).text(), "name  rows");
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        let values = json!([null, "a", 3, 0.123456, ["a", 1], 0.0, 12345.678, 1e-7, true]);
        let told: Vec<String> = values.as_array().expect("a list").iter().map(shown).collect();
        assert_eq!(told, ["", "a", "3", "0.123456", "a, 1", "0", "12345.7", "1e-7", "true"]);
        assert_eq!(shown(&json!(["\u{1b}[2J", "a\nb"])), r"\u{1b}[2J, a\nb");
        assert_eq!([json!(0), json!(1)].map(|count| counted(&count, "row")), ["0 rows", "1 row"]);
        assert_eq!(time(&json!("2026-11-27T20:32:52.463Z")), "2026-11-27 20:32:52");
    }
}
