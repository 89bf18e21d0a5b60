/* SPDX-License-Identifier: MIT
 *
 * judge.c - the hooks of a policy: when they are asked and told, and what a refusal
 * means for the transfer. A hook that throws ends the transfer with what it threw.
 */
#include <stdio.h>
#include <strings.h>

#include "kept.h"
#include "policy.h"

/* ---- asking ------------------------------------------------------------------------ */

/* Pushes the hook of the policy that decides for the easy at that index; nil if the pool
 * is being torn down, which refuses. [-0, +1] */
static void push_hook(lua_State *L, const struct cs_easy *e, int easy,
                      enum cs_hook hook) {
  cs_push_policy(L, e, easy, 0);
  if (lua_isuserdata(L, -1))
    lua_getiuservalue(L, -1, CS_UV_HOOKS + (int)hook);
  else
    lua_pushnil(L);
  lua_replace(L, -2);
}

/* Calls the hook below its arguments: its answer and a reason. [-(args + 1), +2, e] */
static void ask(lua_State *L, int args) {
  if (lua_isnil(L, -args - 1)) {
    lua_settop(L, -args - 2);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "its pool is being torn down");
  } else {
    lua_call(L, args, 2);
  }
}

static int is_true(lua_State *L, int index) {
  return lua_isboolean(L, index) && lua_toboolean(L, index);
}

/* Pushes why the Policy (or nil) at index policy refuses, "NAME: REASON"; the reason is
 * on top. [-0, +3, m] */
static void name_reason(lua_State *L, int policy) {
  const char *why = lua_isnil(L, -1) ? "not allowed" : luaL_tolstring(L, -1, NULL);
  if (lua_isuserdata(L, policy) &&
      lua_getiuservalue(L, policy, CS_UV_NAME) == LUA_TSTRING)
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -1), why);
  else
    lua_pushstring(L, why);
}

void cs_judge_refuse(lua_State *L, struct cs_easy *e, int easy,
                     const struct cs_address *a) {
  int top = lua_gettop(L) - 1;
  char text[CS_ADDRESS_TEXT];
  struct cs_policy *p = cs_policy_of(e);
  cs_push_policy(L, e, easy, 0);
  lua_insert(L, -2);
  name_reason(L, top + 1);
  if (a)
    lua_pushfstring(L, "%s refused: %s", cs_address_text(a, text), lua_tostring(L, -1));
  cs_easy_keep(L, easy, CS_UV_REASON);
  lua_settop(L, top);
  e->refusals++;
  if (p) p->refused++;
}

/* ---- sockets ----------------------------------------------------------------------- */

static long redirects(const struct cs_easy *e) {
  long count = 0;
  curl_easy_getinfo(e->curl, CURLINFO_REDIRECT_COUNT, &count);
  return count;
}

/* What is refused is told of the attempts of the last hop alone. */
void cs_judge_attempt(struct cs_easy *e) {
  long hop = redirects(e);
  if (hop != e->dialled) e->attempts = e->refusals = 0;
  e->dialled = hop;
  e->attempts++;
}

const char *cs_judge_url(const struct cs_easy *e) {
  char *url = NULL;
  curl_easy_getinfo(e->curl, CURLINFO_EFFECTIVE_URL, &url);
  return url ? url : "";
}

/* The peer of TFTP is whoever answers first. */
const char *cs_judge_kind(const struct cs_easy *e, int socktype) {
  if (socktype != SOCK_DGRAM || !strncasecmp(cs_judge_url(e), "https:", 6)) return NULL;
  return "a datagram that is not of HTTP/3";
}

int cs_judge_open(lua_State *L, struct cs_easy *e, int easy, const char *purpose,
                  int address, int socket) {
  cs_policy_of(e)->asked++;
  push_hook(L, e, easy, CS_ASK_OPEN);
  lua_pushstring(L, purpose);
  lua_pushvalue(L, address);
  lua_pushvalue(L, easy);
  lua_pushvalue(L, socket);
  lua_pushinteger(L, e->transfers);
  ask(L, 5);
  if (is_true(L, -2) || cs_socket_test(L, -2)) return lua_pop(L, 1), 1;
  lua_replace(L, -2);
  return 0;
}

int cs_judge_sockopt(lua_State *L, struct cs_easy *e, int easy, const char *purpose,
                     int socket) {
  push_hook(L, e, easy, CS_ASK_SOCKOPT);
  lua_pushvalue(L, socket);
  lua_pushstring(L, purpose);
  lua_pushvalue(L, easy);
  ask(L, 3);
  int yes = is_true(L, -2);
  if (yes)
    lua_pop(L, 2);
  else
    cs_judge_refuse(L, e, easy, NULL), lua_pop(L, 1);
  return yes;
}

/* ---- URLs -------------------------------------------------------------------------- */

