//! Telling people: one message, in the words of each kind of connection.

pub mod mail;
pub mod post;

use serde_json::{Value, json};

/// What somebody is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The same for every try, whichever process makes it: `Idempotency-Key`, and the left side of a `Message-ID`.
    pub id: String,
    /// One line.
    pub title: String,
    /// More of it.
    pub text: String,
    /// Facts, as name and value.
    pub fields: Vec<(String, String)>,
    /// Where to go on, as what for and URL. They may decide something, so they are secrets.
    pub links: Vec<(String, String)>,
}

/// Why nobody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTold {
    /// For people; no secrets.
    pub message: String,
    /// Whether it is worth another try.
    pub again: bool,
}

impl NotTold {
    /// It may work later.
    #[must_use]
    pub fn later(message: impl Into<String>) -> Self {
        Self { message: message.into(), again: true }
    }

    /// It will not work as it is.
    #[must_use]
    pub fn never(message: impl Into<String>) -> Self {
        Self { message: message.into(), again: false }
    }
}

impl Message {
    /// The title in one line, without what could end a header or paint a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        self.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// For people.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        if !self.text.is_empty() {
            text += &format!("{}\n\n", self.text.trim_end());
        }
        for (name, value) in &self.fields {
            text += &format!("{name}: {}\n", value.replace(['\r', '\n'], " "));
        }
        for (what, url) in &self.links {
            text += &format!("\n{what}:\n{url}\n");
        }
        text
    }

    /// For a webhook: `text` as Slack and what speaks like it read it, and everything by itself.
    #[must_use]
    pub fn json(&self) -> Value {
        let fields: serde_json::Map<String, Value> = self.fields.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let links: Vec<Value> = self.links.iter().map(|(what, url)| json!({ "what": what, "url": url })).collect();
        json!({
            "text": format!("{}\n{}", self.line(), self.plain()).trim_end(),
            "id": self.id,
            "title": self.line(),
            "message": self.text,
            "fields": fields,
            "links": links,
        })
    }

    /// For Slack: its own marks are taken out of what came from elsewhere, so that no text pretends to be a link or a call.
    #[must_use]
    pub fn slack(&self) -> Value {
        let quoted = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let mut text = format!("*{}*\n", quoted(&self.line()).replace('*', "∗"));
        if !self.text.is_empty() {
            text += &format!("{}\n", quoted(self.text.trim_end()));
        }
        for (name, value) in &self.fields {
            text += &format!("• {}: {}\n", quoted(name), quoted(value));
        }
        for (what, url) in &self.links {
            text += &format!("<{}|{}>\n", quoted(url).replace('|', "%7C"), quoted(what).replace('|', "/"));
        }
        json!({ "text": text.trim_end() })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
