//! Standard streams, as they come and go while a guest runs.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use holdall_wasi::{Access, Files, Grants, Input, Output};

use crate::abi::{AGAIN, BADF, Errno, NOMEM, NOSPC, PIPE, SUCCESS, Wanted};
use crate::guest::{BUFFER, Guest, IOVS, OUT};

/// A test that waits for longer has hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads to the end in pieces of this size, and writes each piece as it comes.
fn echo(guest: &mut Guest, size: u32) -> Result<usize, Errno> {
    let mut total = 0;
    loop {
        let piece = guest.read(0, size)?;
        if piece.is_empty() {
            return Ok(total);
        }
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let written = guest.write(1, rest)? as usize;
            rest = &rest[written..];
        }
        total += piece.len();
    }
}

/// A writer that hands on what it gets.
struct Sender(mpsc::Sender<Vec<u8>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_echoed_while_the_writer_keeps_the_pipe_open() {
    let (mut writer, stdin) = Input::pipe();
    let (sender, lines) = mpsc::channel();
    let grants = Grants::new()
        .stdin(stdin)
        .stdout(Output::writer(Sender(sender)));
    let run = thread::spawn(move || echo(&mut Guest::new(grants), 4096));
    for line in ["one\n", "two\n", "three\n"] {
        writer.write_all(line.as_bytes()).unwrap();
        // The next line is not sent before this one came back.
        assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), line.as_bytes());
    }
    drop(writer);
    assert_eq!(run.join().unwrap(), Ok(14));
}

