/* SPDX-License-Identifier: MIT
 *
 * easy.c - one transfer: curl.easy and the methods that run, reset and duplicate it.
 */
#include "calling.h"
#include "describe.h"
#include "kept.h"
#include "mime.h"
#include "policy.h"
#include "talk.h"
#include "trace.h"

static const struct cs_set nothing_set = {.noprogress = 1};

/* What every easy has from its creation, and again after reset and dup. */
static CURLcode install(struct cs_easy *e) {
  CURLcode code = cs_sockcall_install(e);
  if (!code) code = cs_callbacks_install(e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->errbuf);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_PRIVATE, e);
  if (!code && e->h.rt->traits & CS_NOSIGNAL)
    code = curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
  struct curl_slist *terminal = cs_terminal();
  if (!code && terminal)
    code = curl_easy_setopt(e->curl, CURLOPT_TELNETOPTIONS, terminal);
  return code;
}

/* What libcurl has of an idle easy is some 8 KiB, of which Lua knows nothing. */
#if LUA_VERSION_NUM < 505
static const int weight = 8; /* KiB */
#else
static const size_t weight = 8192;
#endif

/* Pushes a new easy, without its libcurl handle. The collector is told of that too, or
 * thousands that were dropped would wait for it; of so few it need not know. */
static struct cs_easy *new_easy(lua_State *L) {
  int many = cs_runtime(L)->live[CS_EASY] >= 128;
  if (many && lua_gc(L, LUA_GCISRUNNING) == 1) lua_gc(L, LUA_GCSTEP, weight);
  return cs_handle_new(L, CS_EASY);
}

/* Gives the easy on top of the stack its libcurl handle. */
static void fill(lua_State *L, struct cs_easy *e, CURL *curl) {
  if (!curl) luaL_error(L, "libcurl cannot make an easy");
  e->curl = curl;
  e->h.phase = CS_OPEN;
  CURLcode code = install(e);
  if (code) luaL_error(L, "libcurl: %s", curl_easy_strerror(code));
}

/* curl.easy([options]): a new easy, its options set as by easy:setopt. Raises an error
 * for wrong options; nil, message, name for one that libcurl refuses.
 * -> Easy | nil, message, name */
int cs_easy_new(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct cs_easy *e = new_easy(L);
  fill(L, e, curl_easy_init());
  e->policy = cs_policy_option(L, 1, 2, CS_UV_POLICY, &e->own_policy);
  int failed = lua_istable(L, 1) ? cs_setopt_table(L, e, 2, 1) : 0;
  if (!failed) return 1;
  cs_teardown(L, 2);
  return failed;
}

struct result {
  struct cs_easy *easy;
  CURLcode code;
};

static int result_body(lua_State *L) {
  const struct result *r = lua_touserdata(L, 2);
  return cs_easy_result(L, r->easy, 1, r->code);
}

/* Pushes nil, message, name of the transfer, or one error, before a close callback can
 * perform the easy again. Whether it is an error. */
static int push_failure(struct cs_frame *f, struct cs_easy *e, CURLcode code) {
  struct result r = {e, code};
  lua_pushcfunction(f->L, result_body);
  lua_pushvalue(f->L, f->self);
  lua_pushlightuserdata(f->L, &r);
  return cs_pcall(f, 2, 3);
}

/* Raises what a callback of the transfer threw: first of the values that push_failure has
 * pushed is nil, the second that. What a close callback threw is a warning then. */
static int raise_error(struct cs_frame *f, int error) {
  if (f->failed) {
    lua_pushvalue(f->L, f->error);
    cs_warn(f->L);
  }
  lua_pushvalue(f->L, error);
  return lua_error(f->L);
}

/* What the policy has called may have closed the easy, or put it to use. */
static void check_still(lua_State *L, const struct cs_easy *e) {
  if (e->h.phase != CS_OPEN) cs_handle_check(L, 1, CS_EASY);
  if (e->multi) luaL_error(L, "easy:perform: the easy is in a multi");
}

/* easy:perform(): runs the transfer and waits for its end. true, or nil, message, name.
 * Raises what a callback threw.
 * -> true | nil, message, name */
static int easy_perform(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 1);
  cs_refuse_inside(L, &e->h, "easy:perform");
  if (e->multi) return luaL_error(L, "easy:perform: the easy is in a multi");
  cs_talk_refuse(L, e, "easy:perform");
  int refused = cs_policy_enter(L, e, 1, NULL, 0, "easy:perform");
  if (refused) return refused;
  check_still(L, e);
  cs_easy_begin(L, e, 1);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  e->running = 1;
  if (cs_is_traced(&f)) cs_trace_start(&f, e);
  CURLcode code = cs_standin_flush(&f, e, curl_easy_perform(e->curl));
  code = cs_easy_finish(&f, e, code);
  int threw = e->failed, failed = threw || code;
  int error = failed && push_failure(&f, e, code);
  cs_leave(&f);
  if (threw || error) return raise_error(&f, error ? lua_gettop(L) : f.error + 2);
  cs_rethrow(&f);
  if (failed) return 3;
  lua_pushboolean(L, 1);
  return 1;
}

