// Fibonacci numbers by two calls each: nothing but calls, compares and additions.

#include "kernel.h"

// Without the attribute clang makes a loop of the second call.
__attribute__((disable_tail_calls)) static NOINLINE i32 fib(i32 n) {
    if (n < 2) {
        return n;
    }
    return fib(n - 1) + fib(n - 2);
}

KERNEL {
    return fib(n);
}
