// The dot product of two arrays of n floats, 1,000 times over: loads, products and sums of four lanes.

#include "../kernel.h"
#include <wasm_simd128.h>

static NOINLINE f32 dot(const f32 *a, const f32 *b, i32 n) {
    v128_t sum = wasm_f32x4_splat(0), other = wasm_f32x4_splat(0);
    for (i32 i = 0; i < n; i += 8) {
        sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(a + i), wasm_v128_load(b + i)));
        other = wasm_f32x4_add(
            other, wasm_f32x4_mul(wasm_v128_load(a + i + 4), wasm_v128_load(b + i + 4)));
    }
    sum = wasm_f32x4_add(sum, other);
    return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) +
           wasm_f32x4_extract_lane(sum, 2) + wasm_f32x4_extract_lane(sum, 3);
}

KERNEL {
    heap_reset();
    n &= ~7;
    f32 *a = heap_take((u32)n * 4), *b = heap_take((u32)n * 4);
    u32 seed = 0xd07;
    for (i32 i = 0; i < n; i++) {
        a[i] = (f32)(random_next(&seed) >> 8) / 65536;
        b[i] = (f32)(random_next(&seed) >> 8) / 65536;
    }
    f64 sum = 0;
    for (i32 i = 0; i < 1000; i++) {
        a[i % n] += 1;
        sum += dot(a, b, n);
    }
    return (i64)bits_of(sum);
}
