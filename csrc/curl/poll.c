/* SPDX-License-Identifier: MIT
 *
 * poll.c - one descriptor that stands for all that a multi waits for, with its timer
 * inside: an epoll descriptor, as only Linux has.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/timerfd.h>
#endif

#include "binding.h"

#ifdef __linux__

static const uint64_t timer_key = UINT64_MAX;

/* Descriptors of these kinds all have the same device and inode, so the timer is known by
 * an interval that nobody would choose, so long that it never comes; and the other by
 * having the timer in it. */
static const time_t interval = 0x63757273;

/* ---- whether a number is ours still ------------------------------------------------ */

static int is_our_timer(const struct cs_multi *m) {
  struct itimerspec t;
  return !timerfd_gettime(m->timer, &t) && t.it_interval.tv_sec == interval &&
         t.it_interval.tv_nsec == m->nonce;
}

/* If the timer's number was taken, this one cannot be told from a stranger's either. */
static int is_our_epoll(const struct cs_multi *m) {
  struct epoll_event ev = {.events = EPOLLIN, .data = {.u64 = timer_key}};
  if (!epoll_ctl(m->epoll, EPOLL_CTL_MOD, m->timer, &ev)) return 1;
  return errno != ENOENT && errno != EBADF && errno != EINVAL && errno != EPERM;
}

void cs_poll_close(struct cs_multi *m) {
  if (is_our_epoll(m)) close(m->epoll);
  if (is_our_timer(m)) close(m->timer);
  m->epoll = m->timer = -1;
}

/* ---- waiting ----------------------------------------------------------------------- */

/* The kernel forgets a descriptor that is closed, whether or not libcurl has told; one
 * that is closed by now can be forgotten. */
int cs_poll_set(const struct cs_multi *m, int fd, const struct cs_watch *w, int old) {
  struct epoll_event ev = {0};
  if (w->events & CURL_POLL_IN) ev.events |= EPOLLIN;
  if (w->events & CURL_POLL_OUT) ev.events |= EPOLLOUT;
  ev.data.u64 = (uint64_t)w->generation << 32 | (uint32_t)fd;
  int op = !w->events ? EPOLL_CTL_DEL : old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (!epoll_ctl(m->epoll, op, fd, &ev) || op == EPOLL_CTL_DEL || errno == EBADF)
    return 0;
  if (errno != ENOENT && errno != EEXIST) return errno;
  op = errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  return epoll_ctl(m->epoll, op, fd, &ev) ? errno : 0;
}

static int set_timer(const struct cs_multi *m, double when) {
  struct itimerspec t = {{interval, m->nonce}, {0, 0}};
  t.it_value.tv_sec = (time_t)when;
  t.it_value.tv_nsec = (long)((when - (double)t.it_value.tv_sec) * 1e9);
  return timerfd_settime(m->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

void cs_poll_arm(struct cs_multi *m, double when) {
  if (when < 0 || (m->armed >= 0 && m->armed <= when)) return;
  if (!set_timer(m, when)) m->armed = when;
}

void cs_poll_disarm(struct cs_multi *m) {
  uint64_t count;
  if (read(m->timer, &count, sizeof count) > 0) m->armed = -1;
}

static struct cs_ready ready_of(const struct epoll_event *ev) {
  struct cs_ready r = {-1, 0, 0};
  if (ev->data.u64 == timer_key) return r;
  r.fd = (int)(uint32_t)ev->data.u64;
  r.generation = (uint32_t)(ev->data.u64 >> 32);
  if (ev->events & EPOLLIN) r.events |= CURL_POLL_IN;
  if (ev->events & EPOLLOUT) r.events |= CURL_POLL_OUT;
  if (ev->events & (EPOLLERR | EPOLLHUP)) r.events |= CS_POLL_ERROR;
  return r;
}

int cs_poll_read(const struct cs_multi *m, struct cs_ready *ready, int size) {
  struct epoll_event events[64];
  int n = epoll_wait(m->epoll, events, size < 64 ? size : 64, 0);
  if (n < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; i < n; i++) ready[i] = ready_of(&events[i]);
  return n;
}

int cs_poll_new(const struct cs_multi *m) {
  struct epoll_event ev = {.events = EPOLLIN, .data = {.u64 = timer_key}};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !epoll_ctl(epoll, EPOLL_CTL_ADD, m->timer, &ev)) return epoll;
  int code = errno;
  close(epoll);
  errno = code;
  return -1;
}

void cs_poll_replace(const struct cs_multi *m, int epoll) {
  if (is_our_epoll(m)) dup3(epoll, m->epoll, O_CLOEXEC);
  close(epoll);
}

/* A timer that is set to 0 is not set, but has its interval. */
static int open_timer(struct cs_multi *m) {
  m->nonce = (long)(((uintptr_t)m / sizeof *m) % 1000000000);
  m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return m->timer < 0 || set_timer(m, 0) ? errno : 0;
}

int cs_poll_open(struct cs_multi *m) {
  int code = open_timer(m);
  if (!code && (m->epoll = cs_poll_new(m)) < 0) code = errno;
  if (!code) return 0;
  if (m->timer >= 0) close(m->timer);
  m->timer = -1;
  return code;
}

#else /* there is none: cs_poll_open says so, and nothing else comes to do anything */

int cs_poll_set(const struct cs_multi *m, int fd, const struct cs_watch *w, int old) {
  (void)m, (void)fd, (void)w, (void)old;
  return ENOSYS;
}

void cs_poll_arm(struct cs_multi *m, double when) { (void)m, (void)when; }

void cs_poll_disarm(struct cs_multi *m) { (void)m; }

int cs_poll_read(const struct cs_multi *m, struct cs_ready *ready, int size) {
  (void)m, (void)ready, (void)size;
  return 0;
}

int cs_poll_new(const struct cs_multi *m) {
  (void)m;
  return -1;
}

void cs_poll_replace(const struct cs_multi *m, int epoll) { (void)m, (void)epoll; }

void cs_poll_close(struct cs_multi *m) { (void)m; }

int cs_poll_open(struct cs_multi *m) {
  (void)m;
  return ENOSYS;
}

#endif

int cs_poll_wait(const struct cs_multi *m, struct pollfd *fds, int n, int ms) {
  struct pollfd own = {m->epoll, POLLIN, 0};
  if (!fds) fds = &own;
  fds[0] = own;
  int ready = poll(fds, (nfds_t)n + 1, ms);
  if (ready >= 0 || errno != EINTR) return ready;
  for (int i = 0; i <= n; i++) fds[i].revents = 0;
  return 0;
}
