//! Where workers come to, on the server: who they are, and whether they may.

use super::limits::LEASE;
use super::mailbox::Mailboxes;
use super::protocol::{Hello, Welcome};
use crate::clock::Clock;
use crate::envelope::Problem;
use crate::error_code::ErrorCode;
use crate::launchers::names;
use crate::ssh::script::Root;
use sortie_core::host::Host;
use sortie_store::Store;
use sortie_store::model::workers::WorkerRow;
use std::sync::Arc;

/// What the answers to workers need. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// Workers and their hosts.
    pub store: Arc<dyn Store>,
    /// Their questions.
    pub mailboxes: Arc<Mailboxes>,
    /// The clock.
    pub clock: Clock,
}

impl Desk {
    /// A process comes: its host is as it says from now on, within what the operator has set and what was pinned before.
    ///
    /// # Errors
    /// Another machine's state root, labels that are not allowed, a name that could not stand in a header line.
    pub async fn hello(&self, row: &WorkerRow, hello: Hello) -> Result<Welcome, Problem> {
        if !sortie_protocol::speaks(hello.v) {
            let message = format!("version {} is not spoken here but {}", hello.v, sortie_protocol::VERSION);
            return Err(Problem::new(ErrorCode::Usage, message).hint("run the worker with the server's own version"));
        }
        if hello.instance.is_empty() || hello.instance.len() > 64 || !hello.instance.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Problem::new(ErrorCode::Usage, "the instance is 1 to 64 letters and digits"));
        }
        let host = self.store.host(&row.name).await?;
        let host = host.ok_or_else(|| Problem::new(ErrorCode::NotFound, format!("the worker {} was removed", row.name)))?;
        let host = as_it_says(host, row, &hello)?;
        let labels = host.labels.clone();
        let fence = self.store.take_worker(host, &hello.instance, self.clock.now()).await?;
        self.mailboxes.hello(&row.name, fence);
        let lease_ms = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        Ok(Welcome { name: row.name.clone(), fence, labels, lease_ms })
    }
}

fn as_it_says(host: Host, row: &WorkerRow, hello: &Hello) -> Result<Host, Problem> {
    let facts = &hello.facts;
    let root = Root::parse(&facts.root).map_err(|error| Problem::new(ErrorCode::Usage, error))?;
    if facts.marker.is_empty() || facts.marker.len() > 128 {
        return Err(Problem::new(ErrorCode::Usage, "the state root has no marker"));
    }
    // The first one is pinned: another machine, or a re-imaged one, is another worker.
    if !host.marker.is_empty() && host.marker != facts.marker {
        let message = format!("the state root {} has another marker than the one that worker {} was pinned by", facts.root, host.name);
        let problem = Problem::new(ErrorCode::HostUntrusted, message);
        return Err(problem.hint("another machine, or one set up anew, is a worker of its own: add it by another name"));
    }
    let labels = match &hello.labels {
        None => host.labels.clone(),
        Some(wanted) => allowed(row, wanted)?,
    };
    let arch = facts.uname.split(' ').next_back().map(str::to_owned);
    Ok(Host { state_root: root.as_str().to_owned(), marker: facts.marker.clone(), labels, arch, ..host })
}

fn allowed(row: &WorkerRow, wanted: &[String]) -> Result<Vec<String>, Problem> {
    names::labels(wanted).map_err(|error| Problem::new(ErrorCode::Usage, error))?;
    match wanted.iter().find(|label| !row.labels.is_empty() && !row.labels.contains(label)) {
        Some(label) => {
            let message = format!("worker {} may not serve `{label}`, only {}", row.name, row.labels.join(", "));
            Err(Problem::new(ErrorCode::Forbidden, message).hint("leave the label out, or add a worker that may"))
        }
        None => Ok(wanted.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(labels: &[&str]) -> WorkerRow {
        WorkerRow {
            name: "far".to_owned(),
            digest: String::new(),
            fence: 1,
            instance: None,
            seen_at: None,
            token_at: 0,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        }
    }

    #[test]
    fn a_worker_serves_what_its_operator_allows_and_no_more() {
        let wanted = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        assert_eq!(allowed(&row(&["gpu", "linux"]), &wanted(&["gpu"])).unwrap(), ["gpu"]);
        assert_eq!(allowed(&row(&["gpu"]), &wanted(&["gpu", "prod"])).unwrap_err().code, ErrorCode::Forbidden);
        assert_eq!(allowed(&row(&[]), &wanted(&["anything"])).unwrap(), ["anything"], "where nothing was said, the worker says");
        assert_eq!(allowed(&row(&[]), &wanted(&["Not a label"])).unwrap_err().code, ErrorCode::Usage);
    }
}
