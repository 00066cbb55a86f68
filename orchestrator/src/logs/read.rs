//! Reading kept output: pages in the order it came, from a cursor that outlives the server.

use super::files::{Files, head_at};
use super::limits::{LINE_BYTES, PAGE_BYTES, PAGE_RECORDS};
use super::record::{HEAD_BYTES, Head};
use sortie_core::ids::Ms;
use sortie_protocol::log::Stream;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Where a reader is: a file, a place in it, and what it has seen of each stream, so that it can tell what is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    segment: u32,
    at: u64,
    seen: [u64; 2],
}

impl Cursor {
    /// From its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [segment, at, out, err] = numbers[..] else { return None };
        Some(Self { segment: u32::try_from(segment).ok()?, at, seen: [out, err] })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { segment, at, seen: [out, err] } = self;
        write!(f, "{segment}-{at}-{out}-{err}")
    }
}

/// Bytes of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub stream: Stream,
    /// Where they begin.
    pub offset: u64,
    /// Bytes before them that are not kept.
    pub gap: u64,
    /// When they came.
    pub at: Ms,
    /// They.
    pub data: Vec<u8>,
}

/// What a reader wants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// One stream only.
    pub stream: Option<Stream>,
    /// What came at this time or later.
    pub since: Option<Ms>,
}

/// A consistent view of an attempt's files.
pub struct View {
    segments: Vec<(u32, u64, PathBuf)>,
}

impl View {
    /// As they are now.
    #[must_use]
    pub fn of(files: &Files) -> Self {
        let each = |number| files.size_of(number).map(|size| (number, size, files.path_of(number)));
        Self { segments: files.numbers().into_iter().filter_map(each).collect() }
    }

    /// The next page, and whether there is more.
    ///
    /// # Errors
    /// As the system says.
    pub fn page(&self, cursor: &mut Cursor, wish: Wish) -> io::Result<(Vec<Shown>, bool)> {
        let (mut shown, mut bytes, mut passed) = (Vec::new(), 0, 0);
        let first = cursor.segment;
        for (number, size, path) in self.segments.iter().filter(|(number, ..)| *number >= first) {
            if *number > cursor.segment {
                (cursor.segment, cursor.at) = (*number, 0);
            }
            let file = match File::open(path) {
                // Dropped since: the next one tells how much is missing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?,
            };
            while let Some(head) = head_at(&file, cursor.at, *size)? {
                if bytes >= PAGE_BYTES || passed >= PAGE_RECORDS {
                    return Ok((shown, true));
                }
                passed += 1;
                let index = head.stream.index();
                if is_wished(&head, wish) {
                    let gap = head.offset.saturating_sub(cursor.seen[index]);
                    // Nothing is missing for those who begin later.
                    let gap = if wish.since.is_some() && cursor.seen[index] == 0 { 0 } else { gap };
                    let data = data_of(&file, cursor.at, &head)?;
                    bytes += data.len();
                    shown.push(Shown { stream: head.stream, offset: head.offset, gap, at: head.at, data });
                }
                cursor.seen[index] = head.end();
                cursor.at += head.size();
            }
        }
        Ok((shown, false))
    }

    /// A cursor before the last `lines` lines of what is wished for, and how many bytes of the first record to leave out. Of a
    /// line without end, [`LINE_BYTES`] count as one: the end of an output is shown, whatever it looks like.
    ///
    /// # Errors
    /// As the system says.
    pub fn before_lines(&self, lines: u64, wish: Wish) -> io::Result<Start> {
        let mut start = Start { cursor: self.beginning(), skip: 0 };
        let mut wanted = lines.saturating_add(1);
        let mut heads = Vec::new();
        let mut seen = [0; 2];
        for (number, size, path) in &self.segments {
            let Ok(file) = File::open(path) else { continue };
            let mut at = 0;
            while let Some(head) = head_at(&file, at, *size)? {
                heads.push((Cursor { segment: *number, at, seen }, head, path));
                seen[head.stream.index()] = head.end();
                at += head.size();
            }
        }
        let (mut is_last, mut of_line) = (true, 0);
        for (cursor, head, path) in heads.into_iter().rev().filter(|(_, head, _)| is_wished(head, wish)) {
            let data = data_of(&File::open(path)?, cursor.at, &head)?;
            // A line that is not ended yet counts as one.
            if std::mem::take(&mut is_last) && !data.ends_with(b"\n") {
                wanted -= 1;
            }
            for (place, byte) in data.iter().enumerate().rev() {
                of_line += 1;
                if *byte != b'\n' && of_line < LINE_BYTES {
                    continue;
                }
                of_line = 0;
                wanted = wanted.saturating_sub(1);
                if wanted == 0 {
                    let mut cursor = cursor;
                    // What was left out before is not missing.
                    cursor.seen[head.stream.index()] = head.offset;
                    return Ok(Start { cursor, skip: place + 1 });
                }
            }
            start.cursor = cursor;
        }
        start.cursor = self.beginning();
        Ok(start)
    }