/* libcurl 8.5 and later keeps the list of files of "hsts", and its cache; the cache also
 * before that. */
static void set_nothing(struct cs_easy *e) {
  int keeps = cs_version() >= 0x080500;
  int hsts = keeps && e->set.hsts;
  e->set = nothing_set;
  e->set.hsts = hsts;
}

/* libcurl has forgotten all options. */
static void forget_fence(lua_State *L, struct cs_easy *e, int self) {
  cs_policy_drop(&e->under);
  e->fenced = 0;
  e->stale = 0;
  e->changes++;
  cs_said_free(e);
  cs_clear_uservalue(L, self, CS_UV_URL);
}

/* easy:reset(): back to the options of a new easy; connections, cookies, the share
 * and the policy stay. Returns the easy. Refused while it is in a multi.
 * -> Easy | nil, message, name */
static int easy_reset(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  cs_refuse_inside(L, &e->h, "easy:reset");
  if (e->multi) return luaL_error(L, "easy:reset: the easy is in a multi");
  curl_easy_reset(e->curl);
  for (int which = 0; which < CS_NCALLBACKS; which++)
    cs_clear_uservalue(L, 1, CS_UV_OWN + which);
  cs_clear_uservalue(L, 1, CS_UV_RARE);
  cs_lists_free(e);
  set_nothing(e);
  e->failed = e->asked = 0;
  cs_easy_set_last(e, NULL);
  forget_fence(L, e, 1);
  CURLcode code = install(e);
  if (code) return cs_fail_easy(L, code);
  lua_settop(L, 1);
  return 1;
}

static void copy_uservalues(lua_State *L, int from, int to) {
  for (int which = 0; which < CS_NCALLBACKS; which++) {
    lua_getiuservalue(L, from, CS_UV_OWN + which);
    lua_setiuservalue(L, to, CS_UV_OWN + which);
  }
  lua_getiuservalue(L, from, CS_UV_URL);
  lua_setiuservalue(L, to, CS_UV_URL);
  lua_getiuservalue(L, from, CS_UV_POLICY);
  lua_setiuservalue(L, to, CS_UV_POLICY);
  cs_rare_copy(L, from, to);
}

/* libcurl copies what a fence has set, too. 0 without memory. */
static int copy_policy(struct cs_easy *to, const struct cs_easy *from) {
  to->policy = cs_policy_ref(from->policy);
  to->own_policy = from->own_policy;
  to->under = cs_policy_ref(from->under);
  to->fenced = from->fenced;
  to->stale = from->stale;
  return cs_said_copy(to, from);
}

/* libcurl 7.88.0 to 8.4.0 frees the list of files of "hsts" twice: for both. */
static int shares_hsts(const struct cs_easy *e) {
  unsigned version = cs_version();
  return e->set.hsts && version >= 0x075800 && version < 0x080500;
}

/* libcurl asks hstsreadfunction for the copy: what that throws belongs to no transfer. */
static CURL *duplicate(lua_State *L, struct cs_easy *from) {
  struct cs_frame f;
  cs_enter(&f, L, &from->h, 1);
  f.ending = 1;
  CURL *copy = curl_easy_duphandle(from->curl);
  if (f.failed) curl_easy_cleanup(copy);
  cs_leave(&f);
  cs_rethrow(&f);
  lua_settop(L, 2);
  return copy;
}

/* easy:dup(): a new easy with the same options, callbacks and policy, without the
 * connections, the multi and the share. Raises an error without memory, and for option
 * "hsts" with a libcurl of 7.88.0 to 8.4.0.
 * -> Easy | nil, message, name */
static int easy_dup(lua_State *L) {
  struct cs_easy *from = cs_handle_check(L, 1, CS_EASY);
  lua_settop(L, 1);
  if (shares_hsts(from))
    return luaL_error(L, "easy:dup: this libcurl cannot duplicate an easy with hsts");
  struct cs_easy *e = new_easy(L);
  copy_uservalues(L, 1, 2);
  cs_handle_check(L, 1, CS_EASY); /* a finalizer may have closed it */
  e->set = from->set;
  if (!copy_policy(e, from)) return luaL_error(L, "not enough memory");
  fill(L, e, duplicate(L, from));
  cs_easy_restore(e);
  cs_datagram_copy(e, from);
  CURLcode code = cs_lists_copy(e, from);
  if (!code) code = cs_mime_copy(L, e, 2);
  if (!code) return 1;
  cs_teardown(L, 2);
  return cs_fail_easy(L, code);
}

