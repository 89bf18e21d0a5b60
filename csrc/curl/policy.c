/* SPDX-License-Identifier: MIT
 *
 * policy.c - the Policy: a table of hooks that was read and checked once, and who has
 * it: the share that shares connections, else the multi, else the easy.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "policy.h"

enum { NHOOKS = CS_TELL_CLOSE + 1 };

/* ---- the object -------------------------------------------------------------------- */

static int policy__gc(lua_State *L) {
  struct cs_policy **box = cs_class_check(L, 1, cs_policy_class);
  cs_policy_drop(box);
  return 0;
}

static int policy__tostring(lua_State *L) {
  cs_class_check(L, 1, cs_policy_class);
  lua_getiuservalue(L, 1, CS_UV_NAME);
  const char *name = lua_tostring(L, -1);
  lua_pushfstring(L, "policy%s%s: %p", name ? " " : "", name ? name : "",
                  lua_topointer(L, 1));
  return 1;
}

/* policy:stats(): what became of the sockets of its pools, as a table of numbers: asked
 * (how often libcurl wanted one), opened, refused, and reused (transfers that needed no
 * new one).
 * -> table<string, integer> */
static int policy_stats(lua_State *L) {
  struct cs_policy *const *box = cs_class_check(L, 1, cs_policy_class);
  const struct cs_policy *p = *box;
  if (!p) return luaL_error(L, "policy:stats: the Policy has been collected");
  const struct {
    const char *name;
    lua_Integer count;
  } counts[] = {{"asked", p->asked},
                {"opened", p->opened},
                {"refused", p->refused},
                {"reused", p->reused}};
  lua_createtable(L, 0, sizeof counts / sizeof *counts);
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    lua_pushinteger(L, counts[i].count);
    lua_setfield(L, -2, counts[i].name);
  }
  return 1;
}

/* policy.name, policy.admit: what the table had.
 * -> any */
static int policy__index(lua_State *L) {
  const char *key = cs_word(L, 2);
  cs_class_check(L, 1, cs_policy_class);
  if (!strcmp(key, "stats"))
    lua_pushvalue(L, lua_upvalueindex(2));
  else if (!strcmp(key, "revoke"))
    lua_pushvalue(L, lua_upvalueindex(3));
  else if (!strcmp(key, "name"))
    lua_getiuservalue(L, 1, CS_UV_NAME);
  else if (!strcmp(key, "admit"))
    lua_getiuservalue(L, 1, CS_UV_ADMIT);
  else
    lua_pushnil(L);
  return 1;
}

void cs_policy_class_new(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__gc", policy__gc}, {"__tostring", policy__tostring}, {NULL, NULL}};
  cs_class_new(L, cs_policy_class, meta, none);
  cs_class_hide(L, cs_policy_class);
  lua_pushvalue(L, -1);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, policy_stats, 1);
  lua_pushvalue(L, -3);
  lua_pushcclosure(L, cs_policy_revoke, 1);
  lua_pushcclosure(L, policy__index, 3);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* ---- reading a table --------------------------------------------------------------- */

/* Pushes an empty Policy. [-0, +1, m] */
static struct cs_policy *new_policy(lua_State *L) {
  struct cs_policy **box = lua_newuserdatauv(L, sizeof *box, CS_POLICY_UVS);
  *box = NULL;
  cs_class_set(L, cs_policy_class);
  *box = calloc(1, sizeof **box);
  if (!*box) luaL_error(L, "not enough memory");
  (*box)->refs = 1;
  return *box;
}

static int field_error(lua_State *L, const char *field, const char *expected, int value) {
  return luaL_error(L, "policy.%s: %s expected, got %s", field, expected,
                    luaL_typename(L, value));
}

static curl_off_t check_bytes(lua_State *L, const char *field, int value) {
  int ok;
  lua_Integer most = lua_tointegerx(L, value, &ok);
  if (!ok || most <= 0) field_error(L, field, "positive integer", value);
  return most;
}

