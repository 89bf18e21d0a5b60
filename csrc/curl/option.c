/* SPDX-License-Identifier: MIT
 *
 * option.c - easy:setopt and easy:unset. Which options there are, and their types, is
 * asked from libcurl at run time, so that one newer than this module works. (A libcurl
 * that was built with CURL_DISABLE_GETOPTIONS describes nothing: every name is unknown
 * then.)
 *
 * libcurl copies strings and blobs, but reads lists, and the file of "stderr", where
 * they are: the handle keeps those until libcurl does not read them any more. Lua owns
 * nothing that libcurl points to.
 */
#define CURL_DISABLE_DEPRECATION /* is_in_place names an option that 8.22 lost */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"

/* One option that is being set. */
struct setting {
  struct cs_easy *e;
  int self; /* stack index of its userdata */
  const struct curl_easyoption *option;
  const char *name; /* as the script gave it: maybe an alias */
  int value;        /* stack index */
};

/* ---- numbers ----------------------------------------------------------------------- */

/* "timeout" has a twin "timeout_ms", and so have others. */
static const struct curl_easyoption *in_milliseconds(const struct curl_easyoption *o) {
  char name[64];
  o = curl_easy_option_by_id(o->id); /* not the alias */
  if (!o) return NULL;
  snprintf(name, sizeof name, "%s_MS", o->name);
  return curl_easy_option_by_name(name);
}

/* An option that makes libcurl abort now goes on to do that: the next transfer has this
 * one. */
static CURLcode set_number(struct cs_easy *e, CURLoption id, long number) {
  CURLcode code = curl_easy_setopt(e->curl, id, number);
  if (!code && cs_easy_note(e, id, number) && e->failed) cs_easy_abort(e);
  return code;
}

static CURLcode set_seconds(lua_State *L, const struct setting *s, CURLoption twin) {
  lua_Number ms = lua_tonumber(L, s->value) * 1000;
  if (!(ms >= 0 && ms <= INT_MAX))
    luaL_error(L, "option '%s': seconds from 0 to %d expected, got %f", s->name,
               INT_MAX / 1000, ms / 1000);
  long whole = (long)ms + ((long)ms < ms);
  return set_number(s->e, twin, whole);
}

static int is_fraction(lua_State *L, int index) {
  int exact;
  if (lua_type(L, index) != LUA_TNUMBER) return 0;
  lua_tointegerx(L, index, &exact);
  return !exact;
}

static CURLcode set_long(lua_State *L, const struct setting *s) {
  CURLoption id = s->option->id;
  if (is_fraction(L, s->value)) {
    const struct curl_easyoption *twin = in_milliseconds(s->option);
    if (twin) return set_seconds(L, s, twin->id);
  }
  curl_off_t value = cs_value(L, s->name, (int)id, s->value);
  long number = (long)value;
  if (number != value) luaL_error(L, "option '%s': number out of range", s->name);
  if (id == CURLOPT_WILDCARDMATCH) s->e->wildcard = 1;
  return set_number(s->e, id, number);
}

static CURLcode set_off_t(lua_State *L, const struct setting *s) {
  curl_off_t value = cs_value(L, s->name, (int)s->option->id, s->value);
  return curl_easy_setopt(s->e->curl, s->option->id, value);
}

/* ---- strings and lists ------------------------------------------------------------- */

static const char *check_bytes(lua_State *L, const struct setting *s, size_t *length) {
  if (lua_type(L, s->value) != LUA_TSTRING)
    cs_option_error(L, s->name, "string", s->value);
  return lua_tolstring(L, s->value, length);
}

static CURLcode set_string(lua_State *L, const struct setting *s) {
  size_t length;
  const char *text = check_bytes(L, s, &length);
  if (strlen(text) != length) luaL_error(L, "option '%s': string contains NUL", s->name);
  return curl_easy_setopt(s->e->curl, s->option->id, text);
}

static CURLcode set_blob(lua_State *L, const struct setting *s) {
  struct curl_blob blob = {.flags = CURL_BLOB_COPY};
  blob.data = (void *)check_bytes(L, s, &blob.len);
  return curl_easy_setopt(s->e->curl, s->option->id, &blob);
}

static CURLcode set_null(lua_State *L, const struct setting *s) {
  (void)L;
  return curl_easy_setopt(s->e->curl, s->option->id, (char *)NULL);
}

