// n KiB of text compressed in the manner of LZ77 with a hash table of positions, and expanded again:
// byte loads, unaligned words, copies that overlap.

#include "../kernel.h"

#define HASH_BITS 13
#define MIN_MATCH 4
#define MAX_MATCH 255

static u32 positions[1 << HASH_BITS];

static inline u32 word_at(const u8 *at) {
    return at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24;
}

// A match is 0, its length, and its distance in two bytes; any other byte stands for itself.
static NOINLINE u32 compress(const u8 *from, u32 size, u8 *to) {
    u32 in = 0, out = 0;
    for (u32 i = 0; i < 1 << HASH_BITS; i++) {
        positions[i] = 0;
    }
    while (in < size) {
        u32 length = 0, distance = 0;
        if (in + MIN_MATCH < size) {
            u32 hash = word_at(from + in) * 2654435761u >> (32 - HASH_BITS);
            u32 candidate = positions[hash];
            positions[hash] = in + 1;
            if (candidate != 0 && in - (candidate - 1) < 0xffff) {
                const u8 *then = from + candidate - 1;
                u32 most = size - in < MAX_MATCH ? size - in : MAX_MATCH;
                while (length < most && then[length] == from[in + length]) {
                    length++;
                }
                distance = in - (candidate - 1);
            }
        }
        if (length >= MIN_MATCH) {
            to[out++] = 0;
            to[out++] = (u8)length;
            to[out++] = (u8)distance;
            to[out++] = (u8)(distance >> 8);
            in += length;
        } else {
            to[out++] = from[in++];
        }
    }
    return out;
}

static NOINLINE u32 expand(const u8 *from, u32 size, u8 *to) {
    u32 in = 0, out = 0;
    while (in < size) {
        u8 byte = from[in++];
        if (byte != 0) {
            to[out++] = byte;
            continue;
        }
        u32 length = from[in], distance = from[in + 1] | (u32)from[in + 2] << 8;
        in += 3;
        for (u32 i = 0; i < length; i++, out++) {
            to[out] = to[out - distance];
        }
    }
    return out;
}

KERNEL {
    heap_reset();
    u32 size = (u32)n << 10;
    u8 *text = heap_take(size), *packed = heap_take(size), *again = heap_take(size);
    u32 seed = 0x12e7;
    for (u32 i = 0; i < size;) {
        // Words of a vocabulary of 512, whose letters follow from their number.
        u32 word = random_next(&seed) & random_next(&seed) & 511;
        for (u32 letters = 2 + word % 7; letters > 0 && i < size; letters--) {
            text[i++] = (u8)('a' + (word * letters * 31 >> 3) % 26);
        }
        if (i < size) {
            text[i++] = ' ';
        }
    }
    u32 packed_size = compress(text, size, packed);
    u32 again_size = expand(packed, packed_size, again);
    u64 sum = checksum(checksum(CHECKSUM_START, packed_size), again_size);
    for (u32 i = 0; i < size; i += 61) {
        sum = checksum(sum, again[i] ^ (u32)(text[i] == again[i]) << 8);
    }
    return (i64)sum;
}
