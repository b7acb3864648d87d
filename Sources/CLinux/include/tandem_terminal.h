// SPDX-License-Identifier: Apache-2.0
// Pseudo terminals (pts(4), ioctl_tty(2)).
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

// Unlocks a ptmx descriptor and opens its other side.
static inline int tandem_open_peer(int master) {
    int locked = 0;
    if (ioctl(master, TIOCSPTLCK, &locked) < 0) return -1;
    return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static inline int tandem_peer_number(int master) {
    unsigned number = 0;
    return ioctl(master, TIOCGPTN, &number) < 0 ? -1 : (int)number;
}

static inline int tandem_make_controlling(int terminal) { return ioctl(terminal, TIOCSCTTY, 0); }

static inline int tandem_set_window_size(int terminal, unsigned short rows, unsigned short columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size);
}

static inline int tandem_get_window_size(int terminal, unsigned short *rows, unsigned short *columns) {
    struct winsize size = {0};
    int result = ioctl(terminal, TIOCGWINSZ, &size);
    *rows = size.ws_row, *columns = size.ws_col;
    return result;
}
