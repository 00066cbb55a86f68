//! Output without measure, without line ends, without sense: it costs bounded room, stops nobody, and its end is shown (F104).

use serde_json::json;
use sortie::logs::limits::{HEAD_SEGMENTS, SEGMENT_BYTES, TAIL_SEGMENTS};
use sortie_protocol::limits::{LOG_CHUNK_BYTES, LOG_HEAD_BYTES, LOG_TAIL_BYTES, OUTPUT_FILE_BYTES};
use sortie_tests::run::Run;
use sortie_tests::world::{Setup, World};
use sortie_tests::{cli, limits, processes, time, wait};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A line of 80 MB without end, 40 million short lines, 1 MB of anything, and half of a character.
const FLOOD: &str = "head -c 80000000 /dev/zero | tr '\\0' 'x'; yes | head -c 80000000; head -c 1000000 /dev/urandom; printf '\\304'\n";
/// Bytes of it.
const FLOOD_BYTES: u64 = 161_000_001;
/// Most memory of a supervisor, in KiB: itself, one chunk on its way, and its copy in the request.
const SHIM_KIB: u64 = 24 << 10;
/// Most memory of the server, in KiB, built for tests: a few chunks and pages beside what it always has.
const SERVER_KIB: u64 = 256 << 10;
/// What a job can write between two looks of its shim at the size of its output, in bytes.
const SLACK: u64 = 16 << 20;

/// Questions over SSH that fetch head and tail of a stream, and no more than are asked beside them while a run ends.
const QUESTIONS: usize = ((LOG_HEAD_BYTES + LOG_TAIL_BYTES) / LOG_CHUNK_BYTES) as usize + 60;

/// The most memory that a process ever had, in KiB.
fn most_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| if entry.path().is_dir() { bytes_below(&entry.path()) } else { entry.metadata().map_or(0, |meta| meta.len()) })
        .sum()
}

/// The last lines as an operator sees them.
fn tail(world: &World, run: &Run) -> String {
    world.it.cli(&["runs", "logs", &run.id, "--tail", "3"]).data()["text"].as_str().unwrap_or_default().to_owned()
}

/// All that is kept, as it was written, and how many bytes are said to be missing.
fn kept(world: &World, run: &Run) -> (Vec<u8>, u64) {
    let mut command = cli::command(&world.it.home);
    command.args(["runs", "logs", &run.id, "--raw"]);
    let output = cli::output(command);
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    let gaps = notes.lines().filter_map(|line| line.strip_prefix("... ")?.strip_suffix(" bytes not kept ..."));
    (output.stdout, gaps.map(|count| count.replace(',', "").parse::<u64>().unwrap()).sum())
}

#[test]
fn f104_a_flood_stops_nobody_fills_no_disk_and_its_end_is_shown() {
    let world = World::with(Setup { http_proxy: true, ..Setup::default() });
    let written = world.scratch("written");
    let script = world.gate("begin") + FLOOD + &format!("> {}\n", written.display()) + &world.gate("end") + "printf '\\nthe end\\n'";
    let run = world.job("floods", &script);
    let _ = run.event(&world.it, "attempt_started");
    // Nobody takes any output: the job must not notice.
    world.http().away(true);
    world.http().cut_off();
    world.open_gate("begin");
    wait::holds("the job has written all of it", limits::SOON, || written.exists());
    world.http().away(false);
    world.open_gate("end");
    let mut shim_kib = 0;
    let mut look = || shim_kib = processes::of_shim(&world.root).iter().map(|process| most_kib(process.pid)).fold(shim_kib, u64::max);
    look();
    let ended = run.ended(&world.it);
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    wait::holds("the end of the output is shown", limits::SOON, || {
        look();
        tail(&world, &run).ends_with("\nthe end\n")
    });
    assert!(shim_kib > 0 && shim_kib <= SHIM_KIB, "a supervisor had {shim_kib} KiB");
    let server_kib = most_kib(world.it.pid());
    assert!(server_kib <= SERVER_KIB, "the server had {server_kib} KiB");

    let attempt = run.attempt(&world.it);
    let output = world.root.join("jobs").join(&attempt).join("stdout").metadata().unwrap();
    assert_eq!(output.len(), FLOOD_BYTES + 9, "offsets count everything");
    let on_disk = output.blocks() * 512;
    assert!(on_disk <= OUTPUT_FILE_BYTES + SLACK, "{on_disk} bytes on the machine");
    let at_server = bytes_below(&world.it.home.join("logs"));
    let most = (HEAD_SEGMENTS + TAIL_SEGMENTS) as u64 * (SEGMENT_BYTES + LOG_CHUNK_BYTES);
    assert!(at_server <= most, "{at_server} bytes at the server");

    let (bytes, gaps) = kept(&world, &run);
    assert_eq!(bytes.len() as u64 + gaps, FLOOD_BYTES + 9, "what is missing is counted");
    assert!(bytes.len() as u64 >= LOG_HEAD_BYTES + LOG_TAIL_BYTES, "head and tail: {} bytes", bytes.len());
    let head = usize::try_from(LOG_HEAD_BYTES).unwrap();
    assert!(bytes[..head].iter().all(|byte| *byte == b'x'), "the head is as it was written");
    assert!(bytes.ends_with(b"\xc4\nthe end\n"), "half a character is kept as it is");
    let lines = &bytes[head..bytes.len() - 1_000_010];
    assert!(lines.ends_with(b"y\ny\n"), "the tail is as it was written");

    // The result waited for none of it.
    let result = run.history(&world.it).into_iter().find(|event| event["kind"] == "attempt_result").unwrap();
    let page = world.it.look(&format!("/v1/runs/{}/logs?tail=1", run.id)).unwrap();
    let last = page["pieces"].as_array().unwrap().last().unwrap()["at"].clone();
    assert!(
        time::unix_ms(result["at"].as_str().unwrap()) <= last.as_i64().unwrap(),
        "the result of {result} came after the output of {last}"
    );
    assert_eq!(page["state"], json!("complete"), "{page}");
}

#[test]
fn f104_the_end_of_a_line_without_end_is_shown_over_ssh_alone() {
    let world = World::with(Setup { http_proxy: true, ..Setup::default() });
    let written = world.scratch("written");
    let endless = "head -c 80000000 /dev/zero | tr '\\0' 'x'; printf '\\nthe end\\n'\n";
    let script = world.gate("begin") + endless + &format!("> {}\n", written.display()) + &world.gate("go");
    let run = world.job("endless", &script);
    let _ = run.event(&world.it, "attempt_started");
    world.http().away(true);
    world.http().cut_off();
    world.open_gate("begin");
    wait::holds("the job has written all of it", limits::SOON, || written.exists());
    let questions = || world.sshd.log().matches("Starting session: command").count();
    let before = questions();
    wait::holds("the end of the output is shown", limits::SOON, || tail(&world, &run).ends_with("\nthe end\n"));
    let asked = questions() - before;
    assert!(asked <= QUESTIONS, "{asked} questions: what would be dropped is not fetched");
    assert!(tail(&world, &run).len() < 256 << 10, "of a line without end only the last part is shown");
    world.http().away(false);
    world.open_gate("go");
    assert_eq!(run.ended(&world.it)["state"], "succeeded");
}
