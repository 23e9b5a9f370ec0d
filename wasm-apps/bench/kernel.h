// What the kernels share. Each kernel is one C file without a library that exports one function,
//
//     long long run(int n)
//
// which does work of size n from a fresh start and returns a checksum of what it computed, so that
// two engines can be compared by time and by result. run may be called any number of times on the
// same instance.

#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;

#define KERNEL __attribute__((export_name("run"))) i64 run(i32 n)
#define NOINLINE __attribute__((noinline))

// Where the linker's own data ends. Everything above belongs to the kernel.
extern u8 __heap_base;

static u32 heap_top;

// Forgets everything that was allocated. Each run begins with it, if it allocates.
static inline void heap_reset(void) {
    heap_top = (u32)&__heap_base;
}

// Memory of this size, aligned to 16 bytes, with whatever an earlier run left in it.
static inline void *heap_take(u32 size_bytes) {
    u32 start = (heap_top + 15) & ~15u;
    heap_top = start + size_bytes;
    u32 have = (u32)__builtin_wasm_memory_size(0) << 16;
    if (heap_top > have) {
        u32 pages = (heap_top - have + 0xffff) >> 16;
        if (__builtin_wasm_memory_grow(0, pages) == (u32)-1) {
            __builtin_trap();
        }
    }
    return (void *)start;
}

// A generator of pseudo-random numbers (Marsaglia's xorshift, 32 bits).
static inline u32 random_next(u32 *state) {
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

// One step of a checksum (FNV-1a over whole words).
static inline u64 checksum(u64 sum, u64 word) {
    return (sum ^ word) * 0x100000001b3ull;
}

#define CHECKSUM_START 0xcbf29ce484222325ull

static inline u64 bits_of(f64 value) {
    union {
        f64 value;
        u64 bits;
    } both = {value};
    return both.bits;
}

#endif