#[cfg(unix)]
#[test]
fn lines_are_echoed_through_pipes_of_the_host() {
    let (input, mut writer) = std::io::pipe().unwrap();
    let (mut reader, output) = std::io::pipe().unwrap();
    let grants = Grants::new()
        .stdin(Input::file(File::from(std::os::fd::OwnedFd::from(input))))
        .stdout(Output::file(File::from(std::os::fd::OwnedFd::from(output))));
    let run = thread::spawn(move || {
        let done = echo(&mut Guest::new(grants), 4096);
        // What was granted goes with the guest.
        done
    });
    for line in ["one\n", "two\n"] {
        writer.write_all(line.as_bytes()).unwrap();
        let mut back = vec![0; line.len()];
        reader.read_exact(&mut back).unwrap();
        assert_eq!(back, line.as_bytes());
    }
    drop(writer);
    assert_eq!(run.join().unwrap(), Ok(8));
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn guests_in_two_threads_talk_through_a_pipe() {
    let bytes: Vec<u8> = (0..300_000u32).map(|index| (index % 251) as u8).collect();
    let (writer, stdin) = Input::pipe();
    let (capture, stdout) = Output::capture();
    let first = Grants::new()
        .stdin(Input::bytes(bytes.clone()))
        .stdout(Output::writer(writer));
    let second = Grants::new().stdin(stdin).stdout(stdout);
    let first = thread::spawn(move || echo(&mut Guest::new(first), 10_007));
    let second = thread::spawn(move || echo(&mut Guest::new(second), 3_001));
    assert_eq!(first.join().unwrap(), Ok(bytes.len()));
    assert_eq!(second.join().unwrap(), Ok(bytes.len()));
    assert_eq!(capture.bytes(), bytes);
}

#[cfg(unix)]
#[test]
fn a_reader_that_is_gone_is_told_to_the_writer() {
    let (reader, output) = std::io::pipe().unwrap();
    let output = File::from(std::os::fd::OwnedFd::from(output));
    let mut guest = Guest::new(Grants::new().stdout(Output::file(output)).clocks());
    assert_eq!(guest.write(1, b"x"), Ok(1));
    drop(reader);
    assert_eq!(guest.write(1, b"x"), Err(PIPE));
    let came = guest.poll(&[Wanted::Write(1)]).unwrap();
    assert_eq!(came.len(), 1, "it does not wait for ever");
}

#[test]
fn a_guest_that_is_gone_is_told_to_the_writer() {
    let (mut writer, stdin) = Input::pipe();
    let guest = Guest::new(Grants::new().stdin(stdin));
    writer.write_all(b"x").unwrap();
    drop(guest);
    let error = writer.write_all(&vec![0; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_captured_stream_keeps_what_was_written_in_order() {
    let (capture, stdout) = Output::capture();
    let (errors, stderr) = Output::capture();
    let mut guest = Guest::new(Grants::new().stdout(stdout).stderr(stderr));
    guest.put(BUFFER, b"one, two, three");
    guest.put_iovs(&[(BUFFER, 5), (BUFFER, 0), (BUFFER + 5, 10)]);
    assert_eq!(call!(guest.fd_write(1, IOVS, 3, OUT)), SUCCESS);
    assert_eq!(guest.out(), 15);
    assert_eq!(
        capture.text(),
        "one, two, three",
        "while the guest is there"
    );
    assert_eq!(guest.write(2, b"an error"), Ok(8));
    assert_eq!(guest.write(1, b"!\xff"), Ok(2));
    drop(guest);
    assert_eq!(capture.bytes(), b"one, two, three!\xff");
    assert_eq!(capture.clone().text(), "one, two, three!\u{fffd}");
    assert_eq!(errors.text(), "an error");
}

#[test]
fn a_captured_stream_that_is_full_says_so() {
    let (capture, stdout) = Output::capture_at_most(5);
    let mut guest = Guest::new(Grants::new().stdout(stdout));
    assert_eq!(guest.write(1, b"1234567"), Ok(5));
    assert_eq!(guest.write(1, b"8"), Err(NOSPC));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(capture.text(), "12345");
}

#[test]
fn captured_output_counts_as_what_a_guest_makes_the_host_hold() {
    let (capture, stdout) = Output::capture();
    // The guest's memory, its module, and a few times 100 KB.
    let limits = holdall::Limits::new().memory_bytes(crate::guest::MEMORY_BYTES as usize);
    let mut guest = Guest::limited(Grants::new().stdout(stdout), limits);
    let line = vec![b'x'; 100_000];
    let written = loop {
        match guest.write(1, &line) {
            Ok(size) => assert_eq!(size, 100_000),
            Err(errno) => {
                assert_eq!(errno, NOMEM);
                break capture.bytes().len();
            }
        }
    };
    assert!(
        (100_000..1 << 20).contains(&written),
        "{written} bytes are kept"
    );
    assert_eq!(guest.write(1, b""), Ok(0));
    drop(guest);
    assert_eq!(capture.bytes().len(), written);
}

#[test]
fn both_outputs_can_be_one() {
    let (capture, output) = Output::capture();
    let mut guest = Guest::new(Grants::new().stdout(output.clone()).stderr(output));
    for (fd, text) in [(1, "a"), (2, "b"), (1, "c")] {
        guest.write(fd, text.as_bytes()).unwrap();
    }
    assert_eq!(capture.text(), "abc");
}

#[test]
fn bytes_are_read_to_their_end_by_each_guest() {
    let grants = Grants::new().stdin(Input::bytes(*b"hello"));
    for _ in 0..2 {
        let mut guest = Guest::new(grants.clone());
        // Into two buffers, of which a stream need fill only the first.
        guest.put_iovs(&[(BUFFER, 2), (BUFFER + 2, 9)]);
        assert_eq!(call!(guest.fd_read(0, IOVS, 2, OUT)), SUCCESS);
        let mut read = guest.get(BUFFER, guest.out());
        while read.len() < 5 {
            read.extend(guest.read(0, 9).unwrap());
        }
        assert_eq!(read, b"hello");
        assert_eq!(guest.read(0, 9).unwrap(), b"");
        assert_eq!(
            guest.poll(&[Wanted::Read(0)]).unwrap().len(),
            1,
            "the end is no wait"
        );
    }
}

#[test]
fn a_file_is_a_stream() {
    let folder = crate::place::Folder::new("stream_of_a_file").with("in", "from a file");
    let input = File::open(folder.path().join("in")).unwrap();
    let output = File::create(folder.path().join("out")).unwrap();
    let grants = Grants::new()
        .stdin(Input::file(input))
        .stdout(Output::file(output));
    assert_eq!(echo(&mut Guest::new(grants), 4), Ok(11));
    let written = std::fs::read(folder.path().join("out")).unwrap();
    assert_eq!(written, b"from a file");
}

#[test]
fn a_read_that_must_not_wait_does_not() {
    let (mut writer, stdin) = Input::pipe();
    let mut guest = Guest::new(Grants::new().stdin(stdin));
    const NONBLOCK: u32 = 4;
    assert_eq!(call!(guest.fd_fdstat_set_flags(0, NONBLOCK)), SUCCESS);
    assert_eq!(guest.read(0, 9), Err(AGAIN));
    writer.write_all(b"x").unwrap();
    assert_eq!(guest.read(0, 9).unwrap(), b"x");
    assert_eq!(guest.read(0, 9), Err(AGAIN));
    drop(writer);
    assert_eq!(guest.read(0, 9).unwrap(), b"");
}

#[test]
fn a_stream_that_is_closed_is_gone_and_its_number_stays_free() {
    let (capture, stdout) = Output::capture();
    let files = Files::new().with("file", "");
    let grants = Grants::new()
        .stdout(stdout)
        .files(files, "/", Access::ReadOnly);
    let mut guest = Guest::new(grants);
    assert_eq!(call!(guest.fd_close(1)), SUCCESS);
    assert_eq!(guest.write(1, b"x"), Err(BADF));
    assert_eq!(guest.open(3, "file", crate::abi::READ), Ok(4));
    assert_eq!(capture.text(), "");
}

/// A writer that fails with an error of some kind.
struct Failing(std::io::ErrorKind);

impl Write for Failing {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn errors_of_a_writer_are_the_guests_to_handle() {
    use std::io::ErrorKind;
    for (kind, expected) in [
        (ErrorKind::BrokenPipe, PIPE),
        (ErrorKind::StorageFull, NOSPC),
        (ErrorKind::WouldBlock, AGAIN),
        (ErrorKind::Other, crate::abi::IO),
    ] {
        let mut guest = Guest::new(Grants::new().stdout(Output::writer(Failing(kind))));
        assert_eq!(guest.write(1, b"x"), Err(expected), "{kind:?}");
        assert_eq!(call!(guest.fd_sync(1)), expected, "{kind:?}");
    }
}

#[test]
fn a_writer_that_panics_ends_the_guest_and_not_the_host() {
    struct Panicking;
    impl Write for Panicking {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            panic!("on purpose")
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut guest = Guest::new(Grants::new().stdout(Output::writer(Panicking)));
    guest.put_iovs(&[(BUFFER, 1)]);
    let args = [1.into(), IOVS.into(), 1.into(), OUT.into()];
    for _ in 0..2 {
        let error = guest.try_call("fd_write", &args).unwrap_err();
        let code = error.trap().map(holdall::Trap::code);
        assert_eq!(code, Some(holdall::TrapCode::HostPanic), "{error}");
        assert!(error.to_string().contains("on purpose"), "{error}");
    }
    assert_eq!(call!(guest.sched_yield()), SUCCESS);
}

#[test]
fn a_writer_is_flushed_when_the_guest_asks() {
    #[derive(Clone, Default)]
    struct Flushes(Arc<Mutex<u32>>);
    impl Write for Flushes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            *self.0.lock().unwrap() += 1;
            Ok(())
        }
    }
    let flushes = Flushes::default();
    let mut guest = Guest::new(Grants::new().stdout(Output::writer(flushes.clone())));
    guest.write(1, b"x").unwrap();
    assert_eq!(call!(guest.fd_datasync(1)), SUCCESS);
    assert_eq!(*flushes.0.lock().unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_cannot_be_streams_are_the_guests_to_handle() {
    let folder = crate::place::Folder::new("odd_streams").with("file", "x");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut guest = Guest::new(Grants::new().stdout(Output::file(full)));
    assert_eq!(guest.write(1, b"x"), Err(NOSPC));
    let dir = File::open(folder.path()).unwrap();
    let mut guest = Guest::new(Grants::new().stdin(Input::file(dir)));
    assert_eq!(guest.read(0, 9), Err(crate::abi::ISDIR));
    let unwritable = File::open(folder.path().join("file")).unwrap();
    let mut guest = Guest::new(Grants::new().stdout(Output::file(unwritable)));
    assert_eq!(guest.write(1, b"x"), Err(BADF));
}

#[cfg(target_os = "linux")]
#[test]
fn a_guest_that_does_not_wait_leaves_the_pipe_as_it_was() {
    use std::os::fd::AsRawFd;
    const NONBLOCK: u32 = 4;
    let (reader, writer) = std::io::pipe().unwrap();
    let [reader, mut writer] =
        [reader.into(), writer.into()].map(|end: std::os::fd::OwnedFd| File::from(end));
    let flags = |file: &File| {
        let path = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .find(|line| line.starts_with("flags:"))
            .unwrap()
            .to_owned()
    };
    let before = flags(&reader);
    let stdin = Input::file(reader.try_clone().unwrap());
    let mut guest = Guest::new(Grants::new().stdin(stdin));
    assert_eq!(call!(guest.fd_fdstat_set_flags(0, NONBLOCK)), SUCCESS);
    assert_eq!(guest.read(0, 9), Err(AGAIN));
    assert_eq!(flags(&reader), before, "somebody else reads from it too");
    writer.write_all(b"x").unwrap();
    assert_eq!(guest.read(0, 9).unwrap(), b"x");
    assert_eq!(guest.read(0, 9), Err(AGAIN));
    drop(writer);
    assert_eq!(guest.read(0, 9).unwrap(), b"");
}
