//! `limits(...)`: what the processes of a job may take of their host.

use crate::size;
use crate::values::plain::TreeLimits;
use sortie_core::call::TreeLimits as TreeLimitsData;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Limits on all processes of a job or an agent together: `limits = limits(memory = "4GiB", processes = 500, disk = "20GiB")`.
    ///
    /// `memory` and `disk` (below the working directory, looked at now and then) are sizes such as "512MiB" or "4GiB"; `processes`
    /// counts threads too. They are held where the host can hold them; `r.held` says which were. A job that runs over one of them
    /// fails as `oom` or `limits`.
    fn limits<'v>(
        #[starlark(require = named, default = NoneOr::None)] memory: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] processes: NoneOr<i64>,
        #[starlark(require = named, default = NoneOr::None)] disk: NoneOr<&'v str>,
    ) -> anyhow::Result<TreeLimits> {
        let bytes = |argument: &str, text: NoneOr<&str>| {
            text.into_option().map(|text| size::parse(text).map_err(|why| anyhow::anyhow!("{argument}: {why}"))).transpose()
        };
        let processes = match processes.into_option() {
            None => None,
            Some(n) => {
                Some(u32::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("processes: expected at least 1, got {n}"))?)
            }
        };
        let limits = TreeLimitsData { memory_bytes: bytes("memory", memory)?, processes, disk_bytes: bytes("disk", disk)? };
        anyhow::ensure!(!limits.is_none(), "limits: expected memory, processes or disk");
        Ok(TreeLimits(limits))
    }
}
