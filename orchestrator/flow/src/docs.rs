//! The reference of what flows can call, taken from the builtins themselves.

use crate::builtins::own;
use serde::{Deserialize, Serialize};
use starlark::docs::{DocItem, DocMember, DocString};
use starlark::environment::GlobalsBuilder;

/// One thing that a flow can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocEntry {
    /// Its name, with that of its namespace or type: `job`, `json.encode`, `JobResult.ok`.
    pub name: String,
    /// How it is written: parameters, types, defaults.
    pub signature: String,
    /// What it does.
    pub text: String,
}

/// All builtins of flows and the attributes of their types, by name.
#[must_use]
pub fn docs() -> Vec<DocEntry> {
    let mut entries = Vec::new();
    for (name, item) in &GlobalsBuilder::new().with(own).build().documentation().members {
        add(&mut entries, name, item);
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn add(entries: &mut Vec<DocEntry>, name: &str, item: &DocItem) {
    match item {
        DocItem::Module(module) => module.members.iter().for_each(|(inner, item)| add(entries, &format!("{name}.{inner}"), item)),
        DocItem::Type(kind) => {
            entries.push(DocEntry { name: name.to_owned(), signature: kind.ty.to_string(), text: text(kind.docs.as_ref()) });
            kind.members.iter().for_each(|(inner, member)| add_member(entries, &format!("{name}.{inner}"), member));
        }
        DocItem::Member(member) => add_member(entries, name, member),
    }
}

fn add_member(entries: &mut Vec<DocEntry>, name: &str, member: &DocMember) {
    let (signature, docs) = match member {
        DocMember::Property(property) => (format!("{name}: {}", property.typ), property.docs.as_ref()),
        DocMember::Function(function) => (DocItem::Member(member.clone()).render_as_code(name), function.docs.as_ref()),
    };
    entries.push(DocEntry { name: name.to_owned(), signature, text: text(docs) });
}

fn text(docs: Option<&DocString>) -> String {
    docs.map_or_else(String::new, |docs| match &docs.details {
        Some(details) => format!("{}\n\n{details}", docs.summary),
        None => docs.summary.clone(),
    })
}
