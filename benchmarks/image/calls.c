// SPDX-License-Identifier: Apache-2.0
// How often the kernel answers a program that does nothing else. (The stressors of stress-ng for the same also make and
// remove files and ask for what needs capabilities, and so measure file systems and refusals.)
//   calls system-call SECONDS    getppid(2), which does nothing but enter the kernel and leave it
//   calls page-fault SECONDS     first writes to pages of anonymous memory, and giving the memory back

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, pages = 4096, batch = 10000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long system_calls(void) {
    for (int i = 0; i < batch; i++) syscall(SYS_getppid);
    return batch;
}

static long page_faults(void) {
    size_t bytes = (size_t)pages * page;
    volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    // One fault for each page, also where there would be huge ones. A kernel without them refuses, which is as good.
    madvise((void *)memory, bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < bytes; i += page) memory[i] = 1;
    munmap((void *)memory, bytes);
    return pages;
}

int main(int count, char **words) {
    double seconds = count == 3 ? atof(words[2]) : 0;
    long (*round)(void) = NULL;
    if (count == 3 && strcmp(words[1], "system-call") == 0) round = system_calls;
    if (count == 3 && strcmp(words[1], "page-fault") == 0) round = page_faults;
    if (!round || seconds <= 0) {
        fprintf(stderr, "usage: calls system-call|page-fault SECONDS\n");
        return 2;
    }
    long done = 0;
    double begun = now(), elapsed;
    do {
        done += round();
        elapsed = now() - begun;
    } while (elapsed < seconds);
    printf("%s: %.0f per second\n", words[1], (double)done / elapsed);
    return 0;
}
