/* SPDX-License-Identifier: MIT
 *
 * multi.c - many transfers at once. Results are taken from libcurl as soon as it has
 * them, so that each transfer's sockets get their events in the call that ended it.
 */
#include <limits.h>
#include <string.h>

#include "calling.h"
#include "kept.h"
#include "policy.h"
#include "talk.h"
#include "trace.h"

static struct cs_multi *check_callable(lua_State *L, const char *call) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  cs_refuse_inside(L, &m->h, call);
  return m;
}

/* Sets the options that the policy of the multi at index 2 has for it. */
static int set_pool(lua_State *L, struct cs_multi *m) {
  int failed = 0;
  lua_getiuservalue(L, 2, CS_UV_MULTI_POLICY);
  if (lua_getiuservalue(L, -1, CS_UV_POOL) == LUA_TTABLE)
    failed = cs_multi_set_table(L, m, 2, lua_gettop(L));
  m->pooled = 1;
  if (!failed) lua_settop(L, 2);
  return failed;
}

/* curl.multi([options]): a new multi. nil, message, name if libcurl refuses an option.
 * -> Multi | nil, message, name */
int cs_multi_new(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct cs_multi *m = cs_handle_new(L, CS_MULTI);
  lua_newtable(L);
  /* Before Lua 5.4.3 luaL_unref makes this slot, and may have no memory. */
  lua_pushinteger(L, 0);
  lua_rawseti(L, -2, 0);
  lua_setiuservalue(L, 2, CS_UV_EASIES);
  m->curl = curl_multi_init();
  if (!m->curl)
    return luaL_error(L, "libcurl cannot make a multi: no memory or no descriptor");
  m->h.phase = CS_OPEN;
  int given;
  m->policy = cs_policy_option(L, 1, 2, CS_UV_MULTI_POLICY, &given);
  int failed = m->policy ? set_pool(L, m) : 0;
  if (!failed && lua_istable(L, 1)) failed = cs_multi_set_table(L, m, 2, 1);
  if (!failed) return 1;
  cs_teardown(L, 2);
  return failed;
}

/* Adds the easy at index 2, with the value at index 3. 0, or what the method returns. */
static int add(lua_State *L, const char *call) {
  struct cs_multi *m = check_callable(L, call);
  struct cs_easy *e = cs_handle_check(L, 2, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 3);
  cs_refuse_inside(L, &e->h, call);
  if (e->multi) return luaL_argerror(L, 2, "the easy is in a multi already");
  int refused = cs_policy_enter(L, e, 2, m, 1, call);
  if (refused) return refused;
  cs_pool_touch(L, 1, 2);
  if (m->h.phase != CS_OPEN || e->h.phase != CS_OPEN) { /* a finalizer has closed it */
    cs_handle_check(L, 1, CS_MULTI);
    cs_handle_check(L, 2, CS_EASY);
  }
  cs_refuse_inside(L, &e->h, call);
  if (e->multi) return luaL_argerror(L, 2, "the easy is in a multi already");
  cs_talk_refuse(L, e, call);
  cs_easy_begin(L, e, 2);
  cs_member_enter(L, m, e);
  cs_enter(&f, L, &m->h, 1);
  if (!cs_link_empty(&e->h.pool->sockets)) cs_quiet(&f);
  if (cs_is_traced(&f)) cs_trace_start(&f, e);
  CURLMcode code = curl_multi_add_handle(m->curl, e->curl);
  if (code) cs_member_leave(L, 2, e);
  cs_leave(&f);
  cs_rethrow(&f);
  return code ? cs_fail_multi(L, code) : 0;
}

/* multi:add(easy [, value]): starts its transfer with the next perform. The multi keeps
 * the easy until it is removed; with a value (not nil) it is removed by itself when its
 * transfer ends, and results has the value in its place, also when the easy is closed
 * before: with name "CLOSED".
 * -> Multi | nil, message, name */
static int multi_add(lua_State *L) {
  int failed = add(L, "multi:add");
  return failed ? failed : (lua_settop(L, 1), 1);
}

/* multi:await(easy, table): adds the easy, with the table as its value, and suspends the
 * coroutine, which the table has from then on at index 1: whoever drives the multi gets
 * the multi from the resume that it ends, and is to resume it again. Returns what that
 * passes; the multi where nothing can be suspended; what add returns when that fails; and
 * false when easy is a table.
 * -> any | nil, message, name | false */
static int multi_await(lua_State *L) {
  luaL_checktype(L, 3, LUA_TTABLE);
  if (lua_istable(L, 2)) return lua_pushboolean(L, 0), 1;
  int failed = add(L, "multi:await");
  if (failed) return failed;
  if (!lua_isyieldable(L)) return lua_settop(L, 1), 1;
  lua_pushthread(L);
  lua_rawseti(L, 3, 1);
  lua_pushvalue(L, 1);
  return lua_yield(L, 1);
}

