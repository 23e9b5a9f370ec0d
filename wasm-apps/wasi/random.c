// random N: N random bytes in hexadecimal, at most 1024.

#include <stdio.h>
#include <stdlib.h>
#include <wasi/api.h>

static unsigned char bytes[1024];

int main(int argc, char **argv) {
    size_t count = argc == 2 ? strtoul(argv[1], NULL, 10) : 16;
    if (count > sizeof bytes || __wasi_random_get(bytes, count) != 0) {
        fprintf(stderr, "random: no %zu random bytes\n", count);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\n");
    return 0;
}
