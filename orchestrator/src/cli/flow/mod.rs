//! `sortie flow`: check, push, release, look.

pub mod check;
mod diff;
mod push;
mod release;
mod show;
mod simulate;
mod test;
mod worker;

use super::context::Context;
use super::output::Done;
use crate::envelope::Problem;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum FlowCommand {
    /// Find what is wrong with a flow, offline: file, line and caret for each error
    Check(check::CheckArgs),
    /// Run the test files of a flow, offline and in virtual time
    Test(test::TestArgs),
    /// Run a flow by canned answers and show what happens when, offline
    Simulate(simulate::SimulateArgs),
    /// Send a flow to the server as its draft
    Push(push::PushArgs),
    /// Make the draft the next release, and run that from now on
    Release(release::ReleaseArgs),
    /// Make a release live that is there, back or forth
    Promote(release::PromoteArgs),
    /// The releases of a flow
    Releases(release::ReleasesArgs),
    /// What differs between two versions
    Diff(diff::DiffArgs),
    /// All flows
    #[command(after_help = "Example:\n  sortie flow list")]
    List,
    /// One flow with its releases and its input
    Show(show::ShowArgs),
}

/// Do it.
pub async fn run(command: FlowCommand, context: &Context) -> Result<Done, Problem> {
    match command {
        FlowCommand::Check(args) => check::run(&args, context),
        FlowCommand::Test(args) => test::run(&args, context),
        FlowCommand::Simulate(args) => simulate::run(&args, context),
        FlowCommand::Push(args) => push::push(args, context).await,
        FlowCommand::Release(args) => release::release(args, context).await,
        FlowCommand::Promote(args) => release::promote(args, context).await,
        FlowCommand::Releases(args) => release::releases(&args, context).await,
        FlowCommand::Diff(args) => diff::run(&args, context).await,
        FlowCommand::List => show::list(context).await,
        FlowCommand::Show(args) => show::show(&args, context).await,
    }
}
