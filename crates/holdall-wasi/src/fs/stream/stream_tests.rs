//! Streams as a program meets them.

use std::io::{ErrorKind, IoSlice, Read, Seek, SeekFrom};
use std::time::Duration;

use super::super::{FdFlags, Interest, Readiness};
use super::*;
use crate::fault::Errno;
use holdall::provide::Meter;

/// Nothing ends the guest.
fn free() -> Meter {
    Meter::new(&holdall::Limits::new(), false)
}

fn opened(stream: Result<Option<Box<dyn File>>>) -> Box<dyn File> {
    stream.unwrap().expect("open")
}

fn read(file: &mut dyn File, at_most: usize) -> Vec<u8> {
    let mut buf = vec![0; at_most];
    let size = file.read(&mut buf, &free()).unwrap();
    buf.truncate(size);
    buf
}

fn ready(file: &dyn File) -> Option<(u64, bool)> {
    match file.readiness(Interest::Read) {
        Readiness::Ready { bytes, hangup } => Some((bytes, hangup)),
        Readiness::NotYet => None,
        Readiness::Ask(_) => panic!("not a stream of the operating system"),
    }
}

fn slices<'a>(parts: &[&'a [u8]]) -> Vec<IoSlice<'a>> {
    parts.iter().map(|part| IoSlice::new(part)).collect()
}

fn refusal(result: Result<usize>) -> Errno {
    match result {
        Err(crate::fault::Fault::Errno(errno)) => errno,
        other => panic!("{other:?}"),
    }
}

#[test]
fn default_is_closed() {
    assert!(Input::default().open().unwrap().is_none());
    assert!(Output::default().open().unwrap().is_none());
    assert_eq!(format!("{:?}", Input::default()), "Input::closed");
    assert_eq!(format!("{:?}", Output::default()), "Output::closed");
}

#[test]
fn each_program_reads_bytes_from_their_beginning() {
    let input = Input::bytes(*b"abc");
    assert_eq!(format!("{input:?}"), "Input::bytes");
    let (mut one, mut other) = (opened(input.open()), opened(input.open()));
    assert_eq!(ready(&*one), Some((3, false)));
    assert_eq!(read(&mut *one, 2), b"ab");
    assert_eq!(read(&mut *one, 2), b"c");
    assert_eq!(read(&mut *one, 2), b"");
    assert_eq!(ready(&*one), Some((0, true)));
    assert_eq!(read(&mut *other, 9), b"abc");
    assert_eq!(refusal(one.write(&slices(&[b"x"]), &free())), Errno::Badf);
    assert_eq!(refusal(one.read_at(&mut [0], 0)), Errno::Spipe);
}

#[test]
fn pipe_ends_when_its_writer_goes() {
    let (mut writer, input) = Input::pipe();
    let mut file = opened(input.open());
    assert_eq!(ready(&*file), None);
    file.set_flags(FdFlags::NONBLOCK).unwrap();
    assert_eq!(refusal(file.read(&mut [0], &free())), Errno::Again);
    file.set_flags(FdFlags::empty()).unwrap();
    writer.write_all(b"abc").unwrap();
    assert_eq!(ready(&*file), Some((3, false)));
    assert_eq!(read(&mut *file, 2), b"ab");
    drop(writer);
    assert_eq!(ready(&*file), Some((1, false)));
    assert_eq!(read(&mut *file, 2), b"c");
    assert_eq!(ready(&*file), Some((0, true)));
    assert_eq!(read(&mut *file, 2), b"");
}

#[test]
fn pipe_makes_a_fast_writer_wait_and_loses_nothing() {
    let (mut writer, input) = Input::pipe();
    let sent: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let mut got = Vec::new();
    std::thread::scope(|scope| {
        let sent = &sent;
        scope.spawn(move || writer.write_all(sent).unwrap());
        let mut file = opened(input.open());
        loop {
            let part = read(&mut *file, 70_001);
            assert!(part.len() <= 64 << 10);
            if part.is_empty() {
                break;
            }
            got.extend(part);
        }
    });
    assert!(got == sent);
}

#[test]
fn read_of_an_empty_pipe_waits_for_the_writer() {
    let (mut writer, input) = Input::pipe();
    let mut file = opened(input.open());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            writer.write_all(b"late").unwrap();
        });
        assert_eq!(read(&mut *file, 9), b"late");
        assert_eq!(read(&mut *file, 9), b"");
    });
}

