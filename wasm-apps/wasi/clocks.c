// clocks MILLISECONDS: sleeps for so long, and says what the clocks say of it. With a second
// argument, `exact`, it says the times themselves, which only a virtual clock repeats.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wasi/api.h>

// 2000-01-01, in seconds since 1970: no host's clock is before that, and a virtual one starts there.
#define YEAR_2000 946684800

static long long now(__wasi_clockid_t clock) {
    __wasi_timestamp_t nanos = 0;
    return __wasi_clock_time_get(clock, 0, &nanos) == 0 ? (long long)nanos : -1;
}

static const char *yes(int condition) {
    return condition ? "yes" : "no";
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: clocks MILLISECONDS [exact]\n");
        return 2;
    }
    long long nanos = atoll(argv[1]) * 1000000;
    __wasi_timestamp_t resolution = 0;
    int has_resolution = __wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &resolution) == 0;
    long long real = now(__WASI_CLOCKID_REALTIME);
    long long start = now(__WASI_CLOCKID_MONOTONIC);
    long long spent = now(__WASI_CLOCKID_PROCESS_CPUTIME_ID);

    struct timespec pause = {nanos / 1000000000, nanos % 1000000000};
    int slept = nanosleep(&pause, NULL);

    long long real_after = now(__WASI_CLOCKID_REALTIME);
    long long after = now(__WASI_CLOCKID_MONOTONIC);
    long long spent_after = now(__WASI_CLOCKID_PROCESS_CPUTIME_ID);
    printf("slept: %s\n", yes(slept == 0));
    printf("the monotonic clock has a resolution: %s\n", yes(has_resolution && resolution > 0));
    printf("it is past the year 2000: %s\n", yes(real / 1000000000 >= YEAR_2000));
    printf("the monotonic clock went on for at least that long: %s\n", yes(after - start >= nanos));
    printf("so did the time of day: %s\n", yes(real_after - real >= nanos));
    printf("CPU time goes forward: %s\n", yes(spent >= 0 && spent_after >= spent));
    printf("a clock that does not exist: %s\n", now(9) < 0 ? "refused" : "answers");
    if (argc > 2) {
        printf("time of day: %lld then %lld\n", real, real_after);
        printf("monotonic: %lld then %lld\n", start, after);
    }
    return 0;
}
