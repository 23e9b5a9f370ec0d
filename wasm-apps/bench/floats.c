// n steps of an explicit heat equation on a row of 1,000 f32 cells, with a clamp and conversions:
// loads and stores of f32, minimum and maximum, float to integer and back.

#include "kernel.h"

#define CELLS 1000

static f32 now[CELLS];
static f32 next[CELLS];

KERNEL {
    u32 seed = 0xf10a75;
    for (i32 i = 0; i < CELLS; i++) {
        now[i] = (f32)(random_next(&seed) & 1023);
    }
    for (i32 step = 0; step < n; step++) {
        for (i32 i = 1; i < CELLS - 1; i++) {
            f32 flow = now[i - 1] - 2.0f * now[i] + now[i + 1];
            f32 value = now[i] + 0.24f * flow;
            next[i] = value < 0.0f ? 0.0f : value > 1023.0f ? 1023.0f : value;
        }
        // A source in the middle keeps the row from growing flat.
        now[CELLS / 2] = (f32)((step * 37) & 1023);
        for (i32 i = 1; i < CELLS - 1; i++) {
            now[i] = next[i];
        }
    }
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < CELLS; i++) {
        sum = checksum(sum, (u64)(i64)(now[i] * 4096.0f));
    }
    return (i64)sum;
}
