//! Text as HTML.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// A text that HTML shows as it is, in elements and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

/// Markdown as HTML; HTML in it is shown as it is written.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, events(text));
    out
}

/// The same of a line, without a paragraph around it.
pub fn markdown_line(text: &str) -> String {
    let is_paragraph = |event: &Event| matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph));
    let mut out = String::new();
    html::push_html(&mut out, events(text).filter(|event| !is_paragraph(event)));
    out
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // What is wider than its place is scrolled by keyboard as well.
        Event::Start(Tag::CodeBlock(_)) => Event::Html("<pre tabindex=\"0\"><code class=\"shell\">".into()),
        Event::End(TagEnd::CodeBlock) => Event::Html("</code></pre>\n".into()),
        event => event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_as_html_that_is_text() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(markdown("a <b>x</b> `y<z`\n"), "<p>a &lt;b&gt;x&lt;/b&gt; <code>y&lt;z</code></p>\n");
        assert_eq!(markdown_line("`a` b"), "<code>a</code> b");
        assert_eq!(markdown("    a<b\n"), "<pre tabindex=\"0\"><code class=\"shell\">a&lt;b\n</code></pre>\n");
    }
}
