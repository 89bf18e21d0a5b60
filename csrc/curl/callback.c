/* SPDX-License-Identifier: MIT
 *
 * callback.c - the callback options of an easy: which there are, and how they are set.
 * What each is called with, and what its answers mean, stands above its body in data.c
 * and sockcall.c.
 */
#include <string.h>

#include "calling.h"
#include "policy.h"
#include "rare.h"

typedef void (*function)(void);

/* The options of type FUNCTION that Lua can set. Those without a trampoline here are
 * libcurl's from the easy's creation: setting them only tells whom to ask. */
static const struct {
  const char *name;
  enum cs_callback which;
  CURLoption option, data;
  function trampoline;
} callbacks[] = {
    {"opensocketfunction", CS_OPENSOCKET, 0, 0, NULL},
    {"closesocketfunction", CS_CLOSESOCKET, 0, 0, NULL},
    {"sockoptfunction", CS_SOCKOPT, 0, 0, NULL},
    {"writefunction", CS_WRITE, 0, 0, NULL},
    {"readfunction", CS_READ, 0, 0, NULL},
    {"xferinfofunction", CS_XFERINFO, 0, 0, NULL},
    {"headerfunction", CS_HEADER, CURLOPT_HEADERFUNCTION, CURLOPT_HEADERDATA,
     (function)cs_on_header},
    {"seekfunction", CS_SEEK, CURLOPT_SEEKFUNCTION, CURLOPT_SEEKDATA,
     (function)cs_on_seek},
    {"debugfunction", CS_DEBUG, CURLOPT_DEBUGFUNCTION, CURLOPT_DEBUGDATA,
     (function)cs_on_debug},
    {"prereqfunction", CS_PREREQ, 0, 0, NULL},
    {"trailerfunction", CS_TRAILER, CURLOPT_TRAILERFUNCTION, CURLOPT_TRAILERDATA,
     (function)cs_on_trailer},
    {"resolver_start_function", CS_RESOLVER_START, CURLOPT_RESOLVER_START_FUNCTION,
     CURLOPT_RESOLVER_START_DATA, (function)cs_on_resolver_start},
    {"interleavefunction", CS_INTERLEAVE, CURLOPT_INTERLEAVEFUNCTION,
     CURLOPT_INTERLEAVEDATA, (function)cs_on_interleave},
    {"hstsreadfunction", CS_HSTSREAD, CURLOPT_HSTSREADFUNCTION, CURLOPT_HSTSREADDATA,
     (function)cs_on_hstsread},
    {"hstswritefunction", CS_HSTSWRITE, CURLOPT_HSTSWRITEFUNCTION, CURLOPT_HSTSWRITEDATA,
     (function)cs_on_hstswrite},
    {"ssh_hostkeyfunction", CS_SSH_HOSTKEY, CURLOPT_SSH_HOSTKEYFUNCTION,
     CURLOPT_SSH_HOSTKEYDATA, (function)cs_on_ssh_hostkey},
    {"ssh_keyfunction", CS_SSH_KEY, CURLOPT_SSH_KEYFUNCTION, CURLOPT_SSH_KEYDATA,
     (function)cs_on_ssh_key},
    {"chunk_bgn_function", CS_CHUNK_BGN, CURLOPT_CHUNK_BGN_FUNCTION, CURLOPT_CHUNK_DATA,
     (function)cs_on_chunk_bgn},
    {"chunk_end_function", CS_CHUNK_END, CURLOPT_CHUNK_END_FUNCTION, CURLOPT_CHUNK_DATA,
     (function)cs_on_chunk_end},
    {"fnmatch_function", CS_FNMATCH, CURLOPT_FNMATCH_FUNCTION, CURLOPT_FNMATCH_DATA,
     (function)cs_on_fnmatch},
};

#define NCALLBACKS (sizeof callbacks / sizeof *callbacks)

static void set_bit(unsigned *bits, int bit, int on) {
  *bits = on ? *bits | 1u << bit : *bits & ~(1u << bit);
}

static size_t find(const char *name) {
  size_t i = 0;
  while (i < NCALLBACKS && strcmp(callbacks[i].name, name)) i++;
  return i;
}

/* Whether libcurl is to call it: what stands in for readfunction can be sought, and the
 * first header tells that the connection is alive. */
static int is_wanted(const struct cs_easy *e, enum cs_callback which) {
  if (which == CS_RESOLVER_START && e->under && e->under->hooks & 1u << CS_ASK_START)
    return 1; /* it is asked before the name of a redirect is looked up */
  if (which == CS_HEADER && e->h.rt->traits & CS_DATAGRAMS) return 1;
  if (which == CS_HEADER && e->under && e->under->max_header) return 1;
  return e->set.callbacks & 1u << which || (which == CS_SEEK && e->set.source);
}

/* Tells libcurl to call, or no longer to call, callback i of the easy. */
static CURLcode set_trampoline(struct cs_easy *e, size_t i) {
  int on = is_wanted(e, callbacks[i].which);
  if (!callbacks[i].trampoline) return CURLE_OK;
  CURLcode code =
      curl_easy_setopt(e->curl, callbacks[i].option, on ? callbacks[i].trampoline : NULL);
  /* Headers would go to the write callback while their data pointer is set. (Two of the
   * rare ones have one between them.) */
  on |= callbacks[i].which >= CS_NCALLBACKS;
  return code ? code : curl_easy_setopt(e->curl, callbacks[i].data, on ? e : NULL);
}

