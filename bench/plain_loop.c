/* SPDX-License-Identifier: MIT
 *
 * plain_loop.c - what the event loops are compared with: the tasks of loop_task.lua in C, on
 * curl_multi_socket_action and epoll.
 *
 *   plain_loop TASK URL N CONCURRENT
 *
 * prints the CPU time (user and system) of the task's loop, and what was counted.
 *
 * It does for each transfer what a program must that wants of libcurl what loop_task.lua has:
 * a struct of its own that is found from the easy, an error buffer, callbacks that open and
 * close each socket and count, and the body dropped; results are read, easies removed, and the
 * answer checked. CURLOPT_NOSIGNAL is set, as curlsock sets it. It has no ledger of its
 * sockets: what that costs is a cost of curlsock, as are callbacks that are set before they
 * are wanted (sockopt, read, progress).
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64 };

static const char *url;
static int
    reuse; /* one easy for each transfer that runs at a time, not for each request */
static long opened, closed, turns;

/* One easy, and what a message about its transfer needs. */
struct transfer {
  CURL *easy;
  char error[CURL_ERROR_SIZE];
};

/* One multi in one epoll descriptor. */
static struct loop {
  CURLM *multi;
  int epoll;
  double deadline;   /* when libcurl wants to be called; negative: never */
  long left, active; /* requests: not started yet, and not ended yet */
} loop = {.deadline = -1};

static void fail(const char *what) {
  fprintf(stderr, "plain_loop: %s\n", what);
  exit(1);
}

static void check(CURLcode code) {
  if (code) fail(curl_easy_strerror(code));
}

static void check_multi(CURLMcode code) {
  if (code) fail(curl_multi_strerror(code));
}

static double cpu_time(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- callbacks of an easy ----------------------------------------------------------- */

/* As a guard would: whether the address may be dialled at all. */
static int is_allowed(curlsocktype purpose, const struct curl_sockaddr *address) {
  struct sockaddr_in in;
  if (purpose != CURLSOCKTYPE_IPCXN || address->family != AF_INET) return 0;
  memcpy(&in, &address->addr, sizeof in);
  return ntohl(in.sin_addr.s_addr) >> 16 != 0xa9fe; /* 169.254.0.0/16 */
}

static curl_socket_t open_socket(void *clientp, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  if (!is_allowed(purpose, address)) return CURL_SOCKET_BAD;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  ++*(long *)clientp;
  return fd;
}

static int close_socket(void *clientp, curl_socket_t fd) {
  ++*(long *)clientp;
  return close(fd) != 0;
}

/* libcurl would print the body. */
static size_t drop_bytes(char *data, size_t one, size_t size, void *clientp) {
  (void)data, (void)clientp;
  return one * size;
}

static struct transfer *new_transfer(void) {
  struct transfer *t = calloc(1, sizeof *t);
  CURL *easy = curl_easy_init();
  if (!t || !easy) fail("no easy handle");
  t->easy = easy;
  check(curl_easy_setopt(easy, CURLOPT_URL, url));
  check(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
  check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
  check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket));
  check(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket));
  check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &opened));
  check(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &closed));
  check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes));
  check(curl_easy_setopt(easy, CURLOPT_WRITEDATA, t));
  check(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error));
  check(curl_easy_setopt(easy, CURLOPT_PRIVATE, t));
  return t;
}

static void free_transfer(struct transfer *t) {
  curl_easy_cleanup(t->easy);
  free(t);
}

static void start_transfer(struct transfer *t) {
  t->error[0] = '\0';
  check_multi(curl_multi_add_handle(loop.multi, t->easy));
  loop.left--;
  loop.active++;
}

/* ---- the loop ----------------------------------------------------------------------- */