/* A field that is kept as it is. */
static const struct field {
  const char *name;
  int uservalue, type;
} fields[] = {
    {"start", CS_UV_HOOKS + CS_ASK_START, LUA_TFUNCTION},
    {"open", CS_UV_HOOKS + CS_ASK_OPEN, LUA_TFUNCTION},
    {"sockopt", CS_UV_HOOKS + CS_ASK_SOCKOPT, LUA_TFUNCTION},
    {"request", CS_UV_HOOKS + CS_TELL_REQUEST, LUA_TFUNCTION},
    {"close", CS_UV_HOOKS + CS_TELL_CLOSE, LUA_TFUNCTION},
    {"name", CS_UV_NAME, LUA_TSTRING},
    {"admit", CS_UV_ADMIT, LUA_TFUNCTION},
    {"pool", CS_UV_POOL, LUA_TTABLE},
    {"fence", 0, LUA_TTABLE},
    {"max_body", 0, LUA_TNUMBER},
    {"max_header", 0, LUA_TNUMBER},
};

#define NFIELDS (sizeof fields / sizeof *fields)

static const struct field *check_field(lua_State *L, int key, int value) {
  struct cs_names names = cs_names_of(fields, NFIELDS);
  const char *name = cs_word(L, key);
  size_t i = 0;
  while (i < NFIELDS && strcmp(fields[i].name, name)) i++;
  if (i == NFIELDS)
    luaL_error(L, "policy: unknown field %s%s (rules are made by policy.compose{...})",
               cs_shown(L, key), cs_did_you_mean(L, name, &names));
  if (lua_type(L, value) != fields[i].type)
    field_error(L, name, lua_typename(L, fields[i].type), value);
  return &fields[i];
}

static void keep_field(lua_State *L, const struct field *f, int policy) {
  struct cs_policy *p = cs_unbox(L, policy);
  int hook = f->uservalue - CS_UV_HOOKS;
  if (!strcmp(f->name, "max_body")) p->max_body = check_bytes(L, f->name, -1);
  if (!strcmp(f->name, "max_header")) p->max_header = check_bytes(L, f->name, -1);
  if (!f->uservalue) return;
  if (hook >= 0 && hook < NHOOKS) p->hooks |= 1u << hook;
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, policy, f->uservalue);
}

/* libcurl would open sockets of its own then. */
static void refuse_msh3(lua_State *L) {
  const char *quic = curl_version_info(CURLVERSION_NOW)->quic_version;
  if (quic && strstr(quic, "msh3"))
    luaL_error(L, "policy: this libcurl's HTTP/3 (msh3) opens sockets that nobody sees");
}

/* Pushes the Policy that the table at index describes. [-0, +1, e] */
static void read_policy(lua_State *L, int index) {
  struct cs_policy *p = new_policy(L);
  int policy = lua_gettop(L);
  refuse_msh3(L);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
    keep_field(L, check_field(L, policy + 1, policy + 2), policy);
  lua_pushliteral(L, "fence");
  lua_rawget(L, index);
  cs_fence_read(L, policy + 1, policy, p);
  lua_settop(L, policy);
}

/* curl.policy(table): what a pool lets in, for the option "policy" of a multi, a share
 * (that shares connections), an easy or a loop. What is asked says yes by true, and open
 * by a Socket too; false, or nil, and a reason refuses. What a hook throws fails the
 * transfer; of close, it comes out of the call that closed the connection. All fields may
 * be absent; an unknown one raises an error.
 *   name                             stands before each reason
 *   start(easy, url, hop)            asked before a request (hop 0) and each redirect
 *   open(purpose, address, easy, socket, transfer)
 *                                    asked about each socket; socket is what the easy's
 *                                    own callback gave, transfer counts those of the easy
 *   sockopt(socket, purpose, easy)   asked before a socket is connected
 *   request(socket, easy, kept)      told of each request on a connection, new or kept
 *   close(socket)                    told once for each socket that was opened
 *   fence                            options of an easy that would lead around it, and
 *                                    what they must be
 *   max_body, max_header             bytes that a transfer may deliver, and of the
 *                                    headers of all its answers
 *   pool                             options of a multi that has it
 *   admit(easy, loop)                asked by a loop before a transfer begins: true,
 *                                    seconds to wait, or nil and a reason
 * -> Policy */
int cs_policy_make(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  read_policy(L, 1);
  return 1;
}

/* Pushes the Policy that the value at index means: one, a table that has one as
 * "policy", or a table that describes one. [-0, +1, e] */
