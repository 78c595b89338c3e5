//! The model that a request asks, as the request names it: for its line in the log.

use std::borrow::Cow;

use axum::http::Uri;

/// How a path template writes the place of a model.
const MODEL: &str = "{model}";

/// Where a request names a model.
#[derive(Clone, Copy)]
pub enum Place {
    /// The part of the path with this number.
    Path(usize),
    /// The query parameter of this name, with its `=`.
    Query(&'static str),
}

impl Place {
    /// In requests of the path `template`.
    pub fn of(template: &str) -> Option<Self> {
        match template {
            "/predict" => Some(Place::Query("model=")),
            "/train" | "/models/import" => Some(Place::Query("name=")),
            _ => template.split('/').position(|part| part == MODEL).map(Place::Path),
        }
    }

    /// The model that a request names.
    pub fn model(self, uri: &Uri) -> Option<Cow<'_, str>> {
        let word = match self {
            // Byte by byte, which takes less time for short parts than a search for each.
            Place::Path(at) => str::from_utf8(uri.path().as_bytes().split(|byte| *byte == b'/').nth(at)?).ok()?,
            Place::Query(name) => uri.query()?.split('&').find_map(|pair| pair.strip_prefix(name))?,
        };
        // Of names, which have no signs, few are sent encoded.
        let decoded = || form_urlencoded::parse(word.as_bytes()).next().map(|(word, _)| word);
        if word.contains('%') { decoded() } else { Some(word.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_from_where_the_route_has_it() {
        let model = |template, uri: &str| {
            let uri = uri.parse().expect("a URI");
            Place::of(template).and_then(|place| Some(place.model(&uri)?.into_owned()))
        };
        assert_eq!(model("/models/{model}/predict", "/models/iris/predict?model=x").as_deref(), Some("iris"));
        assert_eq!(model("/models/{model}", "/models/my%2Dmodel").as_deref(), Some("my-model"));
        assert_eq!(model("/predict", "/predict?flags=true&model=iris").as_deref(), Some("iris"));
        assert_eq!(model("/train", "/train?target=y&name=shop").as_deref(), Some("shop"));
        assert_eq!(model("/models/import", "/models/import?name=copy").as_deref(), Some("copy"));
        assert_eq!([model("/predict", "/predict"), model("/jobs/{job}", "/jobs/1")], [None, None]);
    }
}
