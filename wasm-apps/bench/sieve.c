// The primes below n by the sieve of Eratosthenes, one byte a number: stores with a stride.

#include "kernel.h"

KERNEL {
    heap_reset();
    u32 limit = (u32)n;
    u8 *composite = heap_take(limit);
    for (u32 i = 0; i < limit; i++) {
        composite[i] = 0;
    }
    for (u32 i = 2; (u64)i * i < limit; i++) {
        if (!composite[i]) {
            for (u32 k = i * i; k < limit; k += i) {
                composite[k] = 1;
            }
        }
    }
    i32 count = 0;
    u32 last = 0;
    for (u32 i = 2; i < limit; i++) {
        if (!composite[i]) {
            count++;
            last = i;
        }
    }
    return ((i64)count << 32) | last;
}
