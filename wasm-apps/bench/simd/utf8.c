// Whether n bytes are UTF-8, 20 times over: tables of sixteen bytes that are looked up with the halves
// of each byte and of the byte before (Keiser and Lemire, "Validating UTF-8 In Less Than One
// Instruction Per Byte"), shifts and logic on bytes, and a short cut for ASCII.

#include "../kernel.h"
#include <wasm_simd128.h>

enum {
    TOO_SHORT = 1,
    TOO_LONG = 2,
    OVERLONG_3 = 4,
    TOO_LARGE = 8,
    SURROGATE = 16,
    OVERLONG_2 = 32,
    TOO_LARGE_1000 = 64,
    OVERLONG_4 = 64,
    TWO_CONTINUATIONS = 128,
    CARRY = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS,
};

// The bytes that stand one, two and three places before these.
#define BEFORE1(now, before) \
    wasm_i8x16_shuffle(before, now, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
#define BEFORE2(now, before) \
    wasm_i8x16_shuffle(before, now, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
#define BEFORE3(now, before) \
    wasm_i8x16_shuffle(before, now, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28)

static inline v128_t errors(v128_t now, v128_t before) {
    v128_t before1 = BEFORE1(now, before);
    v128_t first_high = wasm_i8x16_swizzle(
        wasm_u8x16_const(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
                         TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
                         TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
                         TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4),
        wasm_u8x16_shr(before1, 4));
    v128_t first_low = wasm_i8x16_swizzle(
        wasm_u8x16_const(CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY,
                         CARRY | TOO_LARGE, CARRY | TOO_LARGE | TOO_LARGE_1000,
                         CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                         CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                         CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000,
                         CARRY | TOO_LARGE | TOO_LARGE_1000,
                         CARRY | TOO_LARGE | TOO_LARGE_1000 | SURROGATE,
                         CARRY | TOO_LARGE | TOO_LARGE_1000, CARRY | TOO_LARGE | TOO_LARGE_1000),
        wasm_v128_and(before1, wasm_u8x16_splat(15)));
    v128_t second_high = wasm_i8x16_swizzle(
        wasm_u8x16_const(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
                         TOO_SHORT,
                         TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE_1000 |
                             OVERLONG_4,
                         TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | OVERLONG_3 | TOO_LARGE,
                         TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE,
                         TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS | SURROGATE | TOO_LARGE, TOO_SHORT,
                         TOO_SHORT, TOO_SHORT, TOO_SHORT),
        wasm_u8x16_shr(now, 4));
    v128_t special = wasm_v128_and(wasm_v128_and(first_high, first_low), second_high);
    v128_t third = wasm_u8x16_sub_sat(BEFORE2(now, before), wasm_u8x16_splat(0xe0 - 1));
    v128_t fourth = wasm_u8x16_sub_sat(BEFORE3(now, before), wasm_u8x16_splat(0xf0 - 1));
    v128_t must = wasm_i8x16_gt(wasm_v128_or(third, fourth), wasm_i8x16_splat(0));
    return wasm_v128_xor(wasm_v128_and(must, wasm_u8x16_splat(0x80)), special);
}

static NOINLINE i32 is_utf8(const u8 *text, i32 n) {
    v128_t before = wasm_i8x16_splat(0), found = wasm_i8x16_splat(0);
    for (i32 i = 0; i < n; i += 16) {
        v128_t now = wasm_v128_load(text + i);
        if (wasm_i8x16_bitmask(wasm_v128_or(now, before))) {
            found = wasm_v128_or(found, errors(now, before));
        }
        before = now;
    }
    return !wasm_v128_any_true(found);
}

KERNEL {
    heap_reset();
    u8 *text = heap_take((u32)n + 16);
    u32 seed = 0x07f8;
    i32 end = 0;
    // Runs of ASCII, then some letters of two, three and four bytes each; spaces at the end.
    while (end + 64 < n) {
        for (i32 i = random_next(&seed) % 32; i > 0; i--) {
            text[end++] = (u8)(32 + random_next(&seed) % 95);
        }
        for (i32 i = random_next(&seed) % 8; i > 0; i--) {
            u32 letter = random_next(&seed);
            if (letter & 1) {
                text[end++] = 0xc3;
            } else if (letter & 2) {
                text[end++] = 0xe4;
                text[end++] = 0x80 | (letter >> 8 & 63);
            } else {
                text[end++] = 0xf0;
                text[end++] = 0x9f;
                text[end++] = 0x80 | (letter >> 8 & 63);
            }
            text[end++] = 0x80 | (letter >> 16 & 63);
        }
    }
    while (end < n + 16) {
        text[end++] = ' ';
    }
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < 20; i++) {
        sum = checksum(sum, is_utf8(text, n & ~15));
    }
    text[n / 2] = 0xff;
    return (i64)checksum(sum, is_utf8(text, n & ~15));
}