static void push_meant(lua_State *L, int index) {
  if (cs_policy_test(L, index)) {
    lua_pushvalue(L, index);
    return;
  }
  if (!lua_istable(L, index)) cs_option_error(L, "policy", "Policy or table", index);
  lua_pushliteral(L, "policy");
  lua_rawget(L, index);
  if (cs_policy_test(L, -1)) return;
  lua_pop(L, 1);
  read_policy(L, index);
}

/* ---- as an option ------------------------------------------------------------------ */

static const char default_key;

/* curl.default_policy(policy): each pool that is made from now on, also by loops and
 * modules, has this policy unless it is given another. Can be called once.
 * -> nothing */
int cs_policy_default(lua_State *L) {
  struct cs_runtime *rt = cs_runtime(L);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (rt->traits & CS_DEFAULT_POLICY)
    return luaL_error(L, "default_policy: it was called before");
  push_meant(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &default_key); /* a root: it is meant to stay */
  rt->traits |= CS_DEFAULT_POLICY;
  return 0;
}

/* Replaces the table at index by a copy without "policy". */
static void strip(lua_State *L, int index) {
  lua_newtable(L);
  int copy = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (!strcmp(cs_word(L, -2), "policy")) continue;
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_rawset(L, copy);
  }
  lua_replace(L, index);
}

/* Pushes the Policy that the options ask for, or the default, or nil. */
static int push_option(lua_State *L, int index, const struct cs_runtime *rt,
                       const char *kind) {
  if (lua_istable(L, index)) {
    lua_pushliteral(L, "policy");
    if (lua_rawget(L, index) != LUA_TNIL) {
      cs_refuse_module(L, index, kind);
      push_meant(L, lua_gettop(L));
      lua_replace(L, -2);
      strip(L, index);
      return 1;
    }
    lua_pop(L, 1);
  }
  if (rt->traits & CS_DEFAULT_POLICY)
    lua_rawgetp(L, LUA_REGISTRYINDEX, &default_key);
  else
    lua_pushnil(L);
  return 0;
}

struct cs_policy *cs_policy_option(lua_State *L, int index, int self, int uservalue,
                                   int *given) {
  const struct cs_handle *h = cs_unbox(L, self);
  if (!lua_istable(L, index) && !(h->rt->traits & CS_DEFAULT_POLICY)) return NULL;
  *given = push_option(L, index, h->rt, cs_kind_names[h->kind]);
  struct cs_policy *p = cs_policy_ref(cs_policy_test(L, -1));
  lua_setiuservalue(L, self, uservalue);
  return p;
}

/* ---- a transfer begins ------------------------------------------------------------- */

/* What it is asked may have changed what it was asked about. (Whether one of them is
 * closed or in use, the caller looks at.) */
static void check_unchanged(lua_State *L, const struct cs_easy *e,
                            const struct cs_multi *m, const struct cs_policy *p,
                            unsigned changes, const char *call) {
  int closed = e->h.phase != CS_OPEN || (m && m->h.phase != CS_OPEN);
  if (closed || e->multi) return;
  if (cs_policy_in(e, m) != p || e->under != p || e->changes != changes)
    luaL_error(L,
               "%s: the policy's functions have changed the easy's URL, its share, or "
               "options of the fence",
               call);
}

int cs_policy_enter(lua_State *L, struct cs_easy *e, int index, struct cs_multi *m,
                    int multi, const char *call) {
  struct cs_policy *p = cs_policy_in(e, m);
  unsigned changes = e->changes;
  int asks = p && p->hooks & 1u << CS_ASK_START, refused = 0;
  if (!p && !e->under && !e->own_policy && !(m && m->policy)) return 0;
  cs_policy_check_pair(L, e, m, call);
  if (p == e->under && !e->stale && !asks && !cs_revoke_is_new(p)) return 0;
  cs_push_policy(L, e, index, multi); /* which keeps p, whatever is closed */
  int policy = lua_gettop(L);
  if (p != e->under || e->stale) cs_fence_apply(L, e, p, policy, call);
  if (asks && e->h.phase == CS_OPEN) refused = cs_judge_start(L, p, index, policy);
  if (!refused) check_unchanged(L, e, m, p, changes, call);
  if (!refused && cs_revoke_is_new(p)) cs_revoke_renew(e);
  return refused;
}