/* ---- what an easy is to the core --------------------------------------------------- */

static void easy_init(struct cs_handle *h) {
  struct cs_easy *e = (struct cs_easy *)h;
  cs_link_init(&e->in_multi);
  cs_link_init(&e->in_share);
  cs_link_init(&e->in_done);
  cs_link_init(&e->in_idle);
  cs_link_init(&e->in_controls);
  cs_link_init(&e->opened);
  e->set = nothing_set;
}

static void drop_policies(struct cs_easy *e) {
  cs_said_free(e);
  cs_policy_drop(&e->policy);
  cs_policy_drop(&e->under);
}

static int easy_free(struct cs_frame *f, struct cs_handle *h) {
  struct cs_easy *e = (struct cs_easy *)h;
  if (e->multi) cs_member_detach(f, e);
  if (e->curl) curl_easy_cleanup(e->curl);
  e->curl = NULL;
  cs_easy_ended(f, e);
  cs_talk_end(e);
  cs_trace_release(e);
  cs_easy_set_last(e, NULL);
  if (e->share) cs_share_leave(f, e);
  cs_lists_free(e);
  drop_policies(e);
  cs_pool_ended(f, h->pool, 0);
  return 1;
}

/* libcurl promises nothing for a copy: see fork.c. */
static void easy_abandon(struct cs_handle *h) {
  struct cs_easy *e = (struct cs_easy *)h;
  while (!cs_link_empty(&e->opened)) cs_link_drop(e->opened.next);
  cs_member_abandon(e);
  cs_talk_end(e);
  cs_trace_release(e);
  cs_easy_set_last(e, NULL);
  cs_link_drop(&e->in_share);
  e->share = NULL;
  e->curl = NULL;
  cs_lists_free(e);
  drop_policies(e);
}

/* A callback that was not set has no value. */
static void easy_clear(lua_State *L, int index, const struct cs_handle *h) {
  const struct cs_easy *e = (const struct cs_easy *)h;
  cs_clear_uservalue(L, index, CS_UV_POOLS);
  for (int which = 0; which < CS_NCALLBACKS; which++)
    if (e->set.callbacks & 1u << which) cs_clear_uservalue(L, index, CS_UV_OWN + which);
  for (int uv = CS_UV_SHARE; uv < CS_UV_ERROR; uv++) cs_clear_uservalue(L, index, uv);
}

static void easy_neighbours(struct cs_link *list, const struct cs_handle *h) {
  const struct cs_easy *e = (const struct cs_easy *)h;
  if (e->multi) cs_reach(list, &e->multi->h);
  if (e->share) cs_reach(list, &e->share->h);
}

/* It is no node of its own: there may be very many. */
static int easy_is_near(const struct cs_handle *h) {
  const struct cs_easy *e = (const struct cs_easy *)h;
  return (e->multi && cs_is_reached(&e->multi->h)) ||
         (e->share && cs_is_reached(&e->share->h));
}

/* To close a connection may mean to say so. */
static int easy_may_write(const struct cs_handle *h) {
  const struct cs_easy *e = (const struct cs_easy *)h;
  return e->multi || e->share || !cs_link_empty(&h->pool->sockets);
}

void cs_easy_class_new(lua_State *L) {
  static const struct cs_ops ops = {.size = sizeof(struct cs_easy),
                                    .uservalues = CS_EASY_UVS,
                                    .within = CS_UV_MULTI,
                                    .init = easy_init,
                                    .free = easy_free,
                                    .abandon = easy_abandon,
                                    .clear = easy_clear,
                                    .neighbours = easy_neighbours,
                                    .is_near = easy_is_near,
                                    .may_write = easy_may_write};
  static const luaL_Reg methods[] = {
      {"close_idle", cs_easy_close_idle},
      {"connections", cs_easy_connections},
      {"dup", easy_dup},
      {"getinfo", cs_easy_getinfo},
      {"header", cs_easy_header},
      {"headers", cs_easy_headers},
      {"pause", cs_easy_pause},
      {"perform", easy_perform},
      {"recv", cs_easy_recv},
      {"reset", easy_reset},
      {"send", cs_easy_send},
      {"setopt", cs_easy_setopt},
      {"socket", cs_easy_socket},
      {"unpause", cs_easy_unpause},
      {"unset", cs_easy_unset},
      {"upkeep", cs_easy_upkeep},
      {"ws_meta", cs_easy_ws_meta},
      {"ws_recv", cs_easy_ws_recv},
      {"ws_send", cs_easy_ws_send},
      {"ws_start_frame", cs_easy_ws_start_frame},
      {NULL, NULL},
  };
  cs_handle_class(L, CS_EASY, &ops, methods);
}
