// n pseudo-random i32 sorted: quicksort with a median of three, insertion sort for short ranges.

#include "kernel.h"

static inline void swap(i32 *a, i32 *b) {
    i32 kept = *a;
    *a = *b;
    *b = kept;
}

static void insertion_sort(i32 *low, i32 *high) {
    for (i32 *at = low + 1; at <= high; at++) {
        i32 value = *at;
        i32 *to = at;
        while (to > low && to[-1] > value) {
            *to = to[-1];
            to--;
        }
        *to = value;
    }
}

static NOINLINE void quicksort(i32 *low, i32 *high) {
    while (high - low > 12) {
        i32 *middle = low + (high - low) / 2;
        if (*middle < *low) {
            swap(middle, low);
        }
        if (*high < *low) {
            swap(high, low);
        }
        if (*high < *middle) {
            swap(high, middle);
        }
        i32 pivot = *middle;
        i32 *left = low;
        i32 *right = high;
        while (left <= right) {
            while (*left < pivot) {
                left++;
            }
            while (*right > pivot) {
                right--;
            }
            if (left <= right) {
                swap(left++, right--);
            }
        }
        // The shorter side by a call, the longer one by the loop: depth is logarithmic.
        if (right - low < high - left) {
            quicksort(low, right);
            low = left;
        } else {
            quicksort(left, high);
            high = right;
        }
    }
    insertion_sort(low, high);
}

KERNEL {
    heap_reset();
    i32 *items = heap_take((u32)n * sizeof(i32));
    u32 seed = 0x1234567;
    for (i32 i = 0; i < n; i++) {
        items[i] = (i32)random_next(&seed);
    }
    quicksort(items, items + n - 1);
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < n; i++) {
        if (i > 0 && items[i - 1] > items[i]) {
            return -1;
        }
        sum = checksum(sum, (u32)items[i]);
    }
    return (i64)sum;
}
