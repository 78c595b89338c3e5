//! What the number of a cell means: days since 1900 are shown as a date by their format alone.

use std::collections::BTreeMap;

use super::xml::{Node, Xml, attribute};
use crate::data::error::DataError;

/// What a number format shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shows {
    /// A number, or for how long something was.
    #[default]
    Number,
    /// A date, a time of the day, or both.
    Time,
}

/// Numbers of formats that no workbook has to list, and that show dates or times: §18.8.30.
const TIMES: [std::ops::RangeInclusive<u32>; 4] = [14..=22, 27..=36, 45..=47, 50..=58];
/// Of these, hours that go on beyond a day.
const LONG_HOURS: u32 = 46;
/// Formats of a workbook at most; Excel has some 64,000.
const MOST: usize = 1 << 17;

/// What each style of cells shows.
#[derive(Debug, Default)]
pub(super) struct Formats(Vec<Shows>);

impl Formats {
    /// Reads the part that has the styles.
    ///
    /// # Errors
    /// `Malformed`: it cannot be read; `TooLarge`: there are too many.
    pub fn read(mut part: Xml) -> Result<Self, DataError> {
        // Those of the workbook stand before the styles that use them.
        let (mut own, mut styles, mut among_styles) = (BTreeMap::new(), Vec::new(), false);
        loop {
            part.anew();
            match part.next()? {
                None => return Ok(Formats(styles)),
                Some(Node::Begin(element)) => match element.local_name().as_ref() {
                    b"numFmt" => {
                        if let (Some(id), Some(code)) = (id_of(&element)?, attribute(&element, "formatCode")?) {
                            own.insert(id, shown_by(&code));
                        }
                    }
                    b"cellXfs" => among_styles = true,
                    b"xf" if among_styles => {
                        let id = id_of(&element)?.unwrap_or(0);
                        styles.push(own.get(&id).copied().unwrap_or_else(|| shown_by_number(id)));
                    }
                    _ => {}
                },
                Some(Node::End(element)) if element.local_name().as_ref() == b"cellXfs" => among_styles = false,
                _ => {}
            }
            if own.len() > MOST || styles.len() > MOST {
                return Err(DataError::too_large("the workbook has too many formats of numbers"));
            }
        }
    }

    /// What the style of a number shows.
    pub fn of(&self, style: usize) -> Shows {
        self.0.get(style).copied().unwrap_or_default()
    }
}

fn id_of(element: &quick_xml::events::BytesStart) -> Result<Option<u32>, DataError> {
    Ok(attribute(element, "numFmtId")?.and_then(|id| id.parse().ok()))
}

fn shown_by_number(id: u32) -> Shows {
    let is_time = id != LONG_HOURS && TIMES.iter().any(|ids| ids.contains(&id));
    if is_time { Shows::Time } else { Shows::Number }
}

/// What a format such as `[$-409]d-mmm-yy;@` shows: §18.8.31.
fn shown_by(code: &str) -> Shows {
    let mut characters = code.chars();
    let mut shows = Shows::Number;
    while let Some(character) = characters.next() {
        match character.to_ascii_lowercase() {
            // What is shown as it is.
            '"' => _ = characters.by_ref().find(|character| *character == '"'),
            '\\' | '_' | '*' => _ = characters.next(),
            '[' => {
                let inside: String = characters.by_ref().take_while(|character| *character != ']').collect();
                // Hours, minutes or seconds beyond a day are no time of one.
                if !inside.is_empty() && inside.chars().all(|unit| matches!(unit.to_ascii_lowercase(), 'h' | 'm' | 's'))
                {
                    return Shows::Number;
                }
            }
            // For negative numbers, zero and text.
            ';' => break,
            'd' | 'm' | 'y' | 'h' | 's' => shows = Shows::Time,
            _ => {}
        }
    }
    shows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_numbers() {
        for code in ["yyyy-mm-dd", "[$-409]d-mmm-yy;@", "h:mm AM/PM", "[Red]dd/mm/yyyy", "mm:ss.0", "d \"of\" mmmm"] {
            assert_eq!(shown_by(code), Shows::Time, "{code}");
        }
        for code in
            ["General", "0.00E+00", "#,##0 \"days\"", "[Red]0", "[h]:mm:ss", "0\\d", "_-* #,##0.00_-", "0;dd", "@"]
        {
            assert_eq!(shown_by(code), Shows::Number, "{code}");
        }
        assert_eq!(
            [14, 22, 46, 47, 9, 0].map(shown_by_number).map(|shows| shows == Shows::Time),
            [true, true, false, true, false, false]
        );
    }
}
