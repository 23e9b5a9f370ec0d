// stream: copies standard input to standard output as it comes, in capital letters, and tells
// standard error how much that was.

#include <stdio.h>
#include <unistd.h>

#define PIECE_BYTES 4096

static char piece[PIECE_BYTES];

static int write_all(const char *from, ssize_t length) {
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, from, length);
        if (written < 0) {
            return -1;
        }
        from += written;
        length -= written;
    }
    return 0;
}

int main(void) {
    long long total = 0;
    ssize_t length;
    while ((length = read(STDIN_FILENO, piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            piece[i] -= piece[i] >= 'a' && piece[i] <= 'z' ? 'a' - 'A' : 0;
        }
        if (write_all(piece, length) < 0) {
            perror("stream: standard output");
            return 1;
        }
        total += length;
    }
    if (length < 0) {
        perror("stream: standard input");
        return 1;
    }
    fprintf(stderr, "%lld bytes\n", total);
    return 0;
}
