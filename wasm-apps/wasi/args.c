// args: says with which arguments and environment it was called, and ends as it is told: exit=N and
// return=N with that exit code, abort with a trap.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        printf("arg %d: %s\n", i, argv[i]);
    }
    for (char **entry = environ; *entry != NULL; entry++) {
        printf("env %s\n", *entry);
    }
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "exit=", 5) == 0) {
            exit(atoi(argv[i] + 5));
        }
        if (strncmp(argv[i], "return=", 7) == 0) {
            return atoi(argv[i] + 7);
        }
        if (strcmp(argv[i], "abort") == 0) {
            // What has been printed is still in the buffer, and a trap flushes nothing.
            fflush(stdout);
            abort();
        }
    }
    return 0;
}
