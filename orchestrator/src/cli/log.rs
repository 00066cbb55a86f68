//! The log of the server: to standard error, through a bounded queue, so that a reader that stands still or goes away
//! neither blocks nor ends the server (F011).

use super::limits::LOG_LINES;
use super::serve::LogFormat;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Longest wait for the last lines when the server ends.
const FLUSH: Duration = Duration::from_millis(500);

/// Lets the last lines out when dropped.
pub struct Flush(SyncSender<Line>);

enum Line {
    Text(Vec<u8>),
    Flush(SyncSender<()>),
}

#[derive(Clone)]
struct Queue {
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

/// Start the log. The second call of a process keeps the first log.
pub fn start(format: LogFormat) -> Flush {
    let (lines, taken) = sync_channel(LOG_LINES);
    let queue = Queue { lines: lines.clone(), dropped: Arc::default() };
    let dropped = Arc::clone(&queue.dropped);
    // Without the thread nothing is logged; the server works all the same.
    let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&taken, &dropped, std::io::stderr()));
    let filter = EnvFilter::try_from_env("SORTIE_LOG").unwrap_or_else(|_| EnvFilter::new("info,russh=warn"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue).with_ansi(colours && format == LogFormat::Text);
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Flush(lines)
}

fn write_all(lines: &Receiver<Line>, dropped: &AtomicU64, mut to: impl Write) {
    for line in lines {
        match line {
            // A closed pipe is no reason to stop reading: the queue must not fill up.
            Line::Text(text) => drop(to.write_all(&text)),
            Line::Flush(done) => drop(done.send(())),
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = to.write_all(format!("{lost} lines of the log were dropped: standard error took none\n").as_bytes());
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

impl Write for Queue {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.lines.try_send(Line::Text(bytes.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing, for ever.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            std::thread::park();
            Ok(0)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn f011_a_stuck_reader_of_the_log_blocks_nobody() {
        let (lines, taken) = sync_channel(4);
        let mut queue = Queue { lines, dropped: Arc::default() };
        let dropped = Arc::clone(&queue.dropped);
        std::thread::spawn(move || write_all(&taken, &AtomicU64::new(0), Stuck));
        for _ in 0..100 {
            queue.write_all(b"line\n").unwrap();
        }
        assert!(dropped.load(Ordering::Relaxed) >= 90);
    }

    #[test]
    fn f011_a_reader_that_is_gone_ends_nobody() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (lines, taken) = sync_channel(4);
        let thread = std::thread::spawn(move || write_all(&taken, &AtomicU64::new(0), Gone));
        for _ in 0..100 {
            lines.send(Line::Text(b"line\n".to_vec())).unwrap();
        }
        drop(lines);
        thread.join().unwrap();
    }
}
