// copy FROM TO: writes to the file TO what the variable PREFIX holds, where there is one, and what
// the file FROM holds.

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

static char text[4096];

static int fails(const char *what, const char *path) {
    printf("%s %s: %s\n", what, path, errno_name(errno));
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: copy FROM TO\n");
        return 2;
    }
    struct stat stat_of;
    int from = open(argv[1], O_RDONLY);
    if (from < 0 || fstat(from, &stat_of) < 0) {
        return fails("read", argv[1]);
    }
    int to = open(argv[2], O_CREAT | O_TRUNC | O_WRONLY, 0666);
    if (to < 0) {
        return fails("write", argv[2]);
    }
    const char *prefix = getenv("PREFIX");
    if (prefix != NULL && write(to, prefix, strlen(prefix)) < 0) {
        return fails("write", argv[2]);
    }
    ssize_t length;
    while ((length = read(from, text, sizeof text)) > 0) {
        if (write(to, text, length) < 0) {
            return fails("write", argv[2]);
        }
    }
    printf("copied %ld bytes\n", (long)stat_of.st_size);
    return 0;
}
