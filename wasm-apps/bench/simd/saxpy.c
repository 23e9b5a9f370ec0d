// y = a x + y over arrays of n floats, 1,000 times over: loads and stores of four lanes.

#include "../kernel.h"
#include <wasm_simd128.h>

static NOINLINE void saxpy(f32 a, const f32 *x, f32 *y, i32 n) {
    v128_t factor = wasm_f32x4_splat(a);
    for (i32 i = 0; i < n; i += 4) {
        v128_t product = wasm_f32x4_mul(factor, wasm_v128_load(x + i));
        wasm_v128_store(y + i, wasm_f32x4_add(product, wasm_v128_load(y + i)));
    }
}

KERNEL {
    heap_reset();
    n &= ~3;
    f32 *x = heap_take((u32)n * 4), *y = heap_take((u32)n * 4);
    u32 seed = 0x5a;
    for (i32 i = 0; i < n; i++) {
        x[i] = (f32)(random_next(&seed) >> 8) / 65536;
        y[i] = (f32)(random_next(&seed) >> 8) / 65536;
    }
    for (i32 i = 0; i < 1000; i++) {
        saxpy((f32)(i - 500) / 64, x, y, n);
    }
    f64 sum = 0;
    for (i32 i = 0; i < n; i++) {
        sum += y[i];
    }
    return (i64)bits_of(sum);
}
