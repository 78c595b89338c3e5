//! An SVG document, read, with its places as values.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A picture as its reader finds it.
#[derive(Debug, Default)]
pub struct Picture {
    pub title: String,
    pub description: String,
    pub texts: Vec<Text>,
    pub lines: Vec<Line>,
    circles: Vec<(f64, f64)>,
}

#[derive(Debug)]
pub struct Text {
    pub words: String,
    place: (f64, f64),
    anchor: String,
}

#[derive(Debug)]
pub struct Line {
    pub colour: String,
    pub points: Vec<(f64, f64)>,
}

/// The elements that a picture may have: none of them does anything.
const ELEMENTS: [&str; 9] = ["svg", "title", "desc", "rect", "text", "line", "polyline", "circle", "polygon"];

impl Picture {
    /// Reads a document.
    ///
    /// # Panics
    /// If it is not well-formed, or has more in it than shapes and text.
    pub fn read(svg: &str) -> Self {
        let (mut picture, mut open, mut words) = (Picture::default(), Vec::new(), String::new());
        let mut reader = Reader::from_str(svg);
        reader.config_mut().check_end_names = true;
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {svg}")) {
                Event::Start(element) => {
                    words.clear();
                    open.push(attributes(&element));
                }
                Event::Empty(element) => picture.shape(&attributes(&element)),
                Event::Text(text) => words += &text.decode().expect("text"),
                Event::GeneralRef(name) => words += &resolved(&name.decode().expect("a name")),
                Event::End(_) => {
                    let (element, attributes) = open.pop().expect("it was open");
                    picture.words(&element, &attributes, words.trim());
                    picture.shape(&(element, attributes));
                    words.clear();
                }
                Event::Eof => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(open.is_empty() && !picture.title.is_empty() && !picture.description.is_empty(), "{svg}");
        picture
    }

    fn words(&mut self, element: &str, attributes: &HashMap<String, String>, words: &str) {
        match element {
            "title" => self.title = words.to_owned(),
            "desc" => self.description = words.to_owned(),
            "text" => {
                let place = (number(attributes, "x"), number(attributes, "y"));
                self.texts.push(Text { words: words.to_owned(), place, anchor: attributes["text-anchor"].clone() });
            }
            _ => {}
        }
    }

    fn shape(&mut self, (element, attributes): &(String, HashMap<String, String>)) {
        match element.as_str() {
            "circle" => self.circles.push((number(attributes, "cx"), number(attributes, "cy"))),
            "polyline" => {
                let point = |pair: &str| {
                    let (x, y) = pair.split_once(',').expect("a pair");
                    (x.parse().expect("a number"), y.parse().expect("a number"))
                };
                let points = attributes["points"].split_whitespace().map(point).collect();
                self.lines.push(Line { colour: attributes["stroke"].clone(), points });
            }
            _ => {}
        }
    }

    /// The centres of the circles, as the axes say.
    pub fn circles(&self) -> Vec<(f64, f64)> {
        self.circles.iter().map(|place| self.value(*place)).collect()
    }

    /// The line of most points, as the axes say.
    pub fn longest_line(&self) -> Vec<(f64, f64)> {
        let line = self.lines.iter().max_by_key(|line| line.points.len()).expect("a line");
        line.points.iter().map(|place| self.value(*place)).collect()
    }

    /// The values at a place.
    fn value(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.along("middle", x, |place| place.0), self.along("end", y, |place| place.1))
    }

    /// What the ticks whose labels have this anchor say of a place, by the first and the last of them.
    fn along(&self, anchor: &str, place: f64, of: impl Fn((f64, f64)) -> f64) -> f64 {
        let label = |text: &Text| Some((of(text.place), text.words.parse::<f64>().ok()?));
        let ticks: Vec<_> = self.texts.iter().filter(|text| text.anchor == anchor).filter_map(label).collect();
        let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
        assert!(ticks.len() > 2, "{:?}", self.texts);
        first.1 + (place - first.0) / (last.0 - first.0) * (last.1 - first.1)
    }
}

fn attributes(element: &BytesStart) -> (String, HashMap<String, String>) {
    let name = String::from_utf8(element.name().as_ref().to_vec()).expect("a name");
    assert!(ELEMENTS.contains(&name.as_str()), "{name}");
    let attribute = |attribute: quick_xml::events::attributes::Attribute| {
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).expect("a name");
        assert!(!key.starts_with("on") && !key.ends_with("href") && key != "style", "{key}");
        (key, String::from_utf8(attribute.value.to_vec()).expect("text"))
    };
    let attributes = element.attributes().map(|one| attribute(one.expect("an attribute"))).collect();
    (name, attributes)
}

fn resolved(name: &str) -> String {
    let known = quick_xml::escape::resolve_predefined_entity(name).map(str::to_owned);
    known.unwrap_or_else(|| panic!("&{name};"))
}

fn number(attributes: &HashMap<String, String>, name: &str) -> f64 {
    attributes[name].parse().unwrap_or_else(|_| panic!("{attributes:?}"))
}