/* Pushes item number i of the list, which is a string without NUL or a number. */
static void push_item(lua_State *L, const struct setting *s, lua_Integer i) {
  int type = lua_rawgeti(L, s->value, i);
  if (type == LUA_TNUMBER) return;
  if (type != LUA_TSTRING)
    luaL_error(L, "option '%s': string expected at [%I], got %s", s->name, i,
               luaL_typename(L, -1));
  if (strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1))
    luaL_error(L, "option '%s': string at [%I] contains NUL", s->name, i);
}

/* Pushes the items one after the other, each with its NUL: the list can be made from that
 * with no call that might raise an error and lose it. */
static const char *push_items(lua_State *L, const struct setting *s, size_t *length) {
  luaL_Buffer b;
  if (!lua_istable(L, s->value)) cs_option_error(L, s->name, "list of strings", s->value);
  size_t count = cs_sequence(L, s->name, s->value);
  luaL_buffinit(L, &b);
  for (size_t i = 1; i <= count; i++) {
    push_item(L, s, (lua_Integer)i);
    luaL_addvalue(&b);
    luaL_addchar(&b, '\0');
  }
  luaL_pushresult(&b);
  return lua_tolstring(L, -1, length);
}

static CURLcode set_list(lua_State *L, const struct setting *s) {
  size_t length;
  const char *item = push_items(L, s, &length);
  struct curl_slist *list = NULL, **end = &list;
  for (const char *stop = item + length; item < stop; item += strlen(item) + 1) {
    if (cs_list_append(&end, item)) continue;
    curl_slist_free_all(list);
    return CURLE_OUT_OF_MEMORY;
  }
  return cs_list_keep(s->e, s->option->id, list);
}

static CURLcode unset_list(lua_State *L, const struct setting *s) {
  (void)L;
  return cs_list_keep(s->e, s->option->id, NULL);
}

/* ---- functions and objects --------------------------------------------------------- */

static CURLcode set_function(lua_State *L, const struct setting *s) {
  return cs_callback_set(L, s->e, s->self, s->name, s->value);
}

static CURLcode refuse_option(lua_State *L, const struct setting *s) {
  luaL_error(L, "option '%s' cannot be set from Lua", s->name);
  return CURLE_UNKNOWN_OPTION;
}

static CURLcode set_share(lua_State *L, const struct setting *s) {
  return cs_share_use(L, s->e, s->self, s->value);
}

static CURLcode set_postfields(lua_State *L, const struct setting *s) {
  size_t length;
  const char *data = check_bytes(L, s, &length);
  CURLcode code =
      curl_easy_setopt(s->e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
  if (!code) code = curl_easy_setopt(s->e->curl, CURLOPT_COPYPOSTFIELDS, data);
  if (!code) s->e->fields = 1;
  return code;
}

/* Back to GET too: with no fields libcurl would read the body from readfunction. */
static CURLcode unset_postfields(lua_State *L, const struct setting *s) {
  CURL *curl = s->e->curl;
  (void)L;
  CURLcode code = curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, NULL);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
  s->e->fields = 0;
  return code ? code : curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
}