/* Sets write, read and progress, which libcurl would print or read from the terminal
 * without, the pre-request step, and what the easy has already (a duplicate). */
CURLcode cs_callbacks_install(struct cs_easy *e) {
  CURLcode code = curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, cs_on_write);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_READFUNCTION, cs_on_read);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_READDATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_XFERINFOFUNCTION, cs_on_xferinfo);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_XFERINFODATA, e);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_PREREQFUNCTION, cs_on_prereq);
  if (!code) code = curl_easy_setopt(e->curl, CURLOPT_PREREQDATA, e);
  for (size_t i = 0; !code && i < NCALLBACKS; i++)
    if (is_wanted(e, callbacks[i].which)) code = set_trampoline(e, i);
  return code;
}

void cs_header_install(struct cs_easy *e) { set_trampoline(e, find("headerfunction")); }

static int is_file(lua_State *L, int index) {
  return lua_isuserdata(L, index) && luaL_testudata(L, index, LUA_FILEHANDLE);
}

/* A function, or what may stand in for it: for writefunction and headerfunction a file or
 * a table, to which the pieces are appended; for readfunction a file or a string. */
static void check_callback(lua_State *L, const char *name, enum cs_callback which,
                           int index) {
  int type = lua_type(L, index), sink = which == CS_WRITE || which == CS_HEADER;
  int source = which == CS_READ;
  if (type == LUA_TFUNCTION || type == LUA_TNIL) return;
  if ((sink || source) && is_file(L, index)) return;
  if ((sink && type == LUA_TTABLE) || (source && type == LUA_TSTRING)) return;
  cs_option_error(L, name,
                  sink     ? "function, file or table"
                  : source ? "function, file or string"
                           : "function",
                  index);
}

/* With a progress callback there is progress to show. */
static CURLcode set_progress(struct cs_easy *e, int on) {
  e->set.noprogress = !on;
  if (e->failed) return CURLE_OK;
  return curl_easy_setopt(e->curl, CURLOPT_NOPROGRESS, (long)!on);
}

/* ---- the rare ones ----------------------------------------------------------------- */

/* Before 8.7.0 an easy's second chunked upload after one with trailers writes before its
 * buffer, with and without them. */
static int is_unsafe(enum cs_callback which) {
  return which == CS_TRAILER && cs_version() < 0x080700;
}

/* One that libcurl refuses is not set: a duplicate must not need it. */
static CURLcode set_rare(lua_State *L, struct cs_easy *e, int self, size_t i, int index) {
  enum cs_callback which = callbacks[i].which;
  if (is_unsafe(which)) return CS_NOT_SUPPORTED;
  cs_rare_set(L, self, which, index);
  set_bit(&e->set.callbacks, which, !lua_isnil(L, index));
  CURLcode code = set_trampoline(e, i);
  if (code) set_bit(&e->set.callbacks, which, 0);
  return code;
}

/* ---- setting ----------------------------------------------------------------------- */

static CURLcode set_callback(lua_State *L, struct cs_easy *e, size_t i, int index) {
  enum cs_callback which = callbacks[i].which;
  int on = !lua_isnil(L, index);
  set_bit(&e->set.callbacks, which, on);
  set_bit(&e->set.files, which, is_file(L, index));
  if (which == CS_XFERINFO) return set_progress(e, on);
  if (which != CS_READ) return set_trampoline(e, i);
  e->set.source = on && !lua_isfunction(L, index);
  return set_trampoline(e, find("seekfunction"));
}

CURLcode cs_callback_set(lua_State *L, struct cs_easy *e, int self, const char *name,
                         int index) {
  size_t i = find(name);
  if (i == NCALLBACKS) return luaL_error(L, "option '%s' cannot be set from Lua", name);
  check_callback(L, name, callbacks[i].which, index);
  if (callbacks[i].which >= CS_NCALLBACKS) return set_rare(L, e, self, i, index);
  lua_pushvalue(L, index);
  lua_setiuservalue(L, self, CS_UV_OWN + (int)callbacks[i].which);
  return set_callback(L, e, i, index);
}

CURLcode cs_callback_policy(struct cs_easy *e) {
  CURLcode code = set_trampoline(e, find("headerfunction"));
  return code ? code : set_trampoline(e, find("resolver_start_function"));
}

static void forget(lua_State *L, struct cs_easy *e, int self) {
  e->keeps = 0;
  cs_clear_uservalue(L, self, CS_UV_ERROR);
  cs_clear_uservalue(L, self, CS_UV_REASON);
  cs_clear_uservalue(L, self, CS_UV_REST);
}

void cs_easy_begin(lua_State *L, struct cs_easy *e, int self) {
  if (e->failed || e->refused) cs_easy_restore(e);
  /* A listing that was aborted leaves libcurl's own write callback. */
  if (e->set.wildcard) cs_callbacks_install(e);
  if (e->h.rt->traits & CS_DATAGRAMS) cs_header_install(e);
  cs_easy_choose_version(e);
  e->failed = e->unsupported = e->paused = e->asked = e->barred = 0;
  e->refused = CURLE_OK;
  e->transfers++;
  e->attempts = e->refusals = 0;
  e->hop = e->dialled = 0;
  e->delivered = e->headed = 0;
  e->given = 0;
  e->owed = 0;
  e->start = CS_UNKNOWN;
  e->errbuf[0] = '\0';
  if (e->keeps) forget(L, e, self);
}
