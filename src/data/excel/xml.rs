//! The elements of a part, each within bounds: what its reader gathers is memory that a few packed bytes may stand for.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesEnd, BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::archive::Part;
use super::damage::damaged;
use crate::data::error::DataError;

/// An element that is taken as a whole, such as a cell, has at most so many bytes: a cell of Excel has at most 32,767
/// characters.
const MOST_ELEMENT_BYTES: usize = 4 << 20;
/// What reading a part takes: an element in the reader's buffer, and what is made of it.
pub(super) const READER_BYTES: u64 = 4 * MOST_ELEMENT_BYTES as u64;
/// Elements within one another, whose names are held.
const MOST_DEPTH: usize = 100;
/// Bytes of the name of an element, or of an attribute's value: they name parts, sheets and formats.
const MOST_NAME_BYTES: usize = 1 << 10;

/// A part that is read from its start to its end.
pub(super) struct Xml {
    reader: Reader<Metered>,
    buffer: Vec<u8>,
    depth: usize,
}

/// What comes next.
pub(super) enum Node<'a> {
    Begin(BytesStart<'a>),
    End(BytesEnd<'a>),
    Text(Cow<'a, str>),
    /// What stands for nothing: a comment, a declaration.
    Other,
}

impl Xml {
    pub fn new(part: Part) -> Self {
        let mut reader = Reader::from_reader(Metered { part: BufReader::with_capacity(64 << 10, part), taken: 0 });
        reader.config_mut().expand_empty_elements = true;
        Xml { reader, buffer: Vec::new(), depth: 0 }
    }

    /// Begins an element that has bounds of its own.
    pub fn anew(&mut self) {
        self.reader.get_mut().taken = 0;
    }

    /// The next node; nothing at the end of the part.
    ///
    /// # Errors
    /// `Malformed`: it is no XML, or breaks off; `TooLarge`: an element is too long; `Stopped`: nobody waits for it.
    pub fn next(&mut self) -> Result<Option<Node<'_>>, DataError> {
        self.buffer.clear();
        let read = self.reader.read_event_into(&mut self.buffer);
        let source = self.reader.get_ref();
        let is_long = source.taken > MOST_ELEMENT_BYTES;
        let event = read.map_err(|error| match error {
            _ if source.part.get_ref().is_given_up => DataError::stopped(),
            _ if is_long => too_long(),
            error => damaged(error),
        })?;
        Ok(Some(match event {
            Event::Start(element) if self.depth == MOST_DEPTH || element.name().as_ref().len() > MOST_NAME_BYTES => {
                return Err(damaged("elements are nested too deep, or have too long names"));
            }
            Event::Start(element) => {
                self.depth += 1;
                Node::Begin(element)
            }
            Event::End(element) => {
                self.depth -= 1;
                Node::End(element)
            }
            Event::Text(text) => Node::Text(text.xml10_content().map_err(damaged)?),
            Event::CData(text) => Node::Text(text.xml10_content().map_err(damaged)?),
            Event::GeneralRef(name) => Node::Text(character(&name)?),
            Event::Eof if self.depth > 0 => return Err(damaged("a part of it breaks off")),
            Event::Eof => return Ok(None),
            _ => Node::Other,
        }))
    }

    /// Adds the text of the element that has just begun to `text`, and passes its end.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub fn text(&mut self, text: &mut String) -> Result<(), DataError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            if let Some(Node::Text(part)) = self.next()? {
                text.push_str(&part);
            }
        }
        Ok(())
    }

    /// The same of a text in runs, without how it is pronounced.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub fn rich_text(&mut self, text: &mut String) -> Result<(), DataError> {
        let (outside, start) = (self.depth - 1, text.len());
        while self.depth > outside {
            let is_text = match self.next()? {
                Some(Node::Begin(element)) => match element.local_name().as_ref() {
                    b"t" => true,
                    b"rPh" => false,
                    _ => continue,
                },
                _ => continue,
            };
            if is_text { self.text(text)? } else { self.skip()? }
        }
        if text[start..].contains("_x") {
            let plain = without_escapes(&text[start..]);
            text.truncate(start);
            text.push_str(&plain);
        }
        Ok(())
    }

    /// Passes over the rest of the element that has just begun.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub fn skip(&mut self) -> Result<(), DataError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }
}

/// An attribute by its name without a prefix, as it is meant.
///
/// # Errors
/// `Malformed`: the attributes cannot be read.
pub(super) fn attribute<'a>(element: &'a BytesStart, name: &str) -> Result<Option<Cow<'a, str>>, DataError> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(damaged)?;
        if attribute.key.local_name().as_ref() == name.as_bytes() {
            if attribute.value.len() > MOST_NAME_BYTES {
                return Err(damaged(format!("the attribute {name} of an element is too long")));
            }
            return attribute.normalized_value(XmlVersion::Implicit1_0).map(Some).map_err(damaged);
        }
    }
    Ok(None)
}

/// The character that a name between `&` and `;` stands for.
fn character(name: &BytesRef) -> Result<Cow<'static, str>, DataError> {
    if let Some(character) = name.resolve_char_ref().map_err(damaged)? {
        return Ok(character.to_string().into());
    }
    let name = name.decode().map_err(damaged)?;
    resolve_predefined_entity(&name).map(Cow::Borrowed).ok_or_else(|| damaged("it names a character that is not known"))
}

/// A text with the characters that XML cannot hold, written as `_x000D_`, in their places.
fn without_escapes(text: &str) -> String {
    let (mut plain, mut units, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while !rest.is_empty() {
        let code = rest.strip_prefix("_x").and_then(|code| code.get(..5)).and_then(|code| code.strip_suffix('_'));
        match code.and_then(|code| u16::from_str_radix(code, 16).ok()) {
            Some(unit) => {
                units.push(unit);
                rest = &rest[7..];
            }
            None => {
                plain.extend(
                    char::decode_utf16(units.drain(..)).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)),
                );
                let first = rest.chars().next().map_or(1, char::len_utf8);
                let end = rest[first..].find("_x").map_or(rest.len(), |at| at + first);
                plain.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    plain.extend(char::decode_utf16(units).map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER)));
    plain
}

fn too_long() -> DataError {
    DataError::too_large(format!("a cell of the workbook takes more than {MOST_ELEMENT_BYTES} bytes"))
}

/// A part whose bytes are counted.
struct Metered {
    part: BufReader<Part>,
    /// Bytes since the element began.
    taken: usize,
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Metered {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken > MOST_ELEMENT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.part.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
        self.part.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_hold_are_read() {
        assert_eq!(without_escapes("a_x000D_b_xZ_é_x005F_x0041_"), "a\rb_xZ_é_x0041_");
        assert_eq!(without_escapes("_xD83D__xDE00_"), "\u{1F600}");
        assert_eq!(without_escapes("_x"), "_x");
    }
}
