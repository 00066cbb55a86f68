//! The figures of Sortie, each beside what it is to be compared with, in the same run on the same machine.
//!
//! `cargo run --release -p sortie-bench -- all` measures everything and prints one Markdown table. What serves and what loads
//! are processes of their own: this program again, as one of its [`Part`]s.

mod bare;
mod bulk;
mod callback_server;
mod callbacks;
mod child;
mod engine;
mod finish;
mod fleet;
mod flows;
mod held;
mod history;
mod launch_server;
mod launches;
mod limits;
mod load;
mod logs;
mod machine;
mod next_launch;
mod place;
mod posts;
mod process;
mod recovery;
mod replay;
mod report;
mod shim;
mod ssh_client;
mod sshd;
mod stats;
mod steps;
mod timers;
mod waiting;

use clap::{Parser, Subcommand};
use place::Place;
use report::Row;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Measures Sortie; prints Markdown.
#[derive(Parser)]
#[command(name = "sortie-bench")]
struct Cli {
    /// Where the temporary folders go: a real disk, since durability is what costs [default: the system's]
    #[arg(long, global = true, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Rounds of each figure; the table shows the median and the extremes
    #[arg(long, global = true, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=25))]
    rounds: u16,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Callbacks accepted and durable, beside the bare HTTP server
    Callbacks,
    /// From a callback to the next launch
    NextLaunch,
    /// 200 jobs on one host, beside `ssh`
    Launches,
    /// 1,000 jobs on ten machines of namespaces, beside `ssh`, asyncssh and Ansible; needs root, and `cargo build --release` before
    Fleet {
        /// Machines
        #[arg(long, default_value_t = 10)]
        machines: usize,
        /// Jobs on each of them
        #[arg(long, default_value_t = 100)]
        jobs: usize,
    },
    /// A line written by a job to the line shown by `runs logs --follow`; needs `cargo build --release` before
    Logs {
        /// Lines of a round, ten a second
        #[arg(long, default_value_t = 300)]
        lines: usize,
    },
    /// Many jobs end at once: until all results are accepted; needs `cargo build --release` before
    Finish {
        /// Jobs
        #[arg(long, default_value_t = 200)]
        jobs: usize,
        /// How long the server is down for the second figure, at most half an hour; 0 leaves it out
        #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(..=1800))]
        down_seconds: u64,
    },
    /// Size, memory, processor time of the shim, and the bytes of a launch; needs `cargo build --release` before
    Shim {
        /// Jobs that wait side by side
        #[arg(long, default_value_t = 20)]
        jobs: usize,
        /// How long their processor time is counted
        #[arg(long, default_value_t = 180)]
        idle_seconds: u64,
    },
    /// 100,000 waiting runs: disk, memory, start
    Waiting,
    /// Steps of runs, one after the other and many at once
    Steps,
    /// Replays of short and long runs
    Replay,
    /// 100,000 armed timers, 1,000 a second fall due
    Timers,
    /// From a crash to 10,000 runs resumed
    Recovery,
    /// All of them that measure the engine: the machines' side has its own words (`fleet`, `logs`, `finish`, `shim`)
    All,
    /// A process of a measurement
    #[command(subcommand, hide = true)]
    Part(Part),
}

/// What a child process does.
#[derive(Subcommand)]
enum Part {
    /// The callback server with attempts that wait for their results
    Callbacks(callback_server::Arguments),
    /// The same server stack with nothing behind it
    Bare,
    /// The whole engine, with a launcher that acknowledges at once
    NextLaunch(launch_server::Arguments),
    /// Posts what was prepared
    Load(load::Arguments),
}

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    // The program under test, of which this one is made: its evaluators, and the real `sortie serve`.
    if arguments.get(1).is_some_and(|word| word == "flow-worker") {
        sortie_flow::worker::main();
    }
    if arguments.get(1).is_some_and(|word| word == "sortie") {
        arguments.remove(1);
        return ExitCode::from(sortie::cli::run(arguments));
    }
    let cli = Cli::parse();
    let result = match cli.what {
        What::Part(part) => run_part(part),
        what => measure(&what, cli.folder, usize::from(cli.rounds)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sortie-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_part(part: Part) -> anyhow::Result<()> {
    match part {
        // A light generator: one thread, so that it leaves the cores to what it measures.
        Part::Load(arguments) => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(load::run(arguments)),
        Part::Callbacks(arguments) => runtime()?.block_on(callback_server::run(arguments)),
        Part::Bare => runtime()?.block_on(bare::run()),
        Part::NextLaunch(arguments) => runtime()?.block_on(launch_server::run(arguments)),
    }
}

/// As `sortie serve` has it.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// What needs machines, and the built program.
fn of_machines(what: &What, place: &Place, rounds: usize) -> anyhow::Result<Vec<Row>> {
    match *what {
        What::Fleet { machines, jobs } => fleet::measure(place.path(), rounds, machines, jobs),
        What::Logs { lines } => logs::measure(rounds, lines),
        What::Finish { jobs, down_seconds } => finish::measure(rounds, jobs, Duration::from_secs(down_seconds)),
        What::Shim { jobs, idle_seconds } => shim::measure(place.path(), jobs, Duration::from_secs(idle_seconds)),
        _ => Ok(Vec::new()),
    }
}

fn measure(what: &What, folder: Option<PathBuf>, rounds: usize) -> anyhow::Result<()> {
    let place = Place::new(folder)?;
    println!("{}\n", machine::describe(place.path()));
    let mut rows: Vec<Row> = Vec::new();
    let all = matches!(what, What::All);
    if all || matches!(what, What::Callbacks) {
        rows.extend(callbacks::measure(&place, rounds)?);
    }
    if all || matches!(what, What::NextLaunch) {
        rows.extend(next_launch::measure(&place, rounds)?);
    }
    if all || matches!(what, What::Launches) {
        rows.extend(runtime()?.block_on(launches::measure(&place, rounds))?);
    }
    rows.extend(of_machines(what, &place, rounds)?);
    if all || matches!(what, What::Waiting) {
        rows.extend(waiting::measure(&place, rounds)?);
    }
    if all || matches!(what, What::Steps) {
        rows.extend(runtime()?.block_on(steps::measure(&place, rounds))?);
    }
    if all || matches!(what, What::Replay) {
        rows.extend(runtime()?.block_on(replay::measure(&place, rounds))?);
    }
    if all || matches!(what, What::Timers) {
        rows.extend(runtime()?.block_on(timers::measure(&place))?);
    }
    if all || matches!(what, What::Recovery) {
        rows.extend(runtime()?.block_on(recovery::measure(&place, rounds))?);
    }
    println!("{}", report::table(&rows));
    println!("load average at the end: {}", machine::load_average());
    place.clean_up()
}
