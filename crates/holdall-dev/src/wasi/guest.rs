//! A guest that a test makes call WASI: it imports every function and exports one for each that
//! passes its arguments on, and its memory.

use std::fmt::Write as _;

use holdall::{Config, Engine, Error, Instance, Limits, Linker, Memory, Module, Store, Val};
use holdall_wasi::{Grants, Wasi};

use super::abi::{Errno, Event, FUNCTIONS, Open, SUCCESS, Stat, Wanted, u32_at, u64_at};

/// Where results go that a call gives by an address.
pub const OUT: u32 = 0x40;
/// Where such a result goes when there is another.
pub const OUT2: u32 = 0x80;
/// Where the lists of buffers are.
pub const IOVS: u32 = 0x1000;
/// Where paths are put.
const PATHS: u32 = 0x8000;
/// Where the bytes are that are read and written.
pub const BUFFER: u32 = 0x2_0000;
/// What of memory is behind it.
pub const BUFFER_BYTES: u32 = MEMORY_BYTES - BUFFER;
pub const MEMORY_BYTES: u32 = 64 << 16;

/// An argument of a call.
pub enum Arg {
    Number(u64),
    /// An address and a length, of bytes that are put into memory.
    Bytes(Vec<u8>),
}

macro_rules! numbers {
    ($($ty:ty: $through:ty;)*) => {$(
        impl From<$ty> for Arg {
            #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "the bits are what a guest passes")]
            fn from(number: $ty) -> Self {
                Self::Number(number as $through as u64)
            }
        }
    )*};
}
numbers! {
    i32: i64;
    i64: i64;
    u32: u64;
    u64: u64;
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<&[u8]> for Arg {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

/// A call of a guest's: `call!(guest.path_unlink_file(3, "path"))` gives its number. A text is an
/// address and a length.
#[macro_export]
macro_rules! call {
    ($guest:ident.$name:ident($($arg:expr),* $(,)?)) => {
        $guest.call(stringify!($name), &[$($crate::wasi::guest::Arg::from($arg)),*])
    };
}

/// The text of a module that passes calls on.
pub fn text(wasi: &str) -> String {
    let mut text = String::from("(module\n");
    let functions = || {
        let shared = |(name, _): &&(&str, &str)| wasi != "wasi_unstable" || *name != "sock_accept";
        FUNCTIONS.iter().filter(shared)
    };
    let params = |letters: &str| {
        let types = letters
            .chars()
            .map(|letter| if letter == 'I' { " i64" } else { " i32" });
        types.collect::<String>()
    };
    let result = |name| {
        if name == "proc_exit" {
            ""
        } else {
            "(result i32)"
        }
    };
    for (name, letters) in functions() {
        let (params, result) = (params(letters), result(*name));
        writeln!(
            text,
            "(import \"{wasi}\" \"{name}\" (func ${name} (param{params}) {result}))"
        )
        .unwrap();
    }
    let pages = MEMORY_BYTES >> 16;
    writeln!(text, "(memory (export \"memory\") {pages})").unwrap();
    for (name, letters) in functions() {
        let (params, result) = (params(letters), result(*name));
        let locals = (0..letters.len()).map(|index| format!("(local.get {index})"));
        let locals = locals.collect::<String>();
        writeln!(
            text,
            "(func (export \"{name}\") (param{params}) {result} (call ${name} {locals}))"
        )
        .unwrap();
    }
    text + ")"
}

pub struct Guest {
    pub linker: Linker<()>,
    pub store: Store<()>,
    pub instance: Instance,
    pub memory: Memory,
    is_preview0: bool,
}

impl Guest {
    /// One that is granted this.
    pub fn new(grants: Grants) -> Self {
        Self::of(Wasi::new(grants))
    }

    /// The root of a graph.
    pub fn of(wasi: Wasi) -> Self {
        Self::build(wasi, "wasi_snapshot_preview1", Config::new(), Limits::new())
    }

    /// One in a store with these limits.
    pub fn limited(grants: Grants, limits: Limits) -> Self {
        let wasi = Wasi::new(grants);
        Self::build(wasi, "wasi_snapshot_preview1", Config::new(), limits)
    }

    /// One that uses preview 0.
    pub fn preview0(grants: Grants) -> Self {
        let wasi = Wasi::new(grants);
        Self::build(wasi, "wasi_unstable", Config::new(), Limits::new())
    }

    pub fn build(wasi: Wasi, name: &str, config: Config, limits: Limits) -> Self {
        let engine = Engine::new(config);
        let module = Module::new(&engine, text(name).into_bytes()).unwrap();
        let mut store = Store::new(&engine, ());
        store.limits(limits).unwrap();
        let mut linker = Linker::new(&engine);
        holdall_wasi::add_to_linker(&mut linker, wasi);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        Self {
            linker,
            store,
            instance,
            memory,
            is_preview0: name == "wasi_unstable",
        }
    }

    /// Makes a call that ends with a number.
    #[track_caller]
    pub fn call(&mut self, name: &str, args: &[Arg]) -> Errno {
        let errno = self.try_call(name, args);
        errno.unwrap_or_else(|error| panic!("{name} ended the guest: {error}"))
    }

    /// Makes a call.
    #[track_caller]
    pub fn try_call(&mut self, name: &str, args: &[Arg]) -> Result<Errno, Error> {
        let mut slots = Vec::new();
        let mut path = PATHS;
        for arg in args {
            match arg {
                Arg::Number(number) => slots.push(*number),
                Arg::Bytes(bytes) => {
                    let size = u32::try_from(bytes.len()).unwrap();
                    self.put(path, bytes);
                    slots.extend([u64::from(path), u64::from(size)]);
                    path += size;
                }
            }
        }
        assert!(path <= BUFFER, "the paths have their place");
        let func = self.instance.get_func(&self.store, name).unwrap();
        let ty = func.ty(&self.store);
        assert_eq!(ty.params().len(), slots.len(), "arguments of {name}");
        let types = ty.params().iter();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "its bits"
        )]
        let args: Vec<_> = types
            .zip(slots)
            .map(|(ty, slot)| match ty {
                holdall::ValType::I32 => Val::I32(slot as i32),
                _ => Val::I64(slot as i64),
            })
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut self.store, &args, &mut results)?;
        let Some(Val::I32(errno)) = results.first() else {
            panic!("{name} gives an i32");
        };
        Ok(Errno(errno.cast_unsigned()))
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory
            .write(&mut self.store, at as usize, bytes)
            .unwrap();
    }

    pub fn get(&self, at: u32, size: u32) -> Vec<u8> {
        let mut bytes = vec![0; size as usize];
        self.memory
            .read(&self.store, at as usize, &mut bytes)
            .unwrap();
        bytes
    }

    /// The `u32` that a call gave.
    pub fn out(&self) -> u32 {
        u32_at(&self.get(OUT, 4), 0)
    }

    /// The `u64` that a call gave.
    pub fn out64(&self) -> u64 {
        u64_at(&self.get(OUT, 8), 0)
    }

    /// Puts a list of buffers into memory, each with its address and its length.
    pub fn put_iovs(&mut self, iovs: &[(u32, u32)]) {
        let bytes = iovs
            .iter()
            .flat_map(|(at, size)| [at.to_le_bytes(), size.to_le_bytes()]);
        let bytes: Vec<u8> = bytes.flatten().collect();
        assert!(
            bytes.len() <= (PATHS - IOVS) as usize,
            "they have their place"
        );
        self.put(IOVS, &bytes);
    }

    #[track_caller]
    pub fn open(&mut self, fd: u32, path: impl Into<Arg>, how: Open) -> Result<u32, Errno> {
        let follow = u32::from(!how.no_follow);
        let args = [
            fd.into(),
            follow.into(),
            path.into(),
            how.oflags.into(),
            how.rights.into(),
            u64::MAX.into(),
            how.fdflags.into(),
            OUT.into(),
        ];
        let errno = self.call("path_open", &args);
        self.or(errno, |guest| guest.out())
    }

    #[track_caller]
    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        self.put(BUFFER, bytes);
        self.put_iovs(&[(BUFFER, u32::try_from(bytes.len()).unwrap())]);
        let errno = call!(self.fd_write(fd, IOVS, 1, OUT));
        self.or(errno, |guest| guest.out())
    }

    /// Reads at most so many bytes, once.
    #[track_caller]
    pub fn read(&mut self, fd: u32, size: u32) -> Result<Vec<u8>, Errno> {
        self.put_iovs(&[(BUFFER, size)]);
        let errno = call!(self.fd_read(fd, IOVS, 1, OUT));
        self.or(errno, |guest| guest.get(BUFFER, guest.out()))
    }

    /// Opens a file and reads it.
    #[track_caller]
    pub fn read_file(&mut self, fd: u32, path: &str) -> Result<String, Errno> {
        let file = self.open(fd, path, READ_FILE)?;
        let bytes = self.read(file, 0x1_0000)?;
        assert_eq!(call!(self.fd_close(file)), SUCCESS);
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[track_caller]
    pub fn stat(&mut self, fd: u32, path: &str) -> Result<Stat, Errno> {
        let errno = call!(self.path_filestat_get(fd, 1, path, BUFFER));
        self.or(errno, |guest| {
            Stat::of(&guest.get(BUFFER, Stat::SIZE as u32))
        })
    }

    /// The rights of a descriptor: to itself, and to what is opened through it.
    #[track_caller]
    pub fn rights(&mut self, fd: u32) -> (u64, u64) {
        assert_eq!(call!(self.fd_fdstat_get(fd, BUFFER)), SUCCESS);
        let stat = self.get(BUFFER, 24);
        (u64_at(&stat, 8), u64_at(&stat, 16))
    }

    #[track_caller]
    pub fn time(&mut self, clock: u32) -> Result<u64, Errno> {
        let errno = call!(self.clock_time_get(clock, 0u64, OUT));
        self.or(errno, Self::out64)
    }

    /// Waits. The user data of a subscription is its place in the list.
    #[track_caller]
    pub fn poll(&mut self, wanted: &[Wanted]) -> Result<Vec<Event>, Errno> {
        let errno = {
            let (args, count) = self.prepare_poll(wanted);
            let errno = self.call("poll_oneoff", &args);
            self.or(errno, |guest| (guest.out(), count))
        };
        let (came, count) = errno?;
        assert!(came <= count, "{came} events of {count} subscriptions");
        let bytes = self.get(BUFFER, came * Event::SIZE as u32);
        Ok(bytes.chunks(Event::SIZE).map(Event::of).collect())
    }

    /// Puts subscriptions into memory, and gives the arguments of a call that waits for them.
    pub fn prepare_poll(&mut self, wanted: &[Wanted]) -> ([Arg; 4], u32) {
        let mut bytes = Vec::new();
        for (index, wanted) in wanted.iter().enumerate() {
            bytes.extend(if self.is_preview0 {
                wanted.preview0(index as u64)
            } else {
                wanted.preview1(index as u64)
            });
        }
        assert!(
            bytes.len() <= (PATHS - IOVS) as usize,
            "they have their place"
        );
        self.put(IOVS, &bytes);
        let count = u32::try_from(wanted.len()).unwrap();
        (
            [IOVS.into(), BUFFER.into(), count.into(), OUT.into()],
            count,
        )
    }

    /// The entries of a directory, read through a buffer of this size: name, inode number, type.
    #[track_caller]
    pub fn list(&mut self, fd: u32, buffer_bytes: u32) -> Result<Vec<(String, u64, u8)>, Errno> {
        const HEAD: usize = 24;
        let mut entries = Vec::new();
        let mut cookie = 0u64;
        loop {
            let errno = call!(self.fd_readdir(fd, BUFFER, buffer_bytes, cookie, OUT));
            let used = self.or(errno, Self::out)?;
            let bytes = self.get(BUFFER, used);
            let mut rest = &bytes[..];
            let before = entries.len();
            while rest.len() >= HEAD {
                let size = u32_at(rest, 16) as usize;
                let Some(name) = rest.get(HEAD..HEAD + size) else {
                    break;
                };
                let name = String::from_utf8(name.to_vec()).unwrap();
                entries.push((name, u64_at(rest, 8), rest[20]));
                cookie = u64_at(rest, 0);
                rest = &rest[HEAD + size..];
            }
            if used < buffer_bytes {
                return Ok(entries);
            }
            assert!(
                entries.len() > before,
                "a name fits a buffer of {buffer_bytes} bytes"
            );
        }
    }

    /// The names in a directory, without `.` and `..`, in order.
    #[track_caller]
    pub fn names(&mut self, fd: u32) -> Vec<String> {
        let entries = self.list(fd, 4096).unwrap();
        let mut names: Vec<_> = entries.into_iter().map(|(name, ..)| name).collect();
        names.retain(|name| name != "." && name != "..");
        names.sort_unstable();
        names
    }

    fn or<T>(&self, errno: Errno, value: impl FnOnce(&Self) -> T) -> Result<T, Errno> {
        if errno == SUCCESS {
            Ok(value(self))
        } else {
            Err(errno)
        }
    }
}

const READ_FILE: Open = super::abi::READ;
