// poll MILLISECONDS: waits for standard input, or else for that long, and says which came.
// poll all: waits once for everything that there is: standard input and output, a file that it
// makes in descriptor 3 where there is one, a descriptor that does not exist, and a short time.

#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#include "say.h"

#define NOT_A_DESCRIPTOR 99
#define MOST 6

static __wasi_subscription_t wanted[MOST];
static __wasi_event_t events[MOST];
static const char *names[MOST];
static unsigned count;

static __wasi_subscription_t *want(const char *name, __wasi_eventtype_t type) {
    names[count] = name;
    wanted[count].userdata = count;
    wanted[count].u.tag = type;
    return &wanted[count++];
}

static void want_read(const char *name, __wasi_fd_t fd) {
    want(name, __WASI_EVENTTYPE_FD_READ)->u.u.fd_read.file_descriptor = fd;
}

static void want_write(const char *name, __wasi_fd_t fd) {
    want(name, __WASI_EVENTTYPE_FD_WRITE)->u.u.fd_write.file_descriptor = fd;
}

static void want_time(const char *name, long long nanos) {
    __wasi_subscription_clock_t *clock = &want(name, __WASI_EVENTTYPE_CLOCK)->u.u.clock;
    clock->id = __WASI_CLOCKID_MONOTONIC;
    clock->timeout = nanos;
}

// What came, in the order in which it was wanted.
static void wait(void) {
    __wasi_size_t came = 0;
    __wasi_errno_t answer = __wasi_poll_oneoff(wanted, events, count, &came);
    if (answer != 0) {
        printf("poll: %s\n", errno_name(answer));
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < came; k++) {
            if (events[k].userdata == i) {
                const char *type = events[k].type == wanted[i].u.tag ? "" : ", of another type";
                const char *hangup = events[k].fd_readwrite.flags ? ", hung up" : "";
                printf("%s: %s%s%s\n", names[i], errno_name(events[k].error), hangup, type);
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "all") == 0) {
        __wasi_fd_t file;
        __wasi_rights_t rights = __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_POLL_FD_READWRITE;
        want_read("standard input", 0);
        want_write("standard output", 1);
        want_read("what does not exist", NOT_A_DESCRIPTOR);
        want_time("a millisecond", 1000000);
        if (__wasi_path_open(3, 0, "polled", __WASI_OFLAGS_CREAT, rights, 0, 0, &file) == 0 &&
            __wasi_path_unlink_file(3, "polled") == 0) {
            want_read("file", file);
        }
    } else {
        want_read("standard input", 0);
        want_time("time", (argc == 2 ? atoll(argv[1]) : 0) * 1000000);
    }
    wait();
    return 0;
}
