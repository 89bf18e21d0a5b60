/* SPDX-License-Identifier: MIT
 *
 * event.c - a multi as a guest in somebody's event loop. libcurl tells which descriptors
 * it waits for and until when; that goes to the script (socketfunction, timerfunction),
 * or into one descriptor that stands for all of them (pollfd).
 *
 * What is watched is kept here by descriptor: libcurl sometimes closes a descriptor
 * without a word, closes it before it says so, or gets its number back and takes it for
 * the old one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"

/* Tells the script that the multi's own descriptor is to be watched, or no longer. */
static void tell_poll(struct cs_frame *f, struct cs_multi *m, int events) {
  cs_tell_socket(f, m, NULL, m->epoll, events);
}

/* ---- the multi's own descriptor ---------------------------------------------------- */

/* The watch that the event is for, or NULL if it has ended. */
static const struct cs_watch *find_watch(const struct cs_multi *m,
                                         const struct cs_ready *r) {
  const struct cs_watch *w = &m->watches[r->fd];
  return w->events && w->generation == r->generation ? w : NULL;
}

/* An error or hangup is what the watched events will show when libcurl looks. */
static int select_bits(const struct cs_ready *r, const struct cs_watch *w) {
  int events = r->events & CS_POLL_ERROR ? r->events | w->events : r->events;
  return (events & CURL_POLL_IN ? CURL_CSELECT_IN : 0) |
         (events & CURL_POLL_OUT ? CURL_CSELECT_OUT : 0);
}

/* Passes an event on, unless an earlier one of the same step ended its watch. */
static CURLMcode dispatch(struct cs_multi *m, const struct cs_ready *r) {
  const struct cs_watch *w = r->fd < 0 ? NULL : find_watch(m, r);
  if (!w) return CURLM_OK;
  return curl_multi_socket_action(m->curl, r->fd, select_bits(r, w), &m->running);
}

static CURLMcode run_timer(struct cs_multi *m) {
  m->deadline = -1; /* libcurl says the next one */
  return curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &m->running);
}

/* A descriptor was closed before its watch ended, and a duplicate keeps the socket
 * open: the kernel goes on watching it, under a number that cannot be removed. Starts
 * anew. */
static void rebuild(struct cs_frame *f, struct cs_multi *m) {
  int epoll = cs_poll_new(m);
  if (epoll < 0) return cs_tell_failure(f, strerror(errno));
  tell_poll(f, m, 0);
  cs_poll_replace(m, epoll);
  tell_poll(f, m, CURL_POLL_IN);
  for (size_t fd = 0; fd < m->size; fd++) {
    m->watches[fd].parked = 0;
    if (m->watches[fd].events) cs_poll_set(m, (int)fd, &m->watches[fd], 0);
  }
}

/* Something happened on a connection that nobody waits for: the kernel forgets it. 0 if
 * the event is of something else, or cannot be stopped. */
static int unpark(struct cs_multi *m, const struct cs_ready *r) {
  static const struct cs_watch none;
  struct cs_watch *w = &m->watches[r->fd];
  if (!w->parked || w->generation != r->generation) return 0;
  if (m->deaf && cs_forget_heard(m, r->fd)) return 1;
  w->parked = 0;
  return !cs_poll_set(m, r->fd, &none, 1);
}

/* Whether one of the events is of a watch that has ended. */
static int is_stale(struct cs_multi *m, const struct cs_ready *ready, int n) {
  int stale = 0;
  for (int i = 0; i < n; i++)
    if (ready[i].fd >= 0 && !find_watch(m, &ready[i])) stale |= !unpark(m, &ready[i]);
  return stale;
}

/* A timer that has run out and was due stays readable while transfers run: another is
 * started soon, most likely, and due at once. If nothing is due in the next step, it is
 * taken there. */