/* multi:remove(easy): ends its transfer if it still runs; a result that was not read is
 * dropped.
 * -> Multi | nil, message, name */
static int multi_remove(lua_State *L) {
  struct cs_multi *m = check_callable(L, "multi:remove");
  struct cs_easy *e = cs_handle_check(L, 2, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 2);
  if (e->multi != m) return luaL_argerror(L, 2, "the easy is not in this multi");
  cs_enter(&f, L, &m->h, 1);
  f.ending = 1;
  cs_quiet(&f);
  CURLMcode code = cs_member_detach(&f, e);
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_fail_multi(L, code);
  lua_settop(L, 1);
  return 1;
}

static void end_transfer(struct cs_frame *f, struct cs_multi *m, struct cs_easy *e,
                         CURLcode result) {
  cs_link_append(&m->done, &e->in_done);
  if (e->leaves) e->left = !curl_multi_remove_handle(m->curl, e->curl);
  cs_link_drop(&e->in_idle);
  e->result = cs_easy_finish(f, e, cs_standin_flush(f, e, result));
}

/* Takes the results that libcurl has into the done list: how many. */
static int collect_results(struct cs_frame *f, struct cs_multi *m) {
  CURLMsg *msg;
  int left, n = 0;
  while ((msg = curl_multi_info_read(m->curl, &left))) {
    struct cs_easy *e = NULL;
    CURLcode result = msg->data.result;
    if (msg->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&e);
    if (e) end_transfer(f, m, e, result);
    n++;
  }
  return n;
}

/* Ends a frame that drove transfers: how many still run, or nil, message, name. */
static int end_step(lua_State *L, struct cs_frame *f, CURLMcode code) {
  struct cs_multi *m = (struct cs_multi *)f->handle;
  int running = m->running;
  int ended = collect_results(f, m);
  cs_forget_drive(m, code);
  cs_parting_look(f, m, ended);
  cs_leave(f);
  cs_rethrow(f);
  if (code) return cs_fail_multi(L, code);
  lua_pushinteger(L, running);
  return 1;
}

/* multi:perform(): does what can be done now. The number of transfers that still run, or
 * nil, message, name. Raises what a close callback threw, after all is done.
 * -> running: integer | nil, message, name */
static int multi_perform(lua_State *L) {
  struct cs_multi *m = check_callable(L, "multi:perform");
  struct cs_frame f;
  lua_settop(L, 1);
  cs_enter(&f, L, &m->h, 1);
  cs_quiet(&f);
  m->soon = 0;
  CURLMcode code = curl_multi_perform(m->curl, &m->running);
  return end_step(L, &f, code);
}

/* multi:socket_action([fd, events]): as perform, for one descriptor that is ready: events
 * "r", "w" or "rw", or "e" for an error. Without arguments: the time of timerfunction has
 * come. With the descriptor of pollfd: for all that is ready.
 * -> running: integer | nil, message, name */
static int multi_socket_action(lua_State *L) {
  static const char *const names[] = {"r", "w", "rw", "e", NULL};
  static const int bits[] = {CURL_CSELECT_IN, CURL_CSELECT_OUT,
                             CURL_CSELECT_IN | CURL_CSELECT_OUT, CURL_CSELECT_ERR};
  struct cs_multi *m = check_callable(L, "multi:socket_action");
  struct cs_frame f;
  int events = 0;
  curl_socket_t fd = CURL_SOCKET_TIMEOUT;
  if (!lua_isnoneornil(L, 2) || !lua_isnoneornil(L, 3)) {
    lua_Integer number = luaL_checkinteger(L, 2);
    luaL_argcheck(L, number >= 0 && number <= INT_MAX, 2, "descriptor out of range");
    fd = (curl_socket_t)number;
    events = bits[cs_choice_arg(L, 3, names, "\"r\", \"w\", \"rw\" or \"e\"")];
  }
  lua_settop(L, 1);
  cs_enter(&f, L, &m->h, 1);
  cs_quiet(&f);
  m->soon = 0;
  CURLMcode code = fd >= 0 && fd == m->epoll
                       ? cs_event_step(m)
                       : curl_multi_socket_action(m->curl, fd, events, &m->running);
  if (m->deaf) cs_event_heard(&f, m, fd);
  if (!code) code = cs_parting_call(m);
  return end_step(L, &f, code);
}

/* multi:wakeup(): ends a poll, or the next one, at once; allowed inside callbacks.
 * -> Multi | nil, message, name */