/* A descriptor is known to the kernel while it has a socketp. The kernel itself forgets one
 * that is closed, which libcurl does before it says so: hence nothing is checked there. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *clientp, void *socketp) {
  (void)easy, (void)clientp;
  struct epoll_event event = {.data.fd = fd};
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(loop.epoll, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  if (epoll_ctl(loop.epoll, socketp ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
    fail("a descriptor cannot be watched");
  if (!socketp) curl_multi_assign(loop.multi, fd, &loop);
  return 0;
}

static int set_timer(CURLM *multi, long ms, void *clientp) {
  (void)multi, (void)clientp;
  loop.deadline = ms < 0 ? -1 : now() + (double)ms / 1000;
  return 0;
}

static void open_loop(void) {
  loop.multi = curl_multi_init();
  loop.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!loop.multi || loop.epoll < 0) fail("no loop");
  check_multi(curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, watch));
  check_multi(curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, set_timer));
}

static void close_loop(void) {
  check_multi(curl_multi_cleanup(loop.multi));
  close(loop.epoll);
}

/* Milliseconds until the timer, at most that many. */
static int time_left(int most) {
  if (loop.deadline < 0) return most;
  double ms = ceil((loop.deadline - now()) * 1000);
  return ms < 0 ? 0 : ms < most ? (int)ms : most;
}

static void act(curl_socket_t fd, int events) {
  int running;
  check_multi(curl_multi_socket_action(loop.multi, fd, events, &running));
}

static void on_event(const struct epoll_event *event) {
  int bits = 0;
  if (event->events & EPOLLIN) bits |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT) bits |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP)) bits |= CURL_CSELECT_ERR;
  act(event->data.fd, bits);
}

/* Ends what libcurl has finished; each makes room for the next request. */
static void finish_transfers(void) {
  CURLMsg *msg;
  int queued;
  while ((msg = curl_multi_info_read(loop.multi, &queued))) {
    struct transfer *t;
    CURLcode result = msg->data.result;
    check(curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t));
    if (result) fail(t->error[0] ? t->error : curl_easy_strerror(result));
    check_multi(curl_multi_remove_handle(loop.multi, t->easy));
    loop.active--;
    if (loop.left && reuse) {
      start_transfer(t);
      continue;
    }
    free_transfer(t);
    if (loop.left) start_transfer(new_transfer());
  }
}

/* Waits for events, at most that long, and handles what has happened. */
static void turn(int ms) {
  struct epoll_event events[EVENTS];
  int n = epoll_wait(loop.epoll, events, EVENTS, time_left(ms));
  turns++;
  for (int i = 0; i < n; i++) on_event(&events[i]);
  if (loop.deadline >= 0 && loop.deadline <= now()) {
    loop.deadline = -1; /* libcurl says the next one */
    act(CURL_SOCKET_TIMEOUT, 0);
  }
  finish_transfers();
}

/* ---- tasks -------------------------------------------------------------------------- */

static void start(long n, long concurrent) {
  loop.left = n;
  for (long i = 0; loop.left && i < concurrent; i++) start_transfer(new_transfer());
}

/* n requests, so many at a time. */
static double run_fetch(long n, long concurrent) {
  double begin = cpu_time();
  open_loop();
  start(n, concurrent);
  while (loop.active) turn(1000);
  close_loop();
  return cpu_time() - begin;
}

static void turn_for(double seconds) {
  double end = now() + seconds;
  for (double rest = seconds; rest > 0; rest = end - now()) turn((int)ceil(rest * 1000));
}

/* n transfers that wait for an answer that never comes: what one second of them costs. */
static double run_idle(long n, long seconds) {
  open_loop();
  start(n, n);
  turn_for((double)seconds);
  turns = 0;
  double begin = cpu_time();
  turn_for(1);
  return cpu_time() - begin;
}

int main(int argc, char **argv) {
  if (argc != 5) fail("usage: plain_loop TASK URL N CONCURRENT");
  int idle = !strcmp(argv[1], "idle");
  reuse = !strcmp(argv[1], "reuse");
  url = argv[2];
  check(curl_global_init(CURL_GLOBAL_DEFAULT));
  double time = (idle ? run_idle : run_fetch)(atol(argv[3]), atol(argv[4]));
  printf("cpu %.6f opened %ld closed %ld turns %ld\n", time, opened, closed, turns);
  return 0;
}