CURLMcode cs_event_step(struct cs_multi *m) {
  struct cs_ready ready[64];
  CURLMcode code = CURLM_OK;
  int rang = 0, n = cs_poll_read(m, ready, 64);
  if (n < 0) return CURLM_UNRECOVERABLE_POLL;
  if (is_stale(m, ready, n)) rebuild(m->h.rt->frame, m);
  m->stepping = 1;
  m->woken = 0;
  for (int i = 0; i < n && !code; i++) {
    rang |= ready[i].fd < 0;
    code = dispatch(m, &ready[i]);
  }
  int due = m->deadline >= 0 && m->deadline <= cs_now();
  if (!code && due) code = run_timer(m);
  m->stepping = 0;
  if (rang && !m->woken && !(due && m->running)) cs_poll_disarm(m);
  cs_poll_arm(m, m->deadline);
  return code;
}

void cs_event_wake(struct cs_multi *m) {
  m->woken = 1;
  cs_poll_arm(m, cs_now());
}

void cs_event_soon(struct cs_frame *f, struct cs_multi *m) {
  if (m->epoll >= 0) return cs_event_wake(m);
  m->soon = 1;
  m->deadline = cs_now(); /* libcurl says its own again after that */
  curl_multi_wakeup(m->curl);
  cs_tell_timer(f, m, 0);
}

/* ---- watches ----------------------------------------------------------------------- */

/* The watch of descriptor fd; NULL without memory. */
static struct cs_watch *watch_of(struct cs_multi *m, int fd) {
  if ((size_t)fd < m->size) return &m->watches[fd];
  size_t size = m->size ? m->size : 32;
  while (size <= (size_t)fd) size *= 2;
  struct cs_watch *watches = realloc(m->watches, size * sizeof *watches);
  if (!watches) return NULL;
  memset(watches + m->size, 0, (size - m->size) * sizeof *watches);
  m->watches = watches;
  m->size = size;
  return &watches[fd];
}

/* Remembers at the socket, if it is one of ours, who watches it: one multi, though that
 * of a share may be parked in another. Whether this multi does. */
static int set_watcher(struct cs_frame *f, struct cs_multi *m, int fd, int watched) {
  struct cs_socket *s = cs_ledger_find(m->h.rt, fd);
  if (!s || s->state != CS_LENT) return 0;
  if (watched && s->watcher && s->watcher != &m->h) cs_event_unwatch(f, s->watcher, s);
  if (watched)
    s->watcher = &m->h;
  else if (s->watcher == &m->h)
    s->watcher = NULL;
  return s->watcher == &m->h;
}

/* Whether libcurl waits for a socket of ours. */
static void count(struct cs_multi *m, struct cs_watch *w, int watched) {
  m->watched += watched - w->counted;
  w->counted = watched;
}

/* Watches the descriptor for these events; 0 ends the watch. */
static void set_watch(struct cs_frame *f, struct cs_multi *m, int fd, int events,
                      CURL *curl) {
  struct cs_watch *w = watch_of(m, fd);
  if (!w) return cs_tell_failure(f, strerror(ENOMEM));
  int old = w->events | w->parked;
  if (events == w->events) w->kept = 0;
  if (events == w->events && !w->parked) return;
  if (!w->events) w->generation++;
  w->events = events;
  w->parked = w->kept = 0;
  count(m, w, set_watcher(f, m, fd, events));
  if (m->epoll < 0) return cs_tell_socket(f, m, curl, fd, events);
  int code = cs_poll_set(m, fd, w, old);
  if (code) cs_tell_failure(f, strerror(code));
}

/* libcurl waits for each request anew. What the kernel knows of a connection stays
 * until something can be read, or it is closed: cs_event_unwatch comes before that.
 * (Written to it could be at once.) */
static int park(struct cs_multi *m, int fd) {
  const struct cs_socket *s = cs_ledger_find(m->h.rt, fd);
  struct cs_watch *w = watch_of(m, fd);
  if (m->epoll < 0 || !w || !s || s->watcher != &m->h || w->events & CURL_POLL_OUT)
    return 0;
  w->parked |= w->events;
  w->events = 0;
  count(m, w, 0);
  return 1;
}