#[test]
fn pipe_without_readers_refuses_writes_even_of_who_waits() {
    let (mut writer, input) = Input::pipe();
    let file = opened(input.open());
    drop(input);
    writer.write_all(&[0; 64 << 10]).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || writer.write(b"x").unwrap_err().kind());
        std::thread::sleep(Duration::from_millis(20));
        drop(file);
        assert_eq!(waits.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn capture_takes_what_fits_and_refuses_the_rest() {
    let (capture, output) = Output::capture_at_most(5);
    let (mut one, mut other) = (opened(output.open()), opened(output.open()));
    assert_eq!(
        one.write(&slices(&[b"a", b"", b"\xff"]), &free()).unwrap(),
        2
    );
    assert_eq!(other.write(&slices(&[b"cd", b"efg"]), &free()).unwrap(), 3);
    assert_eq!(refusal(one.write(&slices(&[b"h"]), &free())), Errno::Nospc);
    assert_eq!(one.write(&slices(&[b""]), &free()).unwrap(), 0);
    assert_eq!(capture.bytes(), b"a\xffcde");
    assert_eq!(capture.clone().text(), "a\u{fffd}cde");
    assert_eq!(refusal(one.read(&mut [0], &free())), Errno::Badf);
    let shown = format!("{capture:?}");
    assert_eq!(shown, "Capture { size_bytes: 5, max_bytes: 5 }");
}

/// A writer that gives one result after the other.
struct Scripted(Vec<std::io::Result<usize>>, Arc<Mutex<u32>>);

impl Write for Scripted {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        self.0.remove(0)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        *self.1.lock().unwrap() += 1;
        Ok(())
    }
}

#[test]
fn writer_gives_the_number_of_its_error() {
    let flushed = Arc::new(Mutex::new(0));
    let results = vec![
        Err(ErrorKind::Interrupted.into()),
        Ok(1),
        Ok(0),
        Err(ErrorKind::BrokenPipe.into()),
        Err(ErrorKind::WouldBlock.into()),
        Err(ErrorKind::StorageFull.into()),
        Err(std::io::Error::other("of its own")),
        #[cfg(unix)]
        Err(rustix::io::Errno::DQUOT.into()),
    ];
    let output = Output::writer(Scripted(results, Arc::clone(&flushed)));
    let mut file = opened(output.open());
    let mut write = || file.write(&slices(&[b"", b"xy"]), &free());
    assert_eq!(write().unwrap(), 1);
    assert_eq!(refusal(write()), Errno::Io);
    assert_eq!(refusal(write()), Errno::Pipe);
    assert_eq!(refusal(write()), Errno::Again);
    assert_eq!(refusal(write()), Errno::Nospc);
    assert_eq!(refusal(write()), Errno::Io);
    #[cfg(unix)]
    assert_eq!(refusal(write()), Errno::Dquot);
    assert_eq!(file.write(&slices(&[b""]), &free()).unwrap(), 0);
    assert_eq!(*flushed.lock().unwrap(), 0);
    file.sync(false, &free()).unwrap();
    assert_eq!(*flushed.lock().unwrap(), 1);
}

#[test]
fn null_is_at_its_end_and_takes_everything() {
    let mut input = opened(Input::null().open());
    assert_eq!(read(&mut *input, 4), b"");
    assert!(ready(&*input).is_some());
    let mut output = opened(Output::null().open());
    assert_eq!(output.write(&slices(&[b"ab", b"c"]), &free()).unwrap(), 3);
}

#[test]
fn file_is_one_stream_for_all() {
    let name = format!("holdall-stream-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::File::options();
    options.read(true).write(true).create_new(true);
    let mut file = options.open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let output = Output::file(file.try_clone().unwrap());
    opened(output.open())
        .write(&slices(&[b"one "]), &free())
        .unwrap();
    opened(output.clone().open())
        .write(&slices(&[b"two"]), &free())
        .unwrap();
    file.seek(SeekFrom::Start(4)).unwrap();
    let input = Input::file(file.try_clone().unwrap());
    assert_eq!(read(&mut *opened(input.open()), 2), b"tw");
    assert_eq!(read(&mut *opened(input.open()), 2), b"o");
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one two");
}

#[test]
fn streams_of_the_process_are_duplicates() {
    // Dropping one of them must leave the process its own.
    for _ in 0..2 {
        drop(Input::inherit().open().unwrap());
        drop(opened(Output::stdout().open()));
        let mut stderr = opened(Output::stderr().open());
        assert_eq!(stderr.write(&slices(&[b""]), &free()).unwrap(), 0);
    }
}
