// The steps of the Collatz sequences of all numbers up to n, in i64: short unpredictable loops.

#include "kernel.h"

KERNEL {
    u64 total = 0;
    u64 longest = 0;
    for (u64 start = 1; start <= (u64)n; start++) {
        u64 value = start;
        u64 steps = 0;
        while (value != 1) {
            value = value & 1 ? 3 * value + 1 : value >> 1;
            steps++;
        }
        total += steps;
        if (steps > longest) {
            longest = steps;
        }
    }
    return (i64)(total << 16 | longest);
}