void cs_event_heard(struct cs_frame *f, struct cs_multi *m, int fd) {
  if (m->epoll >= 0 || fd < 0 || (size_t)fd >= m->size || !m->watches[fd].kept) return;
  if (!cs_forget_heard(m, fd)) set_watch(f, m, fd, 0, NULL);
}

/* From a share that is collected with its multi nothing leads there: the watch ends
 * with the multi, which tells. */
void cs_event_unwatch(struct cs_frame *f, struct cs_handle *multi, struct cs_socket *s) {
  struct cs_multi *m = (struct cs_multi *)multi;
  if (m->epoll < 0 && f && !cs_tell_reaches(f, m)) return count(m, &m->watches[s->fd], 0);
  set_watch(f, m, s->fd, 0, NULL);
}

void cs_event_opened(struct cs_frame *f, struct cs_easy *e, int fd) {
  struct cs_multi *m = e->multi;
  cs_forget_opened(m, e);
  if (fd < 0) return;
  struct cs_watch *w = (size_t)fd < m->size ? &m->watches[fd] : NULL;
  int events = w ? w->events : 0;
  if (w) w->parked = 0;
  if (!events) return;
  /* libcurl takes the new descriptor for the old one: it will not ask for this again. */
  set_watch(f, m, fd, 0, NULL);
  set_watch(f, m, fd, events, e->curl);
}

/* What libcurl has made for itself is seen here for the first time. */
static void look_at(struct cs_multi *m, int fd) {
  const struct cs_watch *w = (size_t)fd < m->size ? &m->watches[fd] : NULL;
  if ((!w || !w->events) && !cs_ledger_find(m->h.rt, fd)) cs_fd_cloexec(fd);
}

static int on_socket(CURL *curl, curl_socket_t fd, int what, void *multi, void *unused) {
  struct cs_multi *m = multi;
  (void)unused;
  if (what != CURL_POLL_REMOVE) look_at(m, fd);
  if (m->forgetful) cs_forget_look(m, cs_tell_easy(curl), fd, what != CURL_POLL_REMOVE);
  if (what == CURL_POLL_REMOVE && m->deaf && cs_forget_control(m, cs_tell_easy(curl), fd))
    return 0;
  if (what == CURL_POLL_REMOVE && park(m, fd)) return 0;
  set_watch(m->h.rt->frame, m, fd, what == CURL_POLL_REMOVE ? 0 : what & CURL_POLL_INOUT,
            curl);
  return 0;
}

double cs_event_sooner(const struct cs_multi *m, double seconds) {
  if (m->parting < 0) return seconds;
  double left = m->parting - cs_now();
  if (left < 0) left = 0;
  return seconds >= 0 && seconds < left ? seconds : left;
}

static void tell_time(struct cs_frame *f, struct cs_multi *m, double seconds) {
  if (m->epoll < 0) return cs_tell_timer(f, m, cs_event_sooner(m, seconds));
  cs_poll_arm(m, m->deadline);
  cs_poll_arm(m, m->parting);
}

void cs_event_tell_time(struct cs_frame *f, struct cs_multi *m) {
  double left = m->deadline - cs_now();
  tell_time(f, m, m->deadline < 0 ? -1 : left > 0 ? left : 0);
}

static int on_timer(CURLM *curl, long ms, void *multi) {
  struct cs_multi *m = multi;
  if (m->soon) ms = 0;
  double seconds = ms < 0 ? -1 : (double)ms / 1000;
  (void)curl;
  m->deadline = ms < 0 ? -1 : cs_now() + seconds;
  if (!m->stepping || m->epoll < 0) tell_time(m->h.rt->frame, m, seconds);
  return 0;
}

/* The multi says what it waits for from now on. */
static CURLMcode ask_events(struct cs_multi *m) {
  unsigned version = cs_version();
  m->forgetful = version < 0x080400;
  m->deaf = version >= 0x075700 && version < 0x080700;
  m->parts = version >= 0x080900;
  CURLMcode code = curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
  if (!code) code = curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
  if (!code) code = curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer);
  if (!code) code = curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
  return code;
}

/* ---- for multi.c ------------------------------------------------------------------- */

