// SHA-256 (FIPS 180-4) of four messages of n KiB at once, a lane each: rotations, logic and additions on
// four lanes of 32 bits.

#include "../kernel.h"
#include <wasm_simd128.h>

static const u32 ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define ROTATE(x, by) wasm_v128_or(wasm_u32x4_shr(x, by), wasm_i32x4_shl(x, 32 - (by)))

static inline v128_t xor3(v128_t a, v128_t b, v128_t c) {
    return wasm_v128_xor(wasm_v128_xor(a, b), c);
}

// The words at the same place of the four messages, the most significant byte first.
static inline v128_t word(const u8 *block, u32 size_bytes) {
    const u32 *at = (const u32 *)block;
    u32 words = size_bytes / 4;
    v128_t word = wasm_i32x4_make((i32)at[0], (i32)at[words], (i32)at[2 * words], (i32)at[3 * words]);
    return wasm_i8x16_shuffle(word, word, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

static NOINLINE void absorb(v128_t state[8], const v128_t block[16]) {
    v128_t w[64];
    for (i32 i = 0; i < 16; i++) {
        w[i] = block[i];
    }
    for (i32 i = 16; i < 64; i++) {
        v128_t s0 = xor3(ROTATE(w[i - 15], 7), ROTATE(w[i - 15], 18), wasm_u32x4_shr(w[i - 15], 3));
        v128_t s1 = xor3(ROTATE(w[i - 2], 17), ROTATE(w[i - 2], 19), wasm_u32x4_shr(w[i - 2], 10));
        w[i] = wasm_i32x4_add(wasm_i32x4_add(w[i - 16], s0), wasm_i32x4_add(w[i - 7], s1));
    }
    v128_t a = state[0], b = state[1], c = state[2], d = state[3];
    v128_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (i32 i = 0; i < 64; i++) {
        v128_t s1 = xor3(ROTATE(e, 6), ROTATE(e, 11), ROTATE(e, 25));
        v128_t chosen = wasm_v128_bitselect(f, g, e);
        v128_t t1 = wasm_i32x4_add(
            wasm_i32x4_add(wasm_i32x4_add(h, s1), wasm_i32x4_add(chosen, w[i])),
            wasm_i32x4_splat((i32)ROUND[i]));
        v128_t s0 = xor3(ROTATE(a, 2), ROTATE(a, 13), ROTATE(a, 22));
        v128_t most = xor3(wasm_v128_and(a, b), wasm_v128_and(a, c), wasm_v128_and(b, c));
        h = g;
        g = f;
        f = e;
        e = wasm_i32x4_add(d, t1);
        d = c;
        c = b;
        b = a;
        a = wasm_i32x4_add(t1, wasm_i32x4_add(s0, most));
    }
    state[0] = wasm_i32x4_add(state[0], a);
    state[1] = wasm_i32x4_add(state[1], b);
    state[2] = wasm_i32x4_add(state[2], c);
    state[3] = wasm_i32x4_add(state[3], d);
    state[4] = wasm_i32x4_add(state[4], e);
    state[5] = wasm_i32x4_add(state[5], f);
    state[6] = wasm_i32x4_add(state[6], g);
    state[7] = wasm_i32x4_add(state[7], h);
}

KERNEL {
    heap_reset();
    u32 size_bytes = (u32)n * 1024;
    u8 *messages = heap_take(4 * size_bytes);
    u32 seed = 0x9e3779b9;
    for (u32 i = 0; i < 4 * size_bytes; i += 4) {
        *(u32 *)(messages + i) = random_next(&seed);
    }
    static const u32 START[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    v128_t state[8], block[16];
    for (i32 i = 0; i < 8; i++) {
        state[i] = wasm_i32x4_splat((i32)START[i]);
    }
    for (u32 at = 0; at < size_bytes; at += 64) {
        for (i32 i = 0; i < 16; i++) {
            block[i] = word(messages + at + 4 * i, size_bytes);
        }
        absorb(state, block);
    }
    // The size is a whole number of blocks, so the padding is a block of its own.
    for (i32 i = 0; i < 16; i++) {
        block[i] = wasm_i32x4_splat(0);
    }
    block[0] = wasm_i32x4_splat((i32)0x80000000);
    block[15] = wasm_i32x4_splat((i32)(size_bytes * 8));
    absorb(state, block);
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < 8; i++) {
        sum = checksum(sum, (u64)wasm_i64x2_extract_lane(state[i], 0));
        sum = checksum(sum, (u64)wasm_i64x2_extract_lane(state[i], 1));
    }
    return (i64)sum;
}
