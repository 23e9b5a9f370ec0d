//! Moves bytes within memories. What guests move is short most of the time; for that a C library's function is
//! slow where it begins with a string instruction (as musl's does), whose start takes longer than such a move.

/// Bytes that are read at once before any of them is written.
const AT_ONCE_BYTES: usize = 64;
/// From here on the C library's function is as good as any.
const LONG_BYTES: usize = 2048;

/// Moves `n` bytes as if by way of a buffer: the ranges may overlap.
///
/// # Safety
///
/// The bytes at `from` can be read, and those at `to` be written, and nobody else does either meanwhile.
#[inline]
pub(super) unsafe fn move_bytes(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: the caller's duty; every access is to one of the `n` bytes.
    unsafe {
        match n {
            0 => {}
            1 => to.write(from.read()),
            2..4 => ends::<2>(from, to, n),
            4..8 => ends::<4>(from, to, n),
            8..16 => ends::<8>(from, to, n),
            16..32 => ends::<16>(from, to, n),
            32..64 => ends::<32>(from, to, n),
            64..LONG_BYTES => blocks(from, to, n),
            _ => std::ptr::copy(from, to, n),
        }
    }
}

/// Moves the first and the last `N` of at most `2 * N` bytes.
#[inline(always)]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: passed on from the caller. Both are read before one of them is written.
    unsafe {
        let first = from.cast::<[u8; N]>().read();
        let last = from.add(n - N).cast::<[u8; N]>().read();
        to.cast::<[u8; N]>().write(first);
        to.add(n - N).cast::<[u8; N]>().write(last);
    }
}

/// Moves at least one block: from that end on from which what is written has been read before.
unsafe fn blocks(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: passed on from the caller.
    unsafe {
        let block = |at: usize| from.add(at).cast::<[u8; AT_ONCE_BYTES]>().read();
        let put = |at: usize, block| to.add(at).cast::<[u8; AT_ONCE_BYTES]>().write(block);
        if to.addr().wrapping_sub(from.addr()) >= n {
            // Read first, because it may be overwritten.
            let last = block(n - AT_ONCE_BYTES);
            let mut at = 0;
            while at < n - AT_ONCE_BYTES {
                put(at, block(at));
                at += AT_ONCE_BYTES;
            }
            put(n - AT_ONCE_BYTES, last);
        } else {
            let first = block(0);
            let mut end = n;
            while end > AT_ONCE_BYTES {
                end -= AT_ONCE_BYTES;
                put(end, block(end));
            }
            put(0, first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_ranges_of_all_lengths_are_moved_as_by_a_buffer() {
        let whole: Vec<u8> = (0..=250).cycle().take(3 * LONG_BYTES).collect();
        let short = 0..200;
        let long = [255, 256, 257, 1000, LONG_BYTES - 1, LONG_BYTES];
        for n in short.chain(long) {
            for to in [
                0, 1, 7, 63, 64, 65, 128, 190, 200, 201, 263, 264, 265, 400, 2500,
            ] {
                let (mut expected, mut found) = (whole.clone(), whole.clone());
                expected.copy_within(200..200 + n, to);
                let bytes = found.as_mut_ptr();
                // SAFETY: both ranges lie within the bytes.
                unsafe { move_bytes(bytes.add(200), bytes.add(to), n) };
                assert_eq!(found, expected, "{n} bytes to {to}");
            }
        }
    }
}