static int multi_wakeup(lua_State *L) {
  struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  CURLMcode code = CURLM_OK;
  if (m->epoll >= 0)
    cs_event_wake(m);
  else
    code = curl_multi_wakeup(m->curl);
  if (code) return cs_fail_multi(L, code);
  lua_settop(L, 1);
  return 1;
}

/* multi:timeout(): seconds until socket_action() should be called, or nil for no limit;
 * nil, message, name if it fails.
 * -> seconds: number | nil | nil, message, name */
static int multi_timeout(lua_State *L) {
  struct cs_multi *m = check_callable(L, "multi:timeout");
  long ms = -1;
  CURLMcode code = curl_multi_timeout(m->curl, &ms);
  if (code) return cs_fail_multi(L, code);
  double seconds = cs_event_sooner(m, ms < 0 ? -1 : (double)ms / 1000);
  if (seconds < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, seconds);
  return 1;
}

/* What stands for the easy at index in results. */
static void push_value(lua_State *L, int index, const struct cs_easy *e) {
  if (e->leaves)
    lua_getiuservalue(L, index, CS_UV_VALUE);
  else
    lua_pushvalue(L, index);
}

static int push_member(lua_State *L, const struct cs_multi *m) {
  const struct cs_easy *e = cs_handle_check(L, 2, CS_EASY);
  if (e->multi == m)
    push_value(L, 2, e);
  else
    lua_pushnil(L);
  lua_pushinteger(L, m->members);
  return 2;
}

/* multi:easies([easy]): a list of the easies in the multi, in the order in which they
 * were added; for each that was added with a value, that. Of one easy, without a look at
 * the others, what the list has for it, or nil, and how many the multi has.
 * -> list: any[] | any, integer */
static int multi_easies(lua_State *L) {
  const struct cs_multi *m = cs_handle_check(L, 1, CS_MULTI);
  lua_Integer n = 0;
  if (!lua_isnoneornil(L, 2)) return push_member(L, m);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, CS_UV_EASIES);
  lua_newtable(L);
  for (const struct cs_link *l = m->easies.next; l != &m->easies; l = l->next) {
    const struct cs_easy *e = cs_item(l, struct cs_easy, in_multi);
    lua_rawgeti(L, 2, e->slot);
    push_value(L, 4, e);
    lua_rawseti(L, 3, ++n);
    lua_settop(L, 3);
  }
  return 1;
}

/* Pushes the first of those that have ended: its easy, and what results gives, whose
 * number is returned; 0: there is none. An easy that was closed while somebody waited
 * comes last. */
static int push_first(lua_State *L, struct cs_multi *m) {
  if (!cs_link_empty(&m->done)) {
    struct cs_easy *e = cs_item(m->done.next, struct cs_easy, in_done);
    lua_getiuservalue(L, 1, CS_UV_EASIES);
    lua_rawgeti(L, -1, e->slot);
    lua_remove(L, -2);
    push_value(L, lua_gettop(L), e);
    return 1 + cs_easy_result(L, e, -2, e->result);
  }
  if (lua_getiuservalue(L, 1, CS_UV_CLOSED) != LUA_TUSERDATA) return lua_pop(L, 1), 0;
  lua_getiuservalue(L, -1, CS_UV_VALUE);
  lua_pushnil(L);
  lua_pushliteral(L, "the easy was closed");
  lua_pushliteral(L, "CLOSED");
  return 4;
}

/* Drops it, whose easy is at index: it was read. Needs no memory. */
static void drop_first(lua_State *L, struct cs_multi *m, int easy) {
  if (!cs_link_empty(&m->done)) {
    struct cs_easy *e = cs_item(m->done.next, struct cs_easy, in_done);
    cs_link_drop(&e->in_done);
    if (e->left) cs_member_leave(L, easy, e);
    return;
  }
  lua_getiuservalue(L, easy, CS_UV_NEXT);
  lua_setiuservalue(L, 1, CS_UV_CLOSED);
  cs_clear_uservalue(L, easy, CS_UV_NEXT);
  cs_clear_uservalue(L, easy, CS_UV_VALUE);
  m->members--;
}

static int next_result(lua_State *L) {
  struct cs_multi *m = check_callable(L, "multi:results");
  lua_settop(L, 1);
  int n = push_first(L, m);
  if (n) drop_first(L, m, 2);
  return n;
}

