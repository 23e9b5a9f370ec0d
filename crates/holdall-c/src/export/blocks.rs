//! `wasm_runtime_malloc` and its companions: memory for the C program, from where the program told the runtime to
//! take memory.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_uint, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdall::{Pool, PoolBytes};

use super::log::{self, Level};
use crate::guard::guard;

type Malloc = unsafe extern "C" fn(c_uint) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*mut c_void, c_uint) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);

/// Where blocks come from.
#[derive(Clone, Default)]
pub(super) enum Source {
    #[default]
    System,
    Pool(Pool),
    Program {
        malloc: Malloc,
        realloc: Option<Realloc>,
        free: Free,
    },
}

/// A block that the program holds. Its address is what the program has.
enum Block {
    System(Box<[Chunk]>),
    Pool(PoolBytes),
    Program { size: usize, free: Free },
}

/// What blocks of the system are made of, for their alignment.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Chunk(#[expect(dead_code, reason = "C's bytes")] [u8; 16]);

impl Block {
    fn size(&self) -> usize {
        match self {
            Self::System(chunks) => size_of_val(&**chunks),
            Self::Program { size, .. } => *size,
            Self::Pool(bytes) => bytes.len(),
        }
    }
}

struct Blocks {
    source: Source,
    /// The living blocks by their addresses. What is not here cannot be freed, so that nothing is freed twice.
    living: BTreeMap<usize, Block>,
}

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks {
    source: Source::System,
    living: BTreeMap::new(),
});

fn blocks() -> MutexGuard<'static, Blocks> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes blocks from this source from now on.
pub(super) fn set_source(source: Source) {
    blocks().source = source;
}

/// Ends the taking of blocks from a source of the program's. Blocks of a pool go with the pool, which is the
/// program's own buffer; others stay the program's until it frees them.
pub(super) fn forget_source() {
    let mut blocks = blocks();
    blocks.source = Source::System;
    let living = &mut blocks.living;
    living.retain(|_, block| !matches!(block, Block::Pool(_)));
}

/// A block of `size` bytes; null where there is no room.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let source = blocks().source.clone();
    // Without the lock: the program's allocator may do what it likes.
    let (address, block) = match source {
        Source::System => {
            let mut chunks = Vec::new();
            let count = size.div_ceil(16).max(1);
            if chunks.try_reserve_exact(count).is_err() {
                return ptr::null_mut();
            }
            chunks.resize(count, Chunk([0; 16]));
            let mut chunks = chunks.into_boxed_slice();
            (chunks.as_mut_ptr().cast(), Block::System(chunks))
        }
        Source::Pool(pool) => match pool.take(size) {
            Some(mut bytes) => (bytes.as_mut_ptr(), Block::Pool(bytes)),
            None => return ptr::null_mut(),
        },
        Source::Program { malloc, free, .. } => {
            let Ok(asked) = c_uint::try_from(size.max(1)) else {
                return ptr::null_mut();
            };
            // SAFETY: the program gave the function for this.
            let address: *mut u8 = unsafe { malloc(asked) }.cast();
            if address.is_null() {
                return address;
            }
            (address, Block::Program { size, free })
        }
    };
    blocks().living.insert(address.addr(), block);
    address
}

/// Frees a block; says so where there is none at `address`.
pub(super) fn free(address: *mut c_void) {
    if address.is_null() {
        return;
    }
    let block = blocks().living.remove(&address.addr());
    match block {
        // SAFETY: the program's own allocator gave the address, once.
        Some(Block::Program { free, .. }) => unsafe { free(address) },
        Some(_) => {}
        None => log::say(
            Level::Warning,
            format_args!("wasm_runtime_free: there is no block at {address:p}; it is left alone"),
        ),
    }
}

/// Allocates memory for the program; null for a size of 0, and where there is no room.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_malloc(size: c_uint) -> *mut c_void {
    guard(ptr::null_mut(), || {
        if size == 0 {
            return ptr::null_mut();
        }
        allocate(size as usize).cast()
    })
}