/* Asks the hook on top for start about the URL above it: its answer, and why.
 * [-2, +2, e] */
static int ask_start(lua_State *L, int easy, long hop) {
  lua_pushvalue(L, easy);
  lua_insert(L, -2);
  lua_pushinteger(L, hop);
  ask(L, 3);
  return is_true(L, -2);
}

int cs_judge_start(lua_State *L, struct cs_policy *p, int easy, int policy) {
  int top = lua_gettop(L);
  lua_getiuservalue(L, policy, CS_UV_HOOKS + CS_ASK_START);
  lua_getiuservalue(L, easy, CS_UV_URL);
  if (ask_start(L, easy, 0)) return lua_settop(L, top), 0;
  p->refused++;
  name_reason(L, policy);
  lua_pushnil(L);
  lua_insert(L, -2);
  lua_pushliteral(L, "REFUSED");
  return 3;
}

struct call {
  struct cs_easy *easy;
  int yes;
  const char *why;
};

enum { EASY = 3 };

static int hop_body(lua_State *L) {
  struct call *c = lua_touserdata(L, 2);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  push_hook(L, c->easy, EASY, CS_ASK_START);
  lua_pushstring(L, cs_judge_url(c->easy));
  c->yes = ask_start(L, EASY, c->easy->hop);
  if (!c->yes) {
    cs_judge_refuse(L, c->easy, EASY, NULL);
    c->easy->barred = 1;
  }
  return 0;
}

int cs_judge_hop(struct cs_easy *e) {
  struct cs_frame *f = e->h.rt->frame;
  const struct cs_policy *p = cs_policy_of(e);
  struct call c = {e, 0, NULL};
  if (!p || !(p->hooks & 1u << CS_ASK_START)) return 1;
  if (e->barred || !f) return 0;
  long hop = redirects(e);
  if (hop == e->hop) return 1;
  e->hop = hop;
  if (cs_call(f, hop_body, &c)) cs_easy_error(f, e);
  return c.yes;
}

static int bar_body(lua_State *L) {
  struct call *c = lua_touserdata(L, 2);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  lua_pushstring(L, c->why);
  cs_judge_refuse(L, c->easy, EASY, NULL);
  return 0;
}

/* Refuses the transfer, for what no hook was asked about. */
static void bar(struct cs_easy *e, const char *why) {
  struct cs_frame *f = e->h.rt->frame;
  struct call c = {e, 0, why};
  e->barred = 1;
  if (f && cs_call(f, bar_body, &c)) cs_easy_error(f, e);
}

int cs_judge_age(struct cs_easy *e) {
  const struct cs_policy *p = cs_policy_of(e);
  const struct cs_socket *s = p && p->revoked ? cs_connection_of(e) : NULL;
  if (!s || s->line.since > p->revoked) return 1;
  bar(e, "its connection was revoked");
  return 0;
}

/* ---- what is told ------------------------------------------------------------------ */

/* Whether the request goes on a connection that was there. */
static int is_kept(const struct cs_easy *e, const struct cs_socket *s) {
  return s ? e->kept : !e->attempts || e->dialled != redirects(e);
}

static int request_body(lua_State *L) {
  struct call *c = lua_touserdata(L, 2);
  const struct cs_socket *s = cs_connection_of(c->easy);
  int kept = is_kept(c->easy, s);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  push_hook(L, c->easy, EASY, CS_TELL_REQUEST);
  if (lua_isnil(L, -1)) return 0;
  if (!s || !cs_pool_find(L, 1, s)) lua_pushnil(L);
  lua_pushvalue(L, EASY);
  lua_pushboolean(L, kept);
  lua_call(L, 3, 0);
  return 0;
}

int cs_judge_request(struct cs_easy *e) {
  struct cs_frame *f = e->h.rt->frame;
  const struct cs_policy *p = cs_policy_of(e);
  struct call c = {e, 0, NULL};
  if (!p || !(p->hooks & 1u << CS_TELL_REQUEST)) return 1;
  if (f && !cs_call(f, request_body, &c)) return 1;
  if (f) cs_easy_error(f, e);
  return 0;
}

/* ---- the end ----------------------------------------------------------------------- */

static int is_over(struct cs_easy *e, curl_off_t *count, curl_off_t most, size_t size,
                   const char *what) {
  char why[64];
  if (!most) return 0;
  *count += (curl_off_t)size;
  if (*count <= most) return 0;
  snprintf(why, sizeof why, "%s over %lld bytes", what, (long long)most);
  bar(e, why);
  return 1;
}

int cs_judge_body(struct cs_easy *e, size_t size) {
  return !e->under || !is_over(e, &e->delivered, e->under->max_body, size, "the body is");
}

int cs_judge_header(struct cs_easy *e, size_t size) {
  return !e->under ||
         !is_over(e, &e->headed, e->under->max_header, size, "the headers are");
}
