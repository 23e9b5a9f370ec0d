// n generations of Conway's life on a torus of 256 x 256 cells, a byte each: byte loads, sums, a
// comparison a cell.

#include "../kernel.h"

#define SIDE 256

static u8 cells[2][SIDE * SIDE];

static NOINLINE void step(const u8 *from, u8 *to) {
    for (u32 y = 0; y < SIDE; y++) {
        const u8 *above = from + ((y + SIDE - 1) & (SIDE - 1)) * SIDE;
        const u8 *here = from + y * SIDE;
        const u8 *below = from + ((y + 1) & (SIDE - 1)) * SIDE;
        for (u32 x = 0; x < SIDE; x++) {
            u32 left = (x + SIDE - 1) & (SIDE - 1), right = (x + 1) & (SIDE - 1);
            u32 around = above[left] + above[x] + above[right] + here[left] + here[right] +
                         below[left] + below[x] + below[right];
            to[y * SIDE + x] = around == 3 || (around == 2 && here[x]);
        }
    }
}

KERNEL {
    u32 seed = 0x11fe;
    for (u32 i = 0; i < SIDE * SIDE; i++) {
        cells[0][i] = random_next(&seed) >> 30 == 0;
    }
    for (i32 turn = 0; turn < n; turn++) {
        step(cells[turn & 1], cells[~turn & 1]);
    }
    u64 sum = CHECKSUM_START;
    for (u32 i = 0; i < SIDE * SIDE; i++) {
        sum = checksum(sum, cells[n & 1][i]);
    }
    return (i64)sum;
}
