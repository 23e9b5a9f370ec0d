//! What the kernels share, as `kernel.h` has it for those in C: each is a crate without dependencies
//! that exports `run(n)`, which does work of size `n` from a fresh start and returns the checksum
//! that the kernel of the same name in C returns.

#![allow(dead_code, reason = "each kernel uses a part of it")]

/// A generator of pseudo-random numbers (Marsaglia's xorshift, 32 bits).
pub struct Random(pub u32);

impl Random {
    pub fn draw(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

/// What a checksum is before its first step.
pub const CHECKSUM_START: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of a checksum (FNV-1a over whole words).
pub fn checksum(sum: u64, word: u64) -> u64 {
    (sum ^ word).wrapping_mul(0x100_0000_01b3)
}
