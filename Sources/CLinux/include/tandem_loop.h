// SPDX-License-Identifier: Apache-2.0
// Loop devices (loop(4)).
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static inline int tandem_free_loop_device(void) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    if (control >= 0) close(control);
    return number;
}

static inline int tandem_configure_loop_device(int device, int file) {
    struct loop_config request;
    memset(&request, 0, sizeof request);
    request.fd = (unsigned)file;
    request.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    return ioctl(device, LOOP_CONFIGURE, &request);
}