/* libcurl's copy of the fields has no NUL at its end: without a size it would read on. */
static CURLcode set_postfieldsize(lua_State *L, const struct setting *s) {
  curl_off_t size = cs_value(L, s->name, (int)s->option->id, s->value);
  if (size < 0 && s->e->fields)
    luaL_error(L, "option '%s': postfields are set, whose size is known", s->name);
  return curl_easy_setopt(s->e->curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
}

/* What libcurl may grant as it likes. Before 8.7 it keeps buffers from one transfer to
 * another that overflow when these sizes change meanwhile, if only by a reset: so the
 * one is never smaller than its default, and the other always that. */
static CURLcode set_buffersize(lua_State *L, const struct setting *s) {
  CURLoption id = s->option->id;
  curl_off_t size = cs_value(L, s->name, (int)id, s->value);
  int grants = curl_version_info(CURLVERSION_NOW)->version_num >= 0x080700;
  if (!grants && id == CURLOPT_UPLOAD_BUFFERSIZE) return CURLE_OK;
  if (!grants && size < CURL_MAX_WRITE_SIZE) size = CURL_MAX_WRITE_SIZE;
  return curl_easy_setopt(s->e->curl, id, size > INT_MAX ? (long)INT_MAX : (long)size);
}

/* libcurl would free the cache of the share, for all who use it. */
static CURLcode set_hsts_ctrl(lua_State *L, const struct setting *s) {
  curl_off_t bits = cs_value(L, s->name, (int)s->option->id, s->value);
  if (s->e->share && s->e->share->hsts && !(bits & CURLHSTS_ENABLE))
    luaL_error(L, "option '%s': the cache is that of a share", s->name);
  return curl_easy_setopt(s->e->curl, CURLOPT_HSTS_CTRL, (long)bits);
}

static CURLcode set_stderr(lua_State *L, const struct setting *s) {
  luaL_Stream *stream = luaL_testudata(L, s->value, LUA_FILEHANDLE);
  if (!stream || !stream->closef) cs_option_error(L, s->name, "open file", s->value);
  FILE *file = cs_file_copy(stream->f);
  if (file) return cs_list_keep(s->e, CURLOPT_STDERR, file);
  if (errno == EINVAL) return CURLE_BAD_FUNCTION_ARGUMENT; /* it cannot be written */
  return luaL_error(L, "option '%s': the file cannot be duplicated: %s", s->name,
                    strerror(errno));
}

typedef CURLcode setter(lua_State *L, const struct setting *s);

struct setters {
  setter *set, *unset;
};

static const struct {
  CURLoption id;
  struct setters setters;
} objects[] = {
    {CURLOPT_SHARE, {set_share, set_share}},
    {CURLOPT_POSTFIELDS, {set_postfields, unset_postfields}},
    {CURLOPT_COPYPOSTFIELDS, {set_postfields, unset_postfields}},
    {CURLOPT_POSTFIELDSIZE, {set_postfieldsize, NULL}},
    {CURLOPT_POSTFIELDSIZE_LARGE, {set_postfieldsize, NULL}},
    {CURLOPT_BUFFERSIZE, {set_buffersize, NULL}},
    {CURLOPT_UPLOAD_BUFFERSIZE, {set_buffersize, NULL}},
    {CURLOPT_HSTS_CTRL, {set_hsts_ctrl, NULL}},
    {CURLOPT_STDERR, {set_stderr, unset_list}},
};

/* No unset for numbers: libcurl does not tell their defaults, and 0 is another value. */
static const struct setters types[] = {
    [CURLOT_LONG] = {set_long, NULL},
    [CURLOT_VALUES] = {set_long, NULL},
    [CURLOT_OFF_T] = {set_off_t, NULL},
    [CURLOT_STRING] = {set_string, set_null},
    [CURLOT_SLIST] = {set_list, unset_list},
    [CURLOT_BLOB] = {set_blob, set_null},
    [CURLOT_FUNCTION] = {set_function, set_function},
};

/* ---- finding the option ------------------------------------------------------------ */

static const struct curl_easyoption *look_up(lua_State *L, int key) {
  size_t length;
  const struct curl_easyoption *option = NULL;
  const char *name = lua_tolstring(L, key, &length);
  if (strlen(name) == length && !strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    option = curl_easy_option_by_name(name);
  if (!option) luaL_error(L, "unknown option '%s'", name);
  return option;
}

/* Pushes the table that remembers what find_option has found: libcurl compares all
 * names one by one. */
static void push_found(lua_State *L) {
  static const char registry_key;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}

/* The option whose name is at index key. */
static const struct curl_easyoption *find_option(lua_State *L, int found, int key) {
  if (lua_type(L, key) != LUA_TSTRING)
    luaL_error(L, "option name: string expected, got %s", luaL_typename(L, key));
  lua_pushvalue(L, key);
  lua_rawget(L, found);
  const struct curl_easyoption *option = lua_touserdata(L, -1);
  if (!option) {
    option = look_up(L, key);
    lua_pushvalue(L, key);
    lua_pushlightuserdata(L, (void *)option);
    lua_rawset(L, found);
  }
  return option;
}

static const struct setters *find_setters(const struct curl_easyoption *option) {
  static const struct setters refused = {refuse_option, refuse_option};
  for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
    if (objects[i].id == option->id) return &objects[i].setters;
  if ((size_t)option->type < sizeof types / sizeof *types && types[option->type].set)
    return &types[option->type];
  return &refused;
}

static int is_telling(const struct cs_share *s) {
  for (const struct cs_link *l = s->easies.next; l != &s->easies; l = l->next)
    if (cs_item(l, struct cs_easy, in_share)->telling) return 1;
  return 0;
}

/* A debugfunction runs, inside of what libcurl does with this string of the easy, or
 * with the cookies that it shares. */
static int is_told(const struct cs_easy *e, const struct curl_easyoption *option) {
  if (e->telling && option->type == CURLOT_STRING) return 1;
  return option->id == CURLOPT_COOKIELIST && e->share && is_telling(e->share);
}

/* While a transfer runs libcurl points into its copy of these, which a new value would
 * free under its feet: the TLS ones in 7.88 and 8.14, the others in every version: the
 * body, and the request's name while a callback reads or seeks what is to be sent. */
static int is_in_place(const struct curl_easyoption *option) {
#define TLS(name) CURLOPT_##name, CURLOPT_PROXY_##name
  static const CURLoption in_place[] = {
    TLS(CAINFO),
    TLS(CAPATH),
    TLS(CRLFILE),
    TLS(ISSUERCERT),
    TLS(KEYPASSWD),
    TLS(PINNEDPUBLICKEY),
    TLS(SSLCERT),
    TLS(SSLCERTTYPE),
    TLS(SSLKEY),
    TLS(SSLKEYTYPE),
    TLS(SSL_CIPHER_LIST),
    TLS(TLS13_CIPHERS),
    TLS(TLSAUTH_PASSWORD),
    TLS(TLSAUTH_USERNAME),
    CURLOPT_SSL_EC_CURVES,
#if LIBCURL_VERSION_NUM >= 0x080e00
    CURLOPT_SSL_SIGNATURE_ALGORITHMS,
#endif
    CURLOPT_POSTFIELDS,
    CURLOPT_COPYPOSTFIELDS,
    CURLOPT_POSTFIELDSIZE,
    CURLOPT_POSTFIELDSIZE_LARGE,
    CURLOPT_UPLOAD_BUFFERSIZE,
    CURLOPT_CUSTOMREQUEST,
  };
#undef TLS
  for (size_t i = 0; i < sizeof in_place / sizeof *in_place; i++)
    if (in_place[i] == option->id) return 1;
  return option->type == CURLOT_BLOB;
}

/* Sets the option, or unsets it when there is no value; found is the index of
 * push_found's table. 0, or the number of results that it pushed: nil, message, name. */
static int set_option(lua_State *L, struct cs_easy *e, int self, int found, int key,
                      int value) {
  const struct curl_easyoption *option = find_option(L, found, key);
  struct setting s = {e, self, option, lua_tostring(L, key), value};
  const struct setters *setters = find_setters(s.option);
  setter *set = setters->set;
  if (!value) {
    set = setters->unset;
    lua_pushnil(L); /* what removes a function or a share */
    s.value = lua_gettop(L);
  }
  if (!set) return luaL_error(L, "option '%s' has no unset: set a value", s.name);
  if ((cs_easy_is_busy(e) && is_in_place(s.option)) || is_told(e, s.option))
    return luaL_error(L, "option '%s' cannot be changed during a transfer or in a multi",
                      s.name);
  CURLcode code = set(L, &s);
  if (!code) return 0;
  lua_pushnil(L);
  lua_pushfstring(L, "option '%s': %s", s.name, curl_easy_strerror(code));
  lua_pushstring(L, cs_easy_name(code));
  return 3;
}

int cs_setopt_table(lua_State *L, struct cs_easy *e, int self, int index) {
  int failed = 0;
  index = lua_absindex(L, index);
  self = lua_absindex(L, self);
  push_found(L);
  int found = lua_gettop(L), key = found + 1, value = found + 2;
  lua_pushnil(L);
  while (!failed && lua_next(L, index)) {
    failed = set_option(L, e, self, found, key, value);
    if (!failed) lua_settop(L, key);
  }
  if (!failed) lua_settop(L, found - 1);
  return failed;
}

/* easy:setopt(name, value) or easy:setopt{name = value, ...}: sets options by libcurl's
 * names in lower case. What a value is depends on the option: an integer, a boolean, a
 * name of a value ("2tls") or a list of such names; seconds, also fractions, for times;
 * a string; a list of strings; a function; for "share" a share, for "stderr" a file. In
 * a table the order is not fixed, and what came before a refused option stays set.
 * Returns the easy, or nil, message, name. Raises an error for an unknown option and
 * for a value of a wrong type or range. */
int cs_easy_setopt(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  int failed;
  lua_settop(L, 3);
  if (lua_istable(L, 2)) {
    failed = cs_setopt_table(L, e, 1, 2);
  } else {
    push_found(L);
    failed = set_option(L, e, 1, 4, 2, 3);
  }
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}

/* easy:unset(name): back to libcurl's default, for strings, lists, blobs, functions,
 * "share", "stderr" and "postfields". Returns the easy, or nil, message, name. Raises an
 * error for an unknown option and for a number, which has to be set. */
int cs_easy_unset(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  lua_settop(L, 2);
  push_found(L);
  int failed = set_option(L, e, 1, 3, 2, 0);
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}
