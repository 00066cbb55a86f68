//! The files of one attempt's output: records in the order they came, in numbered files of [`SEGMENT_BYTES`], the middle ones
//! dropped where there are too many.
//!
//! Opening scans them: how far each stream is stands nowhere else. A record cut short by a crash is cut off.

use super::limits::{HEAD_SEGMENTS, SEGMENT_BYTES, TAIL_SEGMENTS};
use super::record::{HEAD_BYTES, Head};
use sortie_core::ids::Ms;
use sortie_protocol::log::Stream;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The files, open for appending.
pub struct Files {
    folder: PathBuf,
    /// Numbers and sizes of the files, in order.
    segments: Vec<(u32, u64)>,
    last: Option<File>,
    /// Where each stream goes on.
    ends: [u64; 2],
}

impl Files {
    /// Of this folder, which need not be there yet.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        let mut segments: Vec<(u32, u64)> = numbers(&folder)?.into_iter().map(|number| (number, 0)).collect();
        let mut ends = [0; 2];
        let count = segments.len();
        for (index, (number, size)) in segments.iter_mut().enumerate() {
            let file = OpenOptions::new().read(true).write(true).open(path(&folder, *number))?;
            *size = scan(&file, index + 1 == count, |head| ends[head.stream.index()] = head.end().max(ends[head.stream.index()]))?;
            if index + 1 == count {
                file.set_len(*size)?;
            }
        }
        Ok(Self { folder, segments, last: None, ends })
    }

    /// Where each stream goes on.
    #[must_use]
    pub const fn ends(&self) -> [u64; 2] {
        self.ends
    }

    /// Bytes of all files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|(_, size)| size).sum()
    }

    /// The numbers of the files there are.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.segments.iter().map(|(number, _)| *number).collect()
    }

    /// Size of a file, as far as it is written.
    #[must_use]
    pub fn size_of(&self, number: u32) -> Option<u64> {
        self.segments.iter().find(|(known, _)| *known == number).map(|(_, size)| *size)
    }

    /// Path of a file.
    #[must_use]
    pub fn path_of(&self, number: u32) -> PathBuf {
        path(&self.folder, number)
    }

    /// Append a chunk. What cannot be written whole is cut off again.
    ///
    /// # Errors
    /// As the system says; nothing has changed then.
    pub fn append(&mut self, stream: Stream, offset: u64, at: Ms, data: &[u8]) -> io::Result<()> {
        let head = Head::of(stream, offset, at, data);
        let room = self.segments.last().is_some_and(|(_, size)| *size < SEGMENT_BYTES);
        if !room {
            self.roll()?;
        }
        let Some((number, size)) = self.segments.last_mut() else { return Err(io::Error::other("no file to write to")) };
        let file = match &mut self.last {
            Some(file) => file,
            none => none.insert(OpenOptions::new().write(true).open(path(&self.folder, *number))?),
        };
        let record = [&head.bytes()[..], data].concat();
        if let Err(error) = file.write_all_at(&record, *size) {
            let _ = file.set_len(*size); // else the next record is written over it
            return Err(error);
        }
        *size += record.len() as u64;
        self.ends[stream.index()] = head.end();
        Ok(())
    }

    /// On the disk, with the names of its files.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync(&mut self) -> io::Result<()> {
        if let Some((number, _)) = self.segments.last() {
            File::open(path(&self.folder, *number))?.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The next file; where there are too many, the oldest behind the head goes.
    fn roll(&mut self) -> io::Result<()> {
        if let Some(full) = self.last.take() {
            // So that a power failure takes the end only.
            full.sync_data()?;
        }
        let number = self.segments.last().map_or(0, |(number, _)| number + 1);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.last = Some(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path(&self.folder, number))?);
        self.segments.push((number, 0));
        while self.segments.len() > HEAD_SEGMENTS + TAIL_SEGMENTS {
            let (dropped, _) = self.segments.remove(HEAD_SEGMENTS);
            std::fs::remove_file(path(&self.folder, dropped))?;
        }
        Ok(())
    }
}

fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}"))
}

/// Numbers of the files of a folder, in order; what is not named like one is not ours.
fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().filter(|name| name.len() == 8).and_then(|name| name.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Bytes of whole records from the beginning. Data is looked at in the last file only, where a crash may have cut it short.
fn scan(file: &File, checked: bool, mut each: impl FnMut(&Head)) -> io::Result<u64> {
    let total = file.metadata()?.len();
    let mut at = 0;
    while let Some(head) = head_at(file, at, total)? {
        if checked {
            let mut data = vec![0; head.length as usize];
            file.read_exact_at(&mut data, at + HEAD_BYTES as u64)?;
            if !head.holds(&data) {
                break;
            }
        }
        each(&head);
        at += head.size();
    }
    Ok(at)
}

/// The head of the record at this place of a file of so many bytes; none where there is no whole record.
///
/// # Errors
/// As the system says.
pub fn head_at(file: &File, at: u64, total: u64) -> io::Result<Option<Head>> {
    if at + HEAD_BYTES as u64 > total {
        return Ok(None);
    }
    let mut bytes = [0; HEAD_BYTES];
    file.read_exact_at(&mut bytes, at)?;
    Ok(Head::parse(&bytes).filter(|head| at + head.size() <= total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_there_after_opening_and_a_cut_record_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("run").join("att");
        let mut files = Files::open(folder.clone()).unwrap();
        assert_eq!(files.ends(), [0, 0]);
        files.append(Stream::Stdout, 0, 1, b"one").unwrap();
        files.append(Stream::Stderr, 5, 2, b"two").unwrap();
        files.append(Stream::Stdout, 3, 3, b"three").unwrap();
        files.sync().unwrap();
        assert_eq!(Files::open(folder.clone()).unwrap().ends(), [8, 8]);
        let last = OpenOptions::new().write(true).open(folder.join("00000000")).unwrap();
        last.set_len(files.size() - 1).unwrap();
        let mut again = Files::open(folder.clone()).unwrap();
        assert_eq!(again.ends(), [3, 8], "the last record was cut short");
        again.append(Stream::Stdout, 3, 4, b"THREE").unwrap();
        assert_eq!(Files::open(folder).unwrap().ends(), [8, 8]);
    }

    #[test]
    fn f104_head_and_tail_stay_and_the_middle_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::open(folder.path().to_owned()).unwrap();
        let data = vec![b'x'; 256 << 10];
        for n in 0..200_u64 {
            files.append(Stream::Stdout, n << 18, 1, &data).unwrap();
        }
        let numbers = files.numbers();
        assert_eq!(numbers.len(), HEAD_SEGMENTS + TAIL_SEGMENTS);
        assert_eq!(numbers[..HEAD_SEGMENTS], (0..HEAD_SEGMENTS as u32).collect::<Vec<_>>());
        assert_eq!(numbers.last(), Some(&49), "four chunks a file");
        let on_disk: u64 = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert_eq!(on_disk, files.size());
        assert!(on_disk <= (HEAD_SEGMENTS + TAIL_SEGMENTS) as u64 * (SEGMENT_BYTES + (257 << 10)));
        assert_eq!(Files::open(folder.path().to_owned()).unwrap().ends(), [200 << 18, 0]);
    }
}