    fn beginning(&self) -> Cursor {
        Cursor { segment: self.segments.first().map_or(0, |(number, ..)| *number), ..Cursor::default() }
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// From this record on.
    pub cursor: Cursor,
    /// Without so many bytes of it.
    pub skip: usize,
}

fn is_wished(head: &Head, wish: Wish) -> bool {
    wish.stream.is_none_or(|stream| stream == head.stream) && wish.since.is_none_or(|since| head.at >= since)
}

fn data_of(file: &File, at: u64, head: &Head) -> io::Result<Vec<u8>> {
    let mut data = vec![0; head.length as usize];
    file.read_exact_at(&mut data, at + HEAD_BYTES as u64)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path().to_owned()).unwrap();
        (folder, files)
    }

    fn texts(shown: &[Shown]) -> Vec<String> {
        shown
            .iter()
            .map(|shown| format!("{}@{}+{}:{}", shown.stream.as_str(), shown.offset, shown.gap, String::from_utf8_lossy(&shown.data)))
            .collect()
    }

    #[test]
    fn both_streams_come_in_the_order_they_came_and_gaps_are_counted() {
        let (_folder, mut files) = files();
        files.append(Stream::Stdout, 0, 10, b"a").unwrap();
        files.append(Stream::Stderr, 0, 20, b"b").unwrap();
        files.append(Stream::Stdout, 101, 30, b"c").unwrap();
        let mut cursor = Cursor::default();
        let (shown, more) = View::of(&files).page(&mut cursor, Wish::default()).unwrap();
        assert_eq!(texts(&shown), ["stdout@0+0:a", "stderr@0+0:b", "stdout@101+100:c"]);
        assert!(!more);
        files.append(Stream::Stdout, 102, 40, b"d").unwrap();
        let mut cursor = Cursor::parse(&cursor.to_string()).unwrap();
        assert_eq!(texts(&View::of(&files).page(&mut cursor, Wish::default()).unwrap().0), ["stdout@102+0:d"]);
        let since = Wish { since: Some(25), ..Wish::default() };
        assert_eq!(texts(&View::of(&files).page(&mut Cursor::default(), since).unwrap().0), ["stdout@101+100:c", "stdout@102+0:d"]);
        let errors = Wish { stream: Some(Stream::Stderr), ..Wish::default() };
        assert_eq!(texts(&View::of(&files).page(&mut Cursor::default(), errors).unwrap().0), ["stderr@0+0:b"]);
    }

    #[test]
    fn f104_what_was_dropped_shows_as_a_gap_and_pages_are_bounded() {
        let (_folder, mut files) = files();
        let data = vec![b'x'; 256 << 10];
        for n in 0..200_u64 {
            files.append(Stream::Stdout, n << 18, 1, &data).unwrap();
        }
        let (mut cursor, mut kept, mut gaps) = (Cursor::default(), 0, Vec::new());
        loop {
            let (shown, more) = View::of(&files).page(&mut cursor, Wish::default()).unwrap();
            assert!(shown.iter().map(|shown| shown.data.len()).sum::<usize>() <= PAGE_BYTES + data.len());
            kept += shown.iter().map(|shown| shown.data.len() as u64).sum::<u64>();
            gaps.extend(shown.iter().map(|shown| shown.gap).filter(|gap| *gap > 0));
            if !more {
                break;
            }
        }
        assert_eq!(gaps, [(200 << 18) - kept]);
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let (_folder, mut files) = files();
        files.append(Stream::Stdout, 0, 1, b"one\ntwo\nth").unwrap();
        files.append(Stream::Stdout, 10, 2, b"ree\nfour").unwrap();
        let last = |lines| {
            let view = View::of(&files);
            let start = view.before_lines(lines, Wish::default()).unwrap();
            let mut cursor = start.cursor;
            let (shown, _) = view.page(&mut cursor, Wish::default()).unwrap();
            assert!(shown.iter().all(|shown| shown.gap == 0));
            let all: Vec<u8> = shown.into_iter().flat_map(|shown| shown.data).collect();
            String::from_utf8_lossy(&all[start.skip..]).into_owned()
        };
        assert_eq!(last(1), "four");
        assert_eq!(last(2), "three\nfour");
        assert_eq!(last(3), "two\nthree\nfour");
        assert_eq!(last(9), "one\ntwo\nthree\nfour");
    }

    #[test]
    fn f104_the_end_of_a_line_without_end_is_a_last_line() {
        let (_folder, mut files) = files();
        let data = vec![b'x'; 256 << 10];
        for n in 0..40_u64 {
            files.append(Stream::Stdout, n << 18, 1, &data).unwrap();
        }
        files.append(Stream::Stdout, 40 << 18, 2, b"\nthe end\n").unwrap();
        for (lines, bytes) in [(1, 8), (2, LINE_BYTES + 8), (4, 3 * LINE_BYTES + 8)] {
            let view = View::of(&files);
            let start = view.before_lines(lines, Wish::default()).unwrap();
            let mut cursor = start.cursor;
            let (shown, more) = view.page(&mut cursor, Wish::default()).unwrap();
            let all: Vec<u8> = shown.into_iter().flat_map(|shown| shown.data).collect();
            let text = &all[start.skip..];
            assert!(text.ends_with(b"the end\n") && !more, "{lines} lines");
            assert!(text.len().abs_diff(bytes) <= 2, "{lines} lines: {} bytes", text.len());
        }
    }

    #[test]
    fn a_cursor_that_is_none_is_none() {
        for bad in ["", "1", "1-2-3", "1-2-3-4-5", "a-1-2-3", "-1-1-1-1", "99999999999-0-0-0"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
