//! F085 through the whole program: text from the input of a run reaches jobs and agents as it is, by every way that a flow has. Text of a
//! flow is Unicode; what is no text travels in an artifact, or encoded.

use serde_json::json;
use sortie_tests::flows;
use sortie_tests::run::Run;
use sortie_tests::world::World;
use std::fs;
use std::path::Path;

const FLOW: &str = r#"
flow(name = "bytes", input = {"strings": list[str], "record": list[str], "plain": str, "prompted": str}, deadline = "5m")

def run(ctx, input):
    whole = "\0".join(input["strings"])
    env = {"NASTY_%d" % i: text for i, text in enumerate(input["strings"])}
    first = job("plain", on = "vm", command = input["record"] + [input["plain"]] + input["strings"], env = env, stdin = whole,
                files = {"prompt": whole}, timeout = "2m")
    second = agent("prompted", on = "vm", kind = "command", program = input["record"][0],
                   arguments = input["record"][1:] + [input["prompted"]] + [text for text in input["strings"] if text], prompt = "|".join(input["strings"]), timeout = "2m")
    return {"plain": first.ok, "prompted": second.ok}
"#;

const RECORD: &str = "mkdir \"$1\"; cat /proc/$$/cmdline >\"$1/args\"; cat /proc/$$/environ >\"$1/env\"; cat >\"$1/input\"; \
                      [ ! -e prompt ] || cat prompt >\"$1/file\"";

fn strings(canary: &Path) -> Vec<String> {
    let touch = format!("touch {}", canary.display());
    let commands =
        ["$(@)", "`@`", ";@;", "\n@\n", "';@;'", "\";@;\"", "|@", "&@&", "(@)", "=(@)", "{{@}}", "${@}", "%(@)s", "-x;@", "!@", "\\';@"];
    let text = [
        "",
        " ",
        "-",
        "--",
        "-n",
        "'",
        "\"",
        "\\",
        "\\n",
        "\n",
        "\r\n",
        "\t",
        "`",
        "$HOME",
        "*",
        "{a,b}",
        "{}",
        "{0}",
        "%s",
        "~",
        "#",
        "=ls",
        "a=b",
        "null",
        "{\"hex\":\"00\"}",
        "zażółć 日本語 🦀",
        "\u{a0}",
        "\u{202e}",
        "\u{feff}",
        "\u{1b}[31m",
        "\u{7f}",
        "\u{85}",
        "\u{1}",
        "\u{fffd}",
        "\u{10ffff}",
    ];
    let long = format!("{touch};$({touch})").repeat(300);
    commands.iter().map(|form| form.replace('@', &touch)).chain(text.map(str::to_owned)).chain([long]).collect()
}

#[test]
fn f085_text_of_a_flow_arrives_unchanged_and_none_of_it_is_executed() {
    let world = World::new();
    flows::publish(&world.it, "bytes", FLOW);
    let (canary, plain, prompted) = (world.scratch("canary"), world.scratch("plain"), world.scratch("prompted"));
    let strings = strings(&canary);
    let record = ["/bin/sh", "-c", RECORD, "record"];
    let run = Run::start(&world.it, "bytes", &json!({ "strings": strings, "record": record, "plain": plain, "prompted": prompted }));
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "plain": true, "prompted": true }), "{shown:#}");
    let read = |folder: &Path, name: &str| fs::read(folder.join(name)).unwrap();
    for folder in [&plain, &prompted] {
        let arguments = read(folder, "args");
        let arguments: Vec<&[u8]> = arguments.strip_suffix(b"\0").unwrap().split(|b| *b == 0).skip(5).collect();
        // An agent takes no empty argument; a job does.
        let given = strings.iter().map(String::as_bytes).filter(|text| folder == &plain || !text.is_empty());
        assert!(arguments.iter().copied().eq(given), "arguments in {}", folder.display());
    }
    let environment = read(&plain, "env");
    let environment: Vec<&[u8]> = environment.split(|b| *b == 0).collect();
    for (n, value) in strings.iter().enumerate() {
        assert!(environment.contains(&format!("NASTY_{n}={value}").as_bytes()), "value {n} of the environment: {value:?}");
    }
    let whole = strings.join("\0").into_bytes();
    assert!(read(&plain, "input") == whole && read(&plain, "file") == whole, "input or file");
    assert!(read(&prompted, "input") == strings.join("|").into_bytes(), "prompt");
    assert!(!canary.exists(), "something of it was executed");
}
