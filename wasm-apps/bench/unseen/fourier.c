// n transforms of 1,024 complex f64 and back, by the method of Cooley and Tukey: products and sums of
// f64 with strides that double.

#include "../kernel.h"

#define POINTS 1024

static f64 re[POINTS], im[POINTS], cosines[POINTS / 2], sines[POINTS / 2];

static NOINLINE void transform(f64 sign) {
    for (u32 i = 0, j = 0; i < POINTS; i++) {
        if (i < j) {
            f64 then = re[i];
            re[i] = re[j];
            re[j] = then;
            then = im[i];
            im[i] = im[j];
            im[j] = then;
        }
        u32 bit = POINTS / 2;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j |= bit;
    }
    for (u32 half = 1; half < POINTS; half *= 2) {
        u32 stride = POINTS / 2 / half;
        for (u32 start = 0; start < POINTS; start += 2 * half) {
            for (u32 k = 0; k < half; k++) {
                f64 c = cosines[k * stride], s = sign * sines[k * stride];
                u32 a = start + k, b = a + half;
                f64 x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
        }
    }
}

KERNEL {
    // The roots of unity, each from the one before it.
    f64 c = 0.99998117528260111, s = 0.0061358846491544753;
    cosines[0] = 1;
    sines[0] = 0;
    for (i32 i = 1; i < POINTS / 2; i++) {
        cosines[i] = cosines[i - 1] * c - sines[i - 1] * s;
        sines[i] = sines[i - 1] * c + cosines[i - 1] * s;
    }
    u32 seed = 0xff7;
    for (i32 i = 0; i < POINTS; i++) {
        re[i] = (f64)(random_next(&seed) & 255);
        im[i] = 0;
    }
    for (i32 turn = 0; turn < n; turn++) {
        transform(1);
        transform(-1);
        for (i32 i = 0; i < POINTS; i++) {
            re[i] /= POINTS;
            im[i] /= POINTS;
        }
    }
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < POINTS; i++) {
        sum = checksum(sum, bits_of(re[i]));
    }
    return (i64)sum;
}
