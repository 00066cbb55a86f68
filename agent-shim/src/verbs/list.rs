//! `list`: attempts that are known here and not acknowledged, by id.

use super::{Fault, succeed};
use crate::attempt::Attempt;
use crate::limits::LIST_PAGE_BYTES;
use crate::root::{AttemptId, Root};
use crate::view::view;
use sortie_protocol::limits::STATUS_ATTEMPTS;
use sortie_protocol::verb::Reply;

/// A page of views.
pub fn run(root: &Root, after: Option<&str>) -> Result<Reply, Fault> {
    if after.is_some_and(|after| AttemptId::parse(after).is_none()) {
        return Err(Fault::usage("the attempt's id is malformed"));
    }
    let (mut views, mut bytes) = (Vec::new(), 0);
    for attempt in open(root)? {
        if after.is_some_and(|after| attempt.id().as_str() <= after) {
            continue;
        }
        succeed(&attempt);
        let view = view(&attempt);
        bytes += serde_json::to_vec(&view).map_or(0, |json| json.len());
        if !views.is_empty() && (views.len() == STATUS_ATTEMPTS || bytes > LIST_PAGE_BYTES) {
            return Ok(Reply::Listed { views, more: true });
        }
        views.push(view);
    }
    Ok(Reply::Listed { views, more: false })
}

/// Attempts that are neither tombstones nor acknowledged, by id.
pub fn open(root: &Root) -> Result<Vec<Attempt>, Fault> {
    let names = std::fs::read_dir(root.jobs())?.flatten().filter_map(|entry| AttemptId::parse(entry.file_name().to_str()?));
    let mut open: Vec<Attempt> = names.map(|id| Attempt::new(root, id)).filter(|it| !it.is_sealed() && it.acked().is_none()).collect();
    open.sort_by(|one, other| one.id().as_str().cmp(other.id().as_str()));
    Ok(open)
}
