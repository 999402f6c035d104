/* A long and lossy line between two network namespaces, in user space, for kernels without netem.

   longline CONTROL NAMESPACE-A NAMESPACE-B

   Makes a TUN device "far0" in each namespace and carries IP packets between the two. Each way has a sender that is
   busy for as long as the packet takes at the line's rate, with a queue in front of it that drops at its tail; then
   each packet may be lost, independently of the others (it has used the line by then); then it travels for half the
   round trip. CONTROL is a file with one line, "MBIT ROUNDTRIP_MS LOSS QUEUE_MS", read at the start and again at each
   SIGHUP; a rate of 0 cuts the line. At SIGTERM it tells what it has carried. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET 1600       /* bytes: the devices have an MTU of 1500 */
#define SLOTS (1 << 16)   /* packets under way in each direction: 1 Gbit/s for 700 ms */
#define FRAME 14          /* bytes that Ethernet would add to each */
#define BATCH 32

struct slot { int64_t arrives; int length; uint8_t bytes[PACKET]; };
struct line { double mbit, loss; int64_t travel, queue; };
struct way {
    int from, to;
    uint64_t random, carried, octets, lost, dropped;
    struct slot *ring;
};

static struct line line;
static struct way ways[2];
static const char *control;
static volatile sig_atomic_t ended, changed = 1;

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void read_control(void)
{
    double mbit, trip, loss, queue;
    FILE *file = fopen(control, "r");
    if (file && fscanf(file, "%lf %lf %lf %lf", &mbit, &trip, &loss, &queue) == 4)
        line = (struct line){mbit, loss, (int64_t)(trip * 5e5), (int64_t)(queue * 1e6)};
    if (file)
        fclose(file);
}

static int unlucky(struct way *way)
{
    way->random = way->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(way->random >> 11) / (double)(1ULL << 53) < line.loss;
}

static void *carry(void *argument)
{
    struct way *way = argument;
    uint64_t first = 0, next = 0;
    int64_t free_at = 0;
    prctl(PR_SET_TIMERSLACK, 1000);
    while (!ended) {
        int worked = 0;
        for (int i = 0; i < BATCH && next - first < SLOTS; i++) {
            struct slot *slot = &way->ring[next % SLOTS];
            int length = (int)read(way->from, slot->bytes, PACKET);
            if (length <= 0)
                break;
            worked = 1;
            int64_t now = clock_ns();
            if (free_at < now)
                free_at = now;
            if (line.mbit <= 0 || free_at - now > line.queue) {
                way->dropped++;
                continue;
            }
            free_at += (int64_t)((length + FRAME) * 8000.0 / line.mbit);
            way->carried++;
            way->octets += (uint64_t)length;
            if (unlucky(way)) {
                way->lost++;
                continue;
            }
            slot->length = length;
            slot->arrives = free_at + line.travel;
            next++;
        }
        int64_t now = clock_ns();
        for (int i = 0; i < BATCH && first < next && way->ring[first % SLOTS].arrives <= now; i++, first++) {
            struct slot *slot = &way->ring[first % SLOTS];
            worked = 1;
            if (write(way->to, slot->bytes, (size_t)slot->length) < 0)
                way->dropped++;
        }
        if (worked)
            continue;
        int64_t pause = 20000000;
        if (first < next && way->ring[first % SLOTS].arrives - now < pause)
            pause = way->ring[first % SLOTS].arrives - now;
        if (pause < 100000)
            pause = 100000; /* ten thousand times a second is exact enough, and leaves the processor to others */
        struct timespec patience = {0, pause};
        struct pollfd wanted = {way->from, next - first < SLOTS ? POLLIN : 0, 0};
        ppoll(&wanted, 1, &patience, NULL);
    }
    return NULL;
}

static int device(const char *namespace)
{
    char path[256];
    snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
    int handle = open(path, O_RDONLY | O_CLOEXEC);
    if (handle < 0 || setns(handle, CLONE_NEWNET)) {
        perror(namespace);
        exit(1);
    }
    close(handle);
    struct ifreq wanted = {.ifr_name = "far0", .ifr_flags = IFF_TUN | IFF_NO_PI};
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &wanted)) {
        perror("/dev/net/tun");
        exit(1);
    }
    return tun;
}

static void on_signal(int number)
{
    if (number == SIGHUP)
        changed = 1;
    else
        ended = 1;
}

int main(int count, char **words)
{
    if (count != 4) {
        fprintf(stderr, "usage: longline CONTROL NAMESPACE-A NAMESPACE-B\n");
        return 2;
    }
    control = words[1];
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int ends[2] = {device(words[2]), device(words[3])};
    pthread_t threads[2];
    struct sched_param first = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_RR, &first); /* what else runs here shall not make the line worse */
    read_control();
    for (int i = 0; i < 2; i++) {
        ways[i].from = ends[i];
        ways[i].to = ends[1 - i];
        ways[i].random = (uint64_t)clock_ns() + (uint64_t)i * 7919;
        ways[i].ring = calloc(SLOTS, sizeof(struct slot));
        if (!ways[i].ring || pthread_create(&threads[i], NULL, carry, &ways[i]))
            return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!ended) {
        if (changed) {
            changed = 0;
            read_control();
        }
        usleep(20000);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        printf("%s: %lu packets, %lu bytes, %lu lost, %lu dropped\n", i ? "back" : "out", ways[i].carried,
               ways[i].octets, ways[i].lost, ways[i].dropped);
    }
    return 0;
}
