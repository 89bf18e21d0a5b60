/* SPDX-License-Identifier: MIT
 *
 * loop.h - an event loop for curl_multi_socket_action(), as small as it can be: run_events() runs the
 * multi's one transfer to its end, or until nothing happens any more.
 */
#include <poll.h>
#include <time.h>

#include "page.h"

enum { MOST = 16, PATIENCE = 3000 };

static struct pollfd watched[MOST]; /* fd -1: free */
static long long due = -1;          /* when the timer goes off, -1: none */

static int slot(curl_socket_t fd) {
  for (int i = 0; i < MOST; i++)
    if (watched[i].fd == fd) return i;
  exit(2);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *user, void *own) {
  (void)easy;
  (void)user;
  struct pollfd *w = &watched[own ? slot(fd) : slot(-1)];
  w->fd = what == CURL_POLL_REMOVE ? -1 : fd;
  w->events =
      (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
  curl_multi_assign(user, fd, what == CURL_POLL_REMOVE ? NULL : w);
  return 0;
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int timer(CURLM *multi, long ms, void *user) {
  (void)multi;
  (void)user;
  due = ms < 0 ? -1 : now() + ms;
  return 0;
}

/* What poll() waits at most: PATIENCE where there is no timer. */
static int wait_ms(void) {
  long long left = due < 0 ? PATIENCE : due - now();
  return left < 0 ? 0 : left > PATIENCE ? PATIENCE : (int)left;
}

/* The number of transfers that run; -1 when nothing happens any more. */
static inline int step(CURLM *multi) {
  int running = 1, ready = poll(watched, MOST, wait_ms());
  if (ready == 0) {
    if (due < 0 || due > now()) return -1;
    due = -1;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  for (int i = 0; i < MOST && ready > 0; i++) {
    int r = watched[i].fd < 0 ? 0 : watched[i].revents;
    int events = (r & POLLIN ? CURL_CSELECT_IN : 0) |
                 (r & POLLOUT ? CURL_CSELECT_OUT : 0) |
                 (r & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0);
    if (events) curl_multi_socket_action(multi, watched[i].fd, events, &running);
  }
  return running;
}

/* How the transfer ended; -1 if it did not. */
static inline int run_events(CURLM *multi, CURL *easy) {
  int queued;
  for (int i = 0; i < MOST; i++) watched[i].fd = -1;
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
  curl_multi_add_handle(multi, easy);
  while (step(multi) > 0) {
  }
  CURLMsg *message = curl_multi_info_read(multi, &queued);
  int code = message ? (int)message->data.result : -1;
  if (code < 0)
    puts("nothing happens any more, and the transfer is not done");
  else
    printf("result %d: %s\n", code, curl_easy_strerror((CURLcode)code));
  curl_multi_remove_handle(multi, easy);
  return code;
}
