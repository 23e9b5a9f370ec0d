// keep FILE [WORD]...: appends a line for each word to FILE, and says that it did. It does not look
// whether it did: tests have a write fail, and see what a program like this leaves behind.

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: keep FILE [WORD]...\n");
        return 2;
    }
    int file = open(argv[1], O_CREAT | O_APPEND | O_WRONLY, 0666);
    if (file < 0) {
        fprintf(stderr, "keep: cannot open %s\n", argv[1]);
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        char line[256];
        int length = snprintf(line, sizeof line, "%s\n", argv[i]);
        if (write(file, line, length) < 0) {
            // Whoever waits for the words is told nothing.
        }
    }
    close(file);
    printf("kept %d words\n", argc - 2);
    return 0;
}
