//! `for_each(...)`: one call for each of many items, so many at a time.

use crate::limits::HANDLES;
use crate::values::answer::Answer;
use crate::values::context::Context;
use crate::values::handle::AnyHandle;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::typing::StarlarkIter;
use starlark::values::{UnpackValue as _, Value, ValueOfUnchecked};

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Call a function for each item, with so many steps open at a time, and return their results in the order of the items.
    ///
    /// The function takes the item and returns a handle: `for_each(hosts, lambda h: job("update " + h, on = h, command = ["up"],
    /// wait = False), at_most = 5)`. Item number k is started when all but `at_most - 1` of those before it are answered; without
    /// `at_most` all are started at once. Each item needs step names of its own.
    fn for_each<'v>(
        #[starlark(require = pos)] items: ValueOfUnchecked<'v, StarlarkIter<Value<'v>>>,
        #[starlark(require = pos)] r#fn: Value<'v>,
        #[starlark(require = named, default = NoneOr::None)] at_most: NoneOr<i32>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<Answer<'v>>> {
        let replay = Context::replay(eval, "for_each")?;
        let items: Vec<Value<'v>> = items.get().iterate(eval.heap())?.take(HANDLES + 1).collect();
        if items.len() > HANDLES {
            return Err(anyhow::anyhow!("for_each: more than {HANDLES} items").into());
        }
        let at_most = match at_most {
            NoneOr::None => usize::MAX,
            NoneOr::Other(n) => {
                usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("at_most: expected at least 1, got {n}"))?
            }
        };
        let mut handles: Vec<AnyHandle<'v>> = Vec::with_capacity(items.len());
        let mut open = Vec::new();
        for item in items {
            // What the journal has was started when there was room. It is not asked again, so that a step which was opened anew
            // since does not change what follows it.
            if replay.at_the_end() && open.len() >= at_most {
                return Err(anyhow::Error::from(replay.suspend(open)).into());
            }
            let made = eval.eval_function(r#fn, &[item], &[])?;
            let handle = AnyHandle::unpack_value(made)?.ok_or_else(|| {
                anyhow::anyhow!("for_each: the function returned a {}, not a handle; make its call with wait = False", made.get_type())
            })?;
            let call = handle.made().call;
            if replay.answer(call).is_none() && open.last() != Some(&call) {
                open.push(call);
            }
            handles.push(handle);
        }
        if !open.is_empty() {
            return Err(anyhow::Error::from(replay.suspend(open)).into());
        }
        Ok(handles.iter().map(|handle| handle.made().answer(replay, eval.heap())).collect::<anyhow::Result<Vec<_>>>()?)
    }
}
