//! `wasm_runtime_set_wasi_args`: what a module reaches through WASI.

use std::ffi::c_char;

use holdall_wasi::{Access, Grants, Input, Output};

use super::handles::Handle;
use super::log::{self, Level};
use super::modules::LoadedModule;
use crate::guard::guard;
use crate::text::from_c;

/// What the program wants a module to get when it is instantiated.
#[derive(Default)]
pub(super) struct WasiArgs {
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// Directories of the host, by the guest's name.
    dirs: Vec<(String, String)>,
    /// Descriptors of the process for the standard streams; the process's own where there is none.
    streams: [Option<i32>; 3],
}

impl WasiArgs {
    /// The grants: standard streams, clocks and randomness, and what the program named.
    ///
    /// # Errors
    ///
    /// When a directory or a stream cannot be opened.
    pub(super) fn grants(&self) -> Result<Grants, String> {
        let mut grants = Grants::new()
            .args(&self.args)
            .inherit_stdio()
            .clocks()
            .random();
        for (name, value) in &self.env {
            grants = grants.env(name, value);
        }
        for (guest, host) in &self.dirs {
            let opened = grants.host_dir(host, guest, Access::ReadWrite);
            grants =
                opened.map_err(|error| format!("directory {host:?} cannot be opened: {error}"))?;
        }
        let [stdin, stdout, stderr] = self.streams;
        if let Some(file) = stdin.map(file).transpose()? {
            grants = grants.stdin(Input::file(file));
        }
        if let Some(file) = stdout.map(file).transpose()? {
            grants = grants.stdout(Output::file(file));
        }
        if let Some(file) = stderr.map(file).transpose()? {
            grants = grants.stderr(Output::file(file));
        }
        Ok(grants)
    }
}

/// A descriptor of the process as a file, which is closed by itself: it is a copy.
#[cfg(unix)]
fn file(descriptor: i32) -> Result<std::fs::File, String> {
    use std::os::fd::BorrowedFd;
    // SAFETY: the program keeps the descriptor open until the module is instantiated, as the header says; what is
    // not open is noticed by the copy.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let copy = borrowed.try_clone_to_owned();
    copy.map(Into::into)
        .map_err(|error| format!("descriptor {descriptor} cannot be used: {error}"))
}

#[cfg(not(unix))]
fn file(descriptor: i32) -> Result<std::fs::File, String> {
    Err(format!(
        "descriptor {descriptor}: only the process's own standard streams can be given here"
    ))
}

/// The strings of an array of C's. What is no UTF-8 is left out, and said.
///
/// # Safety
///
/// There are `count` strings, or nulls, at `strings`, which may be null.
unsafe fn strings<'a>(what: &str, strings: *const *const c_char, count: usize) -> Vec<&'a str> {
    let count = if strings.is_null() { 0 } else { count };
    let text = |index: usize| {
        // SAFETY: the caller's duty.
        let text = unsafe { from_c(*strings.add(index)) };
        if text.is_none() {
            log::say(
                Level::Warning,
                format_args!("{what} {index} is null or no UTF-8, and left out"),
            );
        }
        text
    };
    (0..count).filter_map(text).collect()
}

/// Sets what a module gets when it is instantiated, with the standard streams of the process or other descriptors.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_wasi_args_ex(
    module: Handle<LoadedModule>,
    dir_list: *const *const c_char,
    dir_count: u32,
    map_dir_list: *const *const c_char,
    map_dir_count: u32,
    env: *const *const c_char,
    env_count: u32,
    argv: *const *const c_char,
    argc: i32,
    stdinfd: i64,
    stdoutfd: i64,
    stderrfd: i64,
) {
    guard((), || {
        // SAFETY: the rule of handles.
        let Some(module) = (unsafe { module.get() }) else {
            return;
        };
        let mut wasi = WasiArgs {
            streams: [stdinfd, stdoutfd, stderrfd]
                .map(|fd| i32::try_from(fd).ok().filter(|fd| *fd >= 0)),
            ..WasiArgs::default()
        };
        // SAFETY: C passes as many strings as it says.
        unsafe {
            let dirs = strings("directory", dir_list, dir_count as usize);
            wasi.dirs
                .extend(dirs.into_iter().map(|dir| (dir.to_owned(), dir.to_owned())));
            for mapped in strings("mapped directory", map_dir_list, map_dir_count as usize) {
                match mapped.split_once("::") {
                    Some((guest, host)) => wasi.dirs.push((guest.to_owned(), host.to_owned())),
                    None => log::say(
                        Level::Warning,
                        format_args!(
                            "mapped directory {mapped:?} is left out: expected GUEST::HOST"
                        ),
                    ),
                }
            }
            for variable in strings("variable", env, env_count as usize) {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                wasi.env.push((name.to_owned(), value.to_owned()));
            }
            let args = strings("argument", argv, usize::try_from(argc).unwrap_or(0));
            wasi.args.extend(args.into_iter().map(ToOwned::to_owned));
        }
        *module
            .wasi
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = wasi;
    });
}

/// As `wasm_runtime_set_wasi_args_ex`, with the standard streams of the process.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_wasi_args(
    module: Handle<LoadedModule>,
    dir_list: *const *const c_char,
    dir_count: u32,
    map_dir_list: *const *const c_char,
    map_dir_count: u32,
    env: *const *const c_char,
    env_count: u32,
    argv: *const *const c_char,
    argc: i32,
) {
    // SAFETY: the caller's duty.
    guard((), || unsafe {
        wasm_runtime_set_wasi_args_ex(
            module,
            dir_list,
            dir_count,
            map_dir_list,
            map_dir_count,
            env,
            env_count,
            argv,
            argc,
            -1,
            -1,
            -1,
        );
    });
}
