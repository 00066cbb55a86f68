//! `budget(...)`: what a job may use.

use crate::values::plain::Budget;
use sortie_core::call::Budget as BudgetData;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// What a job may use before it is stopped, as its own progress reports say: `job(..., budget = budget(usd = "5.00"))`.
    ///
    /// `usd` is an amount of US dollars as text, with at most six decimals; `tokens` counts those of a model, in and out. The
    /// error kind of a job that was stopped for it is `budget`.
    fn budget<'v>(
        #[starlark(require = named, default = NoneOr::None)] usd: NoneOr<&'v str>,
        #[starlark(require = named, default = NoneOr::None)] tokens: NoneOr<i64>,
    ) -> anyhow::Result<Budget> {
        let usd_micros = usd.into_option().map(micros).transpose()?;
        let tokens = match tokens.into_option() {
            None => None,
            Some(n) => {
                Some(u64::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| anyhow::anyhow!("tokens: expected at least 1, got {n}"))?)
            }
        };
        anyhow::ensure!(usd_micros.is_some() || tokens.is_some(), "budget: expected usd or tokens, or both");
        Ok(Budget(BudgetData { usd_micros, tokens }))
    }
}

/// Millionths of a dollar of an amount such as "5" or "0.25".
fn micros(text: &str) -> anyhow::Result<u64> {
    let shape = || anyhow::anyhow!("usd: expected an amount such as \"5.00\", got {text:?}");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    anyhow::ensure!(digits(whole) && digits(part) && part.len() <= 6, shape());
    let whole: u64 = whole.parse().map_err(|_| shape())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| shape())?;
    let micros = whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(part)).ok_or_else(shape)?;
    anyhow::ensure!(micros > 0, "usd: the budget is zero");
    Ok(micros)
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn reads_amounts_exactly() {
        for (text, amount) in [("5", 5_000_000), ("5.00", 5_000_000), ("0.25", 250_000), ("0.000001", 1)] {
            assert_eq!(micros(text).unwrap(), amount, "{text}");
        }
        for text in ["", "-1", "0", "1.", ".5", "1.0000001", "1e3", "$5", "99999999999999999999"] {
            assert!(micros(text).is_err(), "{text}");
        }
    }
}
