//! Many runs at once, brought to where a measurement begins by the same inputs that bring them there one by one.

use crate::flows::{Flow, HOST};
use crate::limits::{LEASE_MS, PREPARED_AT_ONCE};
use anyhow::{Context, bail};
use sortie::driver::{Driver, entropy};
use sortie_core::decide::Reply;
use sortie_core::effect::{Work, WorkClass};
use sortie_core::evaluation::Evaluation;
use sortie_core::ids::{AttemptId, Ms, RunId};
use sortie_core::input::{Input, InputBody, LaunchOutcome, Scope};
use sortie_core::limits::TOKEN_GRACE_MS;
use sortie_core::view::{Attempt, Handed};
use sortie_store::model::{Claim, Delivery};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// Make runs whose first evaluation is committed: they wait for what it asked for.
///
/// # Errors
/// As the store says.
pub async fn runs(driver: &Driver, flow: &Flow, count: usize) -> anyhow::Result<()> {
    let first = flow.first.clone();
    runs_with(driver, flow, count, move |_, _| first.clone()).await.map(drop)
}

/// As [`runs`], with a first evaluation of its own for each, made from its number and the time; gives the runs in order.
///
/// # Errors
/// As the store says.
pub async fn runs_with<F>(driver: &Driver, flow: &Flow, count: usize, first: F) -> anyhow::Result<Vec<RunId>>
where
    F: Fn(usize, Ms) -> Evaluation + Send + Sync + 'static,
{
    let shared = Arc::new((flow.clone(), first));
    let mut made = spread(driver, (0..count).collect(), move |driver, n| {
        let shared = Arc::clone(&shared);
        async move {
            let wish = shared.0.wish(&driver);
            let run = wish.run.clone();
            driver.deliver(Scope::New(run.clone()), InputBody::Create(wish)).await?;
            let head = driver.parts().store.load_advance(&run).await?.context("nothing to evaluate")?.head;
            let (advance_fence, seen, evaluation) = (head.advance_fence, head.wake_seq, (shared.1)(n, driver.parts().clock.now()));
            driver.deliver(Scope::Run(run.clone()), InputBody::Evaluated { advance_fence, seen, evaluation, log: Vec::new() }).await?;
            Ok((n, run))
        }
    })
    .await?;
    let claims = claimed(driver, WorkClass::Advance).await?;
    spread(driver, claims, |driver, claim| async move { Ok(driver.parts().store.finish(claim).await?) }).await?;
    made.sort_by_key(|(n, _)| *n);
    Ok(made.into_iter().map(|(_, run)| run).collect())
}

/// An attempt that its host has acknowledged.
pub struct Launched {
    /// Its run.
    pub run: RunId,
    /// Its row.
    pub attempt: Attempt,
    /// What it was handed.
    pub handed: Handed,
}

/// Launch every attempt that is due, on a host that acknowledges at once.
///
/// # Errors
/// As the store says.
pub async fn launch_all(driver: &Driver) -> anyhow::Result<Vec<Launched>> {
    let claims = claimed(driver, WorkClass::Launch).await?;
    spread(driver, claims, |driver, claim| async move { launch(&driver, claim).await }).await
}

async fn launch(driver: &Driver, claim: Claim) -> anyhow::Result<Launched> {
    let Work::Launch(id) = claim.work.clone() else { bail!("{} is no launch", claim.work.key()) };
    let run = claim.run.clone();
    let starting = InputBody::LaunchStarting { attempt: id.clone(), handed: hand(driver), slots: None };
    let Reply::Launch(attempt) = driver.deliver(of(&id), starting).await?.reply else { bail!("{id} may not be launched") };
    let outcome = LaunchOutcome::Acked { created: true, pid: Some(1), boot_id: None, containment: None };
    let input = Input { at: driver.parts().clock.now(), entropy: entropy(), body: InputBody::LaunchEnded { attempt: id.clone(), outcome } };
    driver.parts().store.deliver(Delivery { scope: of(&id), input, done: Some(claim), body: None }).await?;
    let handed = attempt.handed.clone().context("handed nothing")?;
    Ok(Launched { run, attempt: *attempt, handed })
}

fn of(id: &AttemptId) -> Scope {
    Scope::Attempt { attempt: id.clone(), callback: None }
}

fn hand(driver: &Driver) -> Handed {
    let (now, parts) = (driver.parts().clock.now(), driver.parts());
    Handed {
        host: HOST.to_owned(),
        spec_digest: "0".repeat(64),
        kid: driver.ring().active_kid(),
        root: driver.ring().root_generation(),
        audience: parts.config.audience().to_owned(),
        issued_s: now / 1_000,
        expires_s: (now + TOKEN_GRACE_MS.cast_signed()) / 1_000,
        launching_at: now,
        own_user: false,
        disk_floor_bytes: 0,
    }
}

/// Claim all that is due of a class.
async fn claimed(driver: &Driver, class: WorkClass) -> anyhow::Result<Vec<Claim>> {
    let mut all = Vec::new();
    loop {
        let now = driver.parts().clock.now();
        let claims = driver.parts().store.claim(class, now, LEASE_MS, sortie_store::limits::CLAIM).await?;
        if claims.is_empty() {
            return Ok(all);
        }
        all.extend(claims);
    }
}

/// Do a piece of work for each item, many at once; the results come in any order.
async fn spread<I, T, F, W>(driver: &Driver, items: Vec<I>, work: W) -> anyhow::Result<Vec<T>>
where
    I: Send + 'static,
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
    W: Fn(Driver, I) -> F + Send + Sync + 'static,
{
    let (items, work) = (Arc::new(Mutex::new(items.into_iter())), Arc::new(work));
    let mut tasks = JoinSet::new();
    for _ in 0..PREPARED_AT_ONCE {
        let (driver, items, work) = (driver.clone(), Arc::clone(&items), Arc::clone(&work));
        tasks.spawn(async move {
            let mut done = Vec::new();
            while let Some(item) = { items.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                done.push(work(driver.clone(), item).await?);
            }
            anyhow::Ok(done)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    Ok(all)
}