/* Each is in the list before it is dropped: what is thrown at any place loses none. */
static int list_results(lua_State *L, struct cs_multi *m) {
  enum { ENDED = 3, VALUE, OK, MESSAGE, NAME };
  lua_Integer n = 0;
  while (lua_settop(L, 2), push_first(L, m)) {
    lua_settop(L, NAME);
    if (lua_isnil(L, NAME)) lua_pushboolean(L, 0);
    lua_rawseti(L, 2, n + 2);
    lua_pushvalue(L, MESSAGE);
    lua_rawseti(L, 2, n + 3);
    lua_pushvalue(L, VALUE); /* last: where there is no memory it stays with the multi */
    lua_rawseti(L, 2, n + 1);
    n += 3;
    drop_first(L, m, ENDED);
  }
  lua_pushnil(L);
  lua_rawseti(L, 2, n + 1);
  lua_pushinteger(L, n / 3);
  lua_pushinteger(L, m->members);
  return 2;
}

/* multi:results() or multi:results(list): iterates over the transfers that have ended
 * since: easy, true, or easy, nil, message, name. What a callback threw is the message,
 * with name "CALLBACK". The easy stays in the multi until it is removed; one that was
 * added with a value is removed, and the value comes in its place. With a list, which is
 * faster: puts all of them in it, from its start: three values for each, the easy or its
 * value, then name and message, or false and nil where it succeeded; and nil after the
 * last. Returns how many there are, and how many easies the multi has still.
 * -> (fun(): any, true?, any, string?) | count: integer, integer? */
static int multi_results(lua_State *L) {
  struct cs_multi *m = check_callable(L, "multi:results");
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    return list_results(L, m);
  }
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1)); /* the class, as every method has it */
  lua_pushcclosure(L, next_result, 1);
  lua_insert(L, 1);
  return 2;
}

/* ---- what a multi is to the core --------------------------------------------------- */

static void multi_init(struct cs_handle *h) {
  struct cs_multi *m = (struct cs_multi *)h;
  cs_link_init(&m->easies);
  cs_link_init(&m->bonds);
  cs_link_init(&m->done);
  cs_link_init(&m->idle);
  cs_link_init(&m->controls);
  m->epoll = m->timer = -1;
  m->deadline = m->armed = m->parting = -1;
}

static int multi_free(struct cs_frame *f, struct cs_handle *h) {
  struct cs_multi *m = (struct cs_multi *)h;
  while (!cs_link_empty(&m->easies))
    cs_member_detach(f, cs_item(m->easies.next, struct cs_easy, in_multi));
  if (m->curl) curl_multi_cleanup(m->curl);
  m->curl = NULL;
  cs_policy_drop(&m->policy);
  cs_event_end(f, m);
  cs_pool_ended(f, h->pool, 0);
  return 1;
}

static void multi_abandon(struct cs_handle *h) {
  struct cs_multi *m = (struct cs_multi *)h;
  while (!cs_link_empty(&m->easies)) {
    struct cs_easy *e = cs_item(m->easies.next, struct cs_easy, in_multi);
    e->h.rt->ops[CS_EASY]->abandon(&e->h);
  }
  cs_event_free(m);
  m->curl = NULL;
  cs_policy_drop(&m->policy);
}

static void multi_clear(lua_State *L, int index, const struct cs_handle *h) {
  (void)h;
  cs_clear_uservalue(L, index, CS_UV_POOLS);
  for (int uv = CS_UV_OWN; uv <= CS_MULTI_UVS; uv++) cs_clear_uservalue(L, index, uv);
}

static void multi_neighbours(struct cs_link *list, const struct cs_handle *h) {
  cs_bond_reach_shares(list, (const struct cs_multi *)h);
}

static int multi_may_write(const struct cs_handle *h) {
  (void)h;
  return 1;
}

void cs_multi_class_new(lua_State *L) {
  static const struct cs_ops ops = {.size = sizeof(struct cs_multi),
                                    .uservalues = CS_MULTI_UVS,
                                    .init = multi_init,
                                    .free = multi_free,
                                    .abandon = multi_abandon,
                                    .clear = multi_clear,
                                    .neighbours = multi_neighbours,
                                    .may_write = multi_may_write,
                                    .unwatch = cs_event_unwatch};
  static const luaL_Reg methods[] = {{"add", multi_add},
                                     {"await", multi_await},
                                     {"perform", multi_perform},
                                     {"poll", cs_multi_poll},
                                     {"remove", multi_remove},
                                     {"results", multi_results},
                                     {"setopt", cs_multi_setopt},
                                     {"timeout", multi_timeout},
                                     {"socket_action", multi_socket_action},
                                     {"wakeup", multi_wakeup},
                                     {"pollfd", cs_event_pollfd},
                                     {"events", cs_event_events},
                                     {"watches", cs_event_watches},
                                     {"easies", multi_easies},
                                     {"connections", cs_multi_connections},
                                     {"close_idle", cs_multi_close_idle},
                                     {NULL, NULL}};
  cs_handle_class(L, CS_MULTI, &ops, methods);
}
