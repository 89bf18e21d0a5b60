/* SPDX-License-Identifier: MIT
 *
 * wait.c - multi:poll: waits until a transfer can go on, or something happens on
 * descriptors of the script's own.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>

#include "binding.h"

/* The script's descriptors, for poll, whose first place is for the multi's own; and for
 * libcurl. */
struct fds {
  struct pollfd *list;
  struct curl_waitfd *waits;
  int n;
};

static short poll_events(const char *text) {
  short events = 0;
  for (; *text; text++) events |= *text == 'r' ? POLLIN : POLLOUT;
  return events;
}

/* The entry whose key and value are on top. */
static struct pollfd check_entry(lua_State *L) {
  static const char *const names[] = {"r", "w", "rw", NULL};
  int exact;
  lua_Integer fd = lua_tointegerx(L, -2, &exact);
  luaL_argcheck(L, exact && lua_isinteger(L, -2) && fd >= 0 && fd <= INT_MAX, 3,
                "a key is no descriptor");
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "poll: events of descriptor %I: string expected, got %s", fd,
               luaL_typename(L, -1));
  const char *text = lua_tostring(L, -1);
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], text))
      return (struct pollfd){.fd = (int)fd, .events = poll_events(text)};
  luaL_error(L, "poll: events of descriptor %I: 'r', 'w' or 'rw' expected, got '%s'", fd,
             text);
  return (struct pollfd){0};
}

static struct curl_waitfd wait_of(const struct pollfd *p) {
  struct curl_waitfd w = {.fd = p->fd};
  if (p->events & POLLIN) w.events |= CURL_WAIT_POLLIN;
  if (p->events & POLLOUT) w.events |= CURL_WAIT_POLLOUT;
  return w;
}

/* Reads the table at index 3 into memory of Lua's, which is pushed. (A finalizer that
 * runs for that may add to the table, or close the multi.) */
static struct fds read_fds(lua_State *L) {
  struct fds fds = {NULL, NULL, 0};
  int n = 0;
  for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) n++;
  fds.list = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *fds.list, 0);
  fds.waits = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *fds.waits, 0);
  for (lua_pushnil(L); fds.n < n && lua_next(L, 3); lua_pop(L, 1)) {
    struct pollfd p = check_entry(L);
    fds.waits[fds.n++] = wait_of(&p);
    fds.list[fds.n] = p;
  }
  lua_settop(L, 5);
  cs_handle_check(L, 1, CS_MULTI);
  return fds;
}

/* Pushes a table of those that are ready; an error counts as what was waited for. */
static void push_ready(lua_State *L, const struct fds *fds) {
  static const char *const names[] = {NULL, "r", "w", "rw"};
  lua_newtable(L);
  for (int i = 1; i <= fds->n; i++) {
    int ready = fds->list[i].revents;
    if (ready & (POLLERR | POLLHUP | POLLNVAL)) ready |= fds->list[i].events;
    const char *name = names[(ready & POLLIN ? 1 : 0) + (ready & POLLOUT ? 2 : 0)];
    if (!name) continue;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, fds->list[i].fd);
  }
}

/* Waits with libcurl for these, too, which says how many are ready, but of an error not
 * where. */
static CURLMcode wait_with_libcurl(struct cs_multi *m, struct fds *fds, int ms,
                                   int *ready) {
  CURLMcode code = curl_multi_poll(m->curl, fds->waits, (unsigned)fds->n,
                                   cs_forget_longest(m, ms), ready);
  if (fds->n && poll(fds->list + 1, (nfds_t)fds->n, 0) < 0)
    for (int i = 1; i <= fds->n; i++) fds->list[i].revents = 0;
  return code;
}

/* multi:poll(seconds [, descriptors]): waits until a transfer can go on, wakeup is called
 * or one of the script's own descriptors is ready, at most that long: a table of "r", "w"
 * or "rw" by descriptor. Returns the number of descriptors that are ready (with pollfd:
 * of that one and the script's), and, if there is such a table, one of those in it that
 * are, in which an error or a hangup counts as what was waited for.
 * -> ready: integer, events: table<integer, Events>? | nil, message, name */
int cs_multi_poll(lua_State *L) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  cs_refuse_inside(L, &m->h, "multi:poll");
  lua_Number seconds = luaL_checknumber(L, 2);
  struct fds fds = {NULL, NULL, 0};
  int ready = 0;
  luaL_argcheck(L, seconds >= 0 && seconds <= INT_MAX / 1000, 2, "seconds out of range");
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    fds = read_fds(L);
  }
  int ms = (int)ceil(seconds * 1000);
  CURLMcode code = CURLM_OK;
  if (m->epoll >= 0)
    ready = cs_poll_wait(m, fds.list, fds.n, ms);
  else
    code = wait_with_libcurl(m, &fds, ms, &ready);
  if (ready < 0) return cs_fail_errno(L, errno, "poll");
  if (code) return cs_fail_multi(L, code);
  lua_pushinteger(L, ready);
  if (!fds.list) return 1;
  push_ready(L, &fds);
  return 2;
}
