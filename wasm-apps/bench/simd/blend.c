// An image of n x n pixels laid over another one by its opacity, 20 times over: bytes widened to 16 bits,
// products, shifts, and bytes again.

#include "../kernel.h"
#include <wasm_simd128.h>

// a / 255 to the nearest, in each lane of 16 bits.
static inline v128_t by_255(v128_t a) {
    a = wasm_i16x8_add(a, wasm_i16x8_splat(128));
    return wasm_u16x8_shr(wasm_i16x8_add(a, wasm_u16x8_shr(a, 8)), 8);
}

static NOINLINE void blend(u8 *below, const u8 *above, i32 size_bytes) {
    for (i32 i = 0; i < size_bytes; i += 16) {
        v128_t over = wasm_v128_load(above + i), under = wasm_v128_load(below + i);
        v128_t opacity =
            wasm_i8x16_shuffle(over, over, 3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);
        v128_t rest = wasm_v128_not(opacity);
        v128_t low = wasm_i16x8_add(wasm_u16x8_extmul_low_u8x16(over, opacity),
                                    wasm_u16x8_extmul_low_u8x16(under, rest));
        v128_t high = wasm_i16x8_add(wasm_u16x8_extmul_high_u8x16(over, opacity),
                                     wasm_u16x8_extmul_high_u8x16(under, rest));
        wasm_v128_store(below + i, wasm_u8x16_narrow_i16x8(by_255(low), by_255(high)));
    }
}

KERNEL {
    heap_reset();
    i32 size_bytes = n * n * 4 & ~15;
    u8 *below = heap_take((u32)size_bytes), *above = heap_take((u32)size_bytes);
    u32 seed = 0xb1e4d;
    for (i32 i = 0; i < size_bytes; i += 4) {
        *(u32 *)(below + i) = random_next(&seed);
        *(u32 *)(above + i) = random_next(&seed);
    }
    for (i32 i = 0; i < 20; i++) {
        blend(below, above, size_bytes);
    }
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < size_bytes; i += 4) {
        sum = checksum(sum, *(u32 *)(below + i));
    }
    return (i64)sum;
}
