// SPDX-License-Identifier: Apache-2.0
// UNIX and netlink sockets, descriptor passing, epoll, and the loopback device.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int tandem_unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return errno = ENAMETOOLONG, -1;
    strcpy(address->sun_path, path);
    return 0;
}

static inline int tandem_unix_socket(int nonblocking) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
}

static inline int tandem_unix_connect(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (tandem_unix_address(&address, path) < 0) return -1;
    return connect(descriptor, (struct sockaddr *)&address, sizeof address);
}

static inline int tandem_unix_listen(int descriptor, const char *path) {
    struct sockaddr_un address;
    if (tandem_unix_address(&address, path) < 0) return -1;
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0) return -1;
    return listen(descriptor, 128);
}

static inline int tandem_socket_pair(int *descriptors) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, descriptors);
}

// Sends one byte with a descriptor attached.
static inline int tandem_send_descriptor(int socket, int descriptor) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

// Receives what `tandem_send_descriptor` sent; -1 with errno 0 if the other side has closed.
static inline int tandem_receive_descriptor(int socket) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int descriptor = -1;
    errno = 0;
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}

// glibc declares these two with a union of pointers, which Swift cannot pass.
static inline int tandem_bind(int descriptor, const void *name, socklen_t length) {
    return bind(descriptor, (const struct sockaddr *)name, length);
}

static inline int tandem_own_name(int descriptor, void *name, socklen_t *length) {
    return getsockname(descriptor, (struct sockaddr *)name, length);
}

// A socket of the routing family (rtnetlink(7)).
static inline int tandem_netlink_socket(void) {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

// A socket that hears of each device as the kernel finds it (netlink(7), NETLINK_KOBJECT_UEVENT); reading gives up after a
// tenth of a second.
static inline int tandem_uevent_socket(void) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = 1};
    struct timeval patience = {.tv_usec = 100000};
    if (descriptor < 0) return -1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        bind(descriptor, (const struct sockaddr *)&name, sizeof name) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static inline int tandem_loopback_up(void) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int result = descriptor < 0 ? -1 : ioctl(descriptor, SIOCSIFFLAGS, &request);
    if (descriptor >= 0) close(descriptor);
    return result;
}

static inline int tandem_epoll_set(int epoll, int operation, int descriptor, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.fd = descriptor}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

static inline int tandem_epoll_descriptor(const struct epoll_event *event) { return event->data.fd; }

static inline int tandem_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }
