/*
 * badline_host.c - one end of the line: a network namespace of its own with a TUN device in it
 *
 * Called by badline_loop.c in the emulator's process, before and while it moves packets. Owns the descriptors of an end.
 */
#include "tests/net/badline/badline_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE "badline"
#define MASK   "255.255.255.0"
#define ROOM   32768 /* packets that the kernel keeps until the emulator gets its turn: what is dropped, our queue drops */

/* Into a file of /proc that takes one write. 0, or errno. */
static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

    if (fd < 0)
        return errno;
    if (write(fd, text, strlen(text)) < 0)
        error = errno;
    close(fd);
    return error;
}

int badline_host_prepare(int *out_user)
{
    unsigned user = geteuid(), group = getegid();
    char text[64];
    int error;

    *out_user = -1;
    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    if (errno != EPERM)
        return errno;
    if (unshare(CLONE_NEWUSER) != 0)
        return errno;
    error = write_file("/proc/self/setgroups", "deny"); /* or the kernel takes no map of groups */
    snprintf(text, sizeof(text), "%u %u 1", user, user);
    error = error ? error : write_file("/proc/self/uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1", group, group);
    error = error ? error : write_file("/proc/self/gid_map", text);
    *out_user = error ? -1 : open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    return error ? error : *out_user < 0 ? errno : 0;
}

static int set_address(int control, unsigned long request, const char *address)
{
    struct ifreq device = { .ifr_name = DEVICE };
    struct sockaddr_in in = { .sin_family = AF_INET };

    if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return EINVAL;
    memcpy(&device.ifr_addr, &in, sizeof(in));
    return ioctl(control, request, &device) == 0 ? 0 : errno;
}

static int bring_up(int control, const char *name)
{
    struct ifreq device = { 0 };

    snprintf(device.ifr_name, sizeof(device.ifr_name), "%s", name);
    if (ioctl(control, SIOCGIFFLAGS, &device) != 0)
        return errno;
    device.ifr_flags = (short)(device.ifr_flags | IFF_UP);
    return ioctl(control, SIOCSIFFLAGS, &device) == 0 ? 0 : errno;
}

/* 0, or errno, from the kernel's answer to a request over netlink. */
static int netlink_result(int netlink)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr result;
        char rest[256]; /* of the request, which it repeats */
    } answer = { 0 };

    if (recv(netlink, &answer, sizeof(answer), 0) < (ssize_t)(sizeof(answer.header) + sizeof(answer.result)))
        return EPROTO;
    return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.result.error : EPROTO;
}

/* By netlink, since the ioctl for it asks for a right that a user namespace does not give. */
static int make_room(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg device;
        struct rtattr attribute;
        uint32_t packets;
    } request = {
        .header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
        .device = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(DEVICE) },
        .attribute = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_TXQLEN },
        .packets = ROOM,
    };
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error;

    if (netlink < 0)
        return errno;
    error = send(netlink, &request, sizeof(request), 0) == (ssize_t)sizeof(request) ? netlink_result(netlink) : errno;
    close(netlink);
    return error;
}

static int make_tun(int *out_tun)
{
    struct ifreq device = { .ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI };
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), error;

    if (tun < 0)
        return errno;
    if (ioctl(tun, TUNSETIFF, &device) == 0) {
        *out_tun = tun;
        return 0;
    }
    error = errno;
    close(tun);
    return error;
}

int badline_host_move(const struct badline_host *host, const char *address)
{
    int error = set_address(host->control, SIOCSIFADDR, address);

    return error ? error : set_address(host->control, SIOCSIFNETMASK, MASK);
}

int badline_host_open(struct badline_host *host, const char *address, const char **out_step)
{
    int error;

    *host = BADLINE_HOST_NONE;
    *out_step = "a network namespace";
    if (unshare(CLONE_NEWNET) != 0)
        return errno;
    host->network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    host->control = host->network < 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (host->control < 0)
        return errno;
    *out_step = "a device by /dev/net/tun";
    error = make_tun(&host->tun);
    if (error)
        return error;
    *out_step = "the device's settings";
    error = make_room();
    error = error ? error : badline_host_move(host, address);
    error = error ? error : bring_up(host->control, DEVICE);
    return error ? error : bring_up(host->control, "lo");
}

void badline_host_close(struct badline_host *host)
{
    int *const fds[] = { &host->tun, &host->control, &host->network };

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

bool badline_host_is_refusal(int error)
{
    /* ENOSPC: a limit of namespaces of 0. ENODEV, ENXIO, ENOENT: a kernel or a container without the device. EINVAL, ENOSYS: without namespaces. */
    static const int refusals[] = { EPERM, EACCES, ENOSPC, ENODEV, ENXIO, ENOENT, EINVAL, ENOSYS };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        if (refusals[i] == error)
            return true;
    return false;
}