int cs_event_set(lua_State *L, struct cs_multi *m, int self, const char *name,
                 int index) {
  int timer = !strcmp(name, "timerfunction");
  if (!timer && strcmp(name, "socketfunction")) return 0;
  if (!lua_isnil(L, index) && !lua_isfunction(L, index))
    cs_option_error(L, name, "function", index);
  CURLMcode code = ask_events(m);
  if (code) luaL_error(L, "option '%s': %s", name, curl_multi_strerror(code));
  lua_pushvalue(L, index);
  lua_setiuservalue(L, self, timer ? CS_UV_TIMERFUNCTION : CS_UV_SOCKETFUNCTION);
  return 1;
}

/* What was watched until now is watched by the multi's own descriptor. */
static void move_watches(struct cs_frame *f, struct cs_multi *m) {
  int epoll = m->epoll;
  for (size_t fd = 0; fd < m->size; fd++) {
    int events = m->watches[fd].events;
    m->epoll = -1;
    set_watch(f, m, (int)fd, 0, NULL);
    m->epoll = epoll;
    set_watch(f, m, (int)fd, events, NULL);
  }
  cs_poll_arm(m, m->deadline);
  tell_poll(f, m, CURL_POLL_IN);
}

/* multi:pollfd(): one descriptor that stands for all that the multi waits for, its
 * timer included: when it is readable, multi:socket_action(fd, "r") is due. The first
 * call makes it, and is possible only while no easy is in the multi; from then on
 * socketfunction is called for this descriptor alone, and timerfunction never. The
 * multi closes it. On failure nil, message, name ("ENOSYS" on systems other than
 * Linux).
 * -> fd: integer | nil, message, name */
int cs_event_pollfd(lua_State *L) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  struct cs_frame f;
  lua_settop(L, 1);
  cs_refuse_inside(L, &m->h, "multi:pollfd");
  if (m->epoll < 0) {
    if (!cs_link_empty(&m->easies))
      return luaL_error(L, "multi:pollfd: there are easies in the multi already");
    int code = cs_poll_open(m);
    if (code) return cs_fail_errno(L, code, "pollfd");
    CURLMcode failed = ask_events(m);
    if (failed) return cs_fail_multi(L, failed);
    cs_enter(&f, L, &m->h, 1);
    move_watches(&f, m);
    cs_leave(&f);
    cs_rethrow(&f);
  }
  lua_pushinteger(L, m->epoll);
  return 1;
}

/* multi:events(): what pollfd is to be watched for: "r".
 * -> "r" */
int cs_event_events(lua_State *L) {
  cs_handle_check(L, 1, CS_MULTI);
  lua_pushliteral(L, "r");
  return 1;
}

/* multi:watches(): what is to be watched now, by descriptor: "r", "w" or "rw". A
 * socketfunction that has thrown may have missed something.
 * -> table<integer, Events> */
int cs_event_watches(lua_State *L) {
  const struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  lua_newtable(L);
  for (size_t fd = 0; m->epoll < 0 && fd < m->size; fd++) {
    if (!m->watches[fd].events) continue;
    lua_pushstring(L, cs_tell_name(m->watches[fd].events));
    lua_rawseti(L, -2, (lua_Integer)fd);
  }
  if (m->epoll < 0) return 1;
  lua_pushliteral(L, "r");
  lua_rawseti(L, -2, m->epoll);
  return 1;
}

void cs_event_free(struct cs_multi *m) {
  for (size_t fd = 0; fd < m->size; fd++) set_watcher(NULL, m, (int)fd, 0);
  free(m->watches);
  m->watches = NULL;
  m->size = 0;
  m->watched = 0;
  if (m->epoll >= 0) cs_poll_close(m);
}

void cs_event_end(struct cs_frame *f, struct cs_multi *m) {
  for (size_t fd = 0; fd < m->size; fd++) set_watch(f, m, (int)fd, 0, NULL);
  if (m->epoll >= 0)
    tell_poll(f, m, 0);
  else if (m->deadline >= 0)
    cs_tell_timer(f, m, -1);
  cs_event_free(m);
}
