//! Server-sent events, read from the pieces of a reply as they come.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// What it is of.
    pub name: String,
    /// What it says.
    pub data: String,
}

/// Takes events from bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Events {
    rest: Vec<u8>,
    open: Event,
    /// The last id, from which a stream goes on that broke off.
    pub last_id: Option<String>,
}

impl Events {
    /// The events that are whole with this piece.
    pub fn read(&mut self, piece: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            events.extend(self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])));
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                return Some(std::mem::take(&mut self.open)).filter(|event| !event.data.is_empty());
            }
            "event" => self.open.name = value.to_owned(),
            "data" if self.open.data.is_empty() => self.open.data = value.to_owned(),
            "data" => self.open.data = format!("{}\n{value}", self.open.data),
            "id" => self.last_id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let stream = "id: 1-1\nevent: epoch\ndata: {\"epoch\":1}\n\n: a comment\r\n\r\nevent: state\r\ndata: a\r\ndata: b\r\n\r\nid: 9\n";
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut read = events.read(&stream.as_bytes()[..cut]);
            read.extend(events.read(&stream.as_bytes()[cut..]));
            assert_eq!(read, [event("epoch", "{\"epoch\":1}"), event("state", "a\nb")], "{cut}");
            assert_eq!(events.last_id.as_deref(), Some("9"));
        }
    }
}
