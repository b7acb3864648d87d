// SPDX-License-Identifier: Apache-2.0
// The four loops of McCalpin's STREAM over three arrays, each of which should be several times the last-level cache.
//   stream MEBIBYTES ROUNDS
// Writes the best rate of each loop in bytes a second, counted as STREAM does: two arrays for copy and scale, three for add
// and triad. The first round is not counted.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
    size_t bytes = (count > 1 ? strtoul(words[1], NULL, 10) : 64) << 20, length = bytes / sizeof(double);
    int rounds = count > 2 ? atoi(words[2]) : 10;
    double *restrict a = malloc(bytes), *restrict b = malloc(bytes), *restrict c = malloc(bytes);
    if (length == 0 || rounds < 1 || !a || !b || !c) {
        fprintf(stderr, "usage: stream MEBIBYTES ROUNDS\n");
        return 2;
    }
    for (size_t i = 0; i < length; i++) { a[i] = 1; b[i] = 2; c[i] = 0; }
    const char *names[] = {"copy", "scale", "add", "triad"};
    const double arrays[] = {2, 2, 3, 3};
    double best[4] = {0};
    for (int round = 0; round <= rounds; round++) {
        for (int loop = 0; loop < 4; loop++) {
            double begun = now();
            switch (loop) {
            case 0: for (size_t i = 0; i < length; i++) c[i] = a[i]; break;
            case 1: for (size_t i = 0; i < length; i++) b[i] = 0.5 * c[i]; break;
            case 2: for (size_t i = 0; i < length; i++) c[i] = a[i] + b[i]; break;
            default: for (size_t i = 0; i < length; i++) a[i] = b[i] + 0.5 * c[i]; break;
            }
            double rate = arrays[loop] * (double)bytes / (now() - begun);
            if (round > 0 && rate > best[loop]) best[loop] = rate;
        }
    }
    for (int loop = 0; loop < 4; loop++) printf("%s: %.0f\n", names[loop], best[loop]);
    // What is never used would not have to be computed.
    fprintf(stderr, "check: %g\n", a[length / 2] + b[length / 2] + c[length / 2]);
    return 0;
}
