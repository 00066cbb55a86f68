//! Values that only carry plain data from one builtin to another: what `secret`, `limit`, `budget` and their like return.

use crate::manifest::Concurrency;
use crate::trigger::Trigger as TriggerData;
use crate::values::reference::MARKER;
use allocative::Allocative;
use sortie_core::call::{Budget as BudgetData, Escalation, TreeLimits as TreeLimitsData, WorkspaceSpec};
use sortie_core::plan::NotifyRule;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkPagablePanic, StarlarkValue, starlark_value};
use std::fmt;

macro_rules! plain {
    ($(#[$doc:meta])* $name:ident($data:ty), $text:literal, $show:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
        pub struct $name(#[allocative(skip)] pub $data);
        starlark_simple_value!($name);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let show: fn(&$data) -> String = $show;
                f.write_str(&show(&self.0))
            }
        }

        #[starlark_value(type = $text)]
        impl<'v> StarlarkValue<'v> for $name {}
    };
}

plain!(
    /// The name of a secret. As text it is a marker that calls refuse: only the edge knows what it stands for.
    Secret(String), "Secret", |name| format!("{MARKER}secret {name:?}>")
);
plain!(
    /// The name of a connection.
    Connection(String), "Connection", |name| format!("{MARKER}connection {name:?}>")
);
plain!(
    /// What starts runs.
    Trigger(TriggerData), "Trigger", |trigger| match trigger {
        TriggerData::Manual {} => "manual()".to_owned(),
        TriggerData::Schedule(schedule) => format!("schedule({:?})", schedule.cron),
        TriggerData::Webhook(webhook) => format!("webhook({:?})", webhook.name),
    }
);
plain!(
    /// How many runs may go on at once.
    Limit(Concurrency), "Limit", |limit| format!("limit({})", limit.at_most)
);
plain!(
    /// Who is told of what.
    Notify(NotifyRule), "Notify", |rule| format!("notify(to = {:?})", rule.to)
);
plain!(
    /// What a job may use.
    Budget(BudgetData), "Budget", |_| "budget(...)".to_owned()
);
plain!(
    /// A git repository that a job works in.
    Git(WorkspaceSpec), "Git", |git| format!("git({:?})", git.repository)
);
plain!(
    /// Limits on the processes of a job.
    TreeLimits(TreeLimitsData), "Limits", |_| "limits(...)".to_owned()
);
plain!(
    /// Whom to ask, too, when nobody has decided.
    Escalate(Escalation), "Escalate", |more| format!("escalate(to = {:?})", more.to)
);