/// Makes a block larger or smaller; null, and the block as before, where there is no room.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_realloc(address: *mut c_void, size: c_uint) -> *mut c_void {
    guard(ptr::null_mut(), || {
        if address.is_null() {
            return wasm_runtime_malloc(size);
        }
        let held = blocks();
        let Some(block) = held.living.get(&address.addr()) else {
            log::say(
                Level::Warning,
                format_args!("wasm_runtime_realloc: there is no block at {address:p}"),
            );
            return ptr::null_mut();
        };
        let old = block.size();
        if let (
            Block::Program { free, .. },
            Source::Program {
                realloc: Some(realloc),
                ..
            },
        ) = (block, &held.source)
        {
            let (free, realloc) = (*free, *realloc);
            drop(held);
            // SAFETY: the program's own allocator gave the address.
            let moved = unsafe { realloc(address, size) };
            if !moved.is_null() {
                let block = Block::Program {
                    size: size as usize,
                    free,
                };
                let mut held = blocks();
                let living = &mut held.living;
                living.remove(&address.addr());
                living.insert(moved.addr(), block);
            }
            return moved;
        }
        drop(held);
        let moved = allocate(size as usize);
        if !moved.is_null() {
            // SAFETY: both blocks are alive, have that many bytes, and are not the same one.
            unsafe { moved.copy_from_nonoverlapping(address.cast(), old.min(size as usize)) };
            free(address);
        }
        moved.cast()
    })
}

/// Frees what `wasm_runtime_malloc`, `wasm_runtime_realloc` or `bh_read_file_to_buffer` gave.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_free(address: *mut c_void) {
    guard((), || free(address));
}

/// What is in the pool.
#[repr(C)]
struct MemAllocInfo {
    total_size: u32,
    total_free_size: u32,
    highmark_size: u32,
}

/// Tells how much of the pool is used; false where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_mem_alloc_info(info: *mut MemAllocInfo) -> bool {
    guard(false, || {
        let Source::Pool(pool) = blocks().source.clone() else {
            return false;
        };
        if info.is_null() {
            return false;
        }
        let [total, left] =
            [pool.size_bytes(), pool.left_bytes()].map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        // SAFETY: not null, so C's to write to.
        unsafe {
            info.write(MemAllocInfo {
                total_size: total,
                total_free_size: left,
                highmark_size: total - left,
            });
        }
        true
    })
}

/// Reads a file into a block, which `wasm_runtime_free` frees; null where it cannot be read, or is empty.
#[unsafe(no_mangle)]
unsafe extern "C" fn bh_read_file_to_buffer(path: *const c_char, size: *mut u32) -> *mut c_char {
    guard(ptr::null_mut(), || {
        if path.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: C passes a string.
        let path = unsafe { CStr::from_ptr(path) };
        #[cfg(unix)]
        let path: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(path.to_bytes());
        #[cfg(not(unix))]
        let path = path.to_string_lossy();
        #[cfg(not(unix))]
        let path = OsStr::new(&*path);
        if size.is_null() {
            return ptr::null_mut();
        }
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                log::say(
                    Level::Warning,
                    format_args!("file {path:?} cannot be read: {error}"),
                );
                return ptr::null_mut();
            }
        };
        let Ok(len @ 1..) = u32::try_from(bytes.len()) else {
            log::say(
                Level::Warning,
                format_args!(
                    "file {path:?}: expected 1 byte to 4 GiB, found {}",
                    bytes.len()
                ),
            );
            return ptr::null_mut();
        };
        let buffer = allocate(bytes.len());
        if buffer.is_null() {
            log::say(
                Level::Warning,
                format_args!("no room for file {path:?} of {len} bytes"),
            );
            return ptr::null_mut();
        }
        // SAFETY: the block has as many bytes; `size` is not null.
        unsafe {
            buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            size.write(len);
        }
        buffer.cast()
    })
}
