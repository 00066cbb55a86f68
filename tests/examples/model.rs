//! A model to try a coding agent with by hand: `model PORTFILE text:hello 'shell:date' status:429 hang`. It ends when its standard input ends.

#![allow(clippy::unwrap_used, reason = "test code")]

use sortie_tests::model::{Model, Turn};
use std::io::Read;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("a file for the port");
    let model = Model::start(arguments.map(|turn| match turn.split_once(':') {
        Some(("text", text)) => Turn::text(text),
        Some(("shell", command)) => Turn::shell(command),
        Some(("status", status)) => Turn::Status(status.parse().unwrap()),
        _ => Turn::Hang,
    }));
    std::fs::write(file, model.port.to_string()).unwrap();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    for asked in model.asked() {
        println!("{:?} {:?} {}", asked.dialect, asked.key, asked.body);
    }
    println!("{:#?}", model.aside());
}
