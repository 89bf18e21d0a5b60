/* SPDX-License-Identifier: MIT
 *
 * option.c - easy:setopt and easy:unset. Which options there are, and their types, is
 * asked from libcurl at run time, so that one newer than this module works. (A libcurl
 * that was built with CURL_DISABLE_GETOPTIONS describes nothing: every name is unknown
 * then.)
 */
#define CURL_DISABLE_DEPRECATION /* is_in_place names an option that 8.22 lost */
#include <string.h>

#include "mime.h"
#include "policy.h"

/* ---- finding the option ------------------------------------------------------------ */

/* Pushes the table that remembers what was found: libcurl compares all names one by
 * one. */
static void push_found(lua_State *L) {
  static const char registry_key;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}

static const struct curl_easyoption *look_up(lua_State *L, int key) {
  size_t length;
  const char *name = lua_tolstring(L, key, &length);
  if (strlen(name) != length || strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) return NULL;
  return curl_easy_option_by_name(name);
}

/* Pushes what is known of an option, to be kept in the table at index found. */
static struct cs_known *push_known(lua_State *L, const struct curl_easyoption *option) {
  struct cs_known *k = lua_newuserdatauv(L, sizeof *k, 0);
  k->option = option;
  k->setters = cs_setters_of(option);
  k->naming = cs_naming_of(option->id);
  k->range = cs_range_of(option->id);
  k->line = cs_is_line(option->id);
  k->place = cs_place_of(option->id);
  k->stored = cs_stored_as(option->id);
  k->fence = cs_fence_number(k->stored);
  return k;
}

/* Pushes what is known of the option whose name is at index key. */
static const struct cs_known *find(lua_State *L, int found, int key) {
  if (lua_type(L, key) != LUA_TSTRING)
    luaL_error(L, "option name: string expected, got %s", luaL_typename(L, key));
  lua_pushvalue(L, key);
  lua_rawget(L, found);
  const struct cs_known *k = lua_touserdata(L, -1);
  if (k) return k;
  const struct curl_easyoption *option = look_up(L, key);
  if (!option) return NULL;
  lua_pushvalue(L, key);
  k = push_known(L, option);
  lua_rawset(L, found);
  return k;
}

const struct cs_known *cs_known_named(lua_State *L, int key) {
  int top = lua_gettop(L);
  push_found(L);
  const struct cs_known *k = find(L, top + 1, key);
  lua_settop(L, top);
  return k;
}

/* ---- what cannot be set now -------------------------------------------------------- */

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
    CURLOPT_MIMEPOST,
  };
#undef TLS
  for (size_t i = 0; i < sizeof in_place / sizeof *in_place; i++)
    if (in_place[i] == option->id) return 1;
  return option->type == CURLOT_BLOB;
}

/* ---- setting ----------------------------------------------------------------------- */

/* A version of HTTP that libcurl was built without is no scheme that it does not know. */
static CURLcode named(const struct curl_easyoption *option, CURLcode code) {
  int version = option->id == CURLOPT_HTTP_VERSION && code == CURLE_UNSUPPORTED_PROTOCOL;
  return version ? CURLE_NOT_BUILT_IN : code;
}

/* Sets the option to the value at that index with set, which is NULL if that cannot be.
 * 0, or the number of results that it pushed: nil, message, name. */
static int set_option(lua_State *L, const struct cs_setting *s, cs_setter *set) {
  const struct curl_easyoption *option = s->known->option;
  if (!set) return luaL_error(L, "option '%s' has no unset: set a value", s->name);
  int displaces =
      s->e->set.mime && cs_changes_method(option->id) && option->id != CURLOPT_MIMEPOST;
  if ((cs_easy_is_busy(s->e) && (is_in_place(option) || displaces)) ||
      is_told(s->e, option))
    return luaL_error(L, "option '%s' cannot be changed during a transfer or in a multi",
                      s->name);
  int unset = set == s->known->setters->unset && lua_isnil(L, s->value);
  if (s->known->fence >= 0) cs_fence_check(L, s, unset);
  /* Not before, for what is refused leaves the parts; they leave a GET, so once more. */
  CURLcode code = set(L, s);
  if (!code && displaces) code = cs_mime_unset(L, s);
  if (!code && displaces) code = set(L, s);
  if (!code && s->known->fence >= 0) cs_fence_note(L, s, unset);
  return code ? cs_name_option(L, s->name, cs_fail_easy(L, named(option, code))) : 0;
}

/* Reads the table at index into items, in the order in which its options are set: names
 * and values are on the stack then. What is unknown raises an error before anything is
 * set. [-0, +n] */
static void read_table(lua_State *L, int index, int found, struct cs_items *items) {
  lua_pushnil(L);
  while (lua_next(L, index)) {
    int key = lua_gettop(L) - 1;
    const struct cs_known *k = find(L, found, key);
    if (!k) cs_refuse_module(L, index, "easy");
    if (!k) cs_unknown_option(L, key);
    cs_items_add(L, items, k, key);
    lua_copy(L, key, key + 2); /* in the place of what is known */
  }
}

int cs_setopt_table(lua_State *L, struct cs_easy *e, int self, int index) {
  struct cs_items items;
  int failed = 0;
  index = lua_absindex(L, index);
  self = lua_absindex(L, self);
  push_found(L);
  int found = lua_gettop(L);
  cs_items_begin(L, &items);
  read_table(L, index, found, &items);
  int top = lua_gettop(L);
  for (int i = 0; !failed && i < items.count; i++) {
    const struct cs_item *o = &items.at[i];
    struct cs_setting s = {e, self, o->known, lua_tostring(L, o->key), o->key + 1};
    failed = set_option(L, &s, o->known->setters->set);
    if (!failed && lua_gettop(L) != top) lua_settop(L, top);
  }
  if (!failed) lua_settop(L, found - 1);
  return failed;
}

/* What is set by its name, which is at index 2 of the stack: to the value above it. */
static struct cs_setting by_name(lua_State *L, struct cs_easy *e) {
  push_found(L);
  const struct cs_known *k = find(L, lua_gettop(L), 2);
  if (!k) cs_unknown_option(L, 2);
  return (struct cs_setting){e, 1, k, lua_tostring(L, 2), 3};
}

/* nil takes back a function and a share, as unset does; for the rest it is the value of a
 * variable with another name. */
static void check_nil(lua_State *L, const struct cs_setting *s) {
  const struct curl_easyoption *option = s->known->option;
  const struct cs_setters *setters = s->known->setters;
  if (!lua_isnil(L, s->value) || !setters->unset) return;
  if (setters->set == cs_refuse_option || option->type == CURLOT_FUNCTION ||
      option->id == CURLOPT_SHARE)
    return;
  luaL_error(L, "option '%s': got nil: unset(\"%s\") takes its value back", s->name,
             s->name);
}

/* easy:setopt(name, value) or easy:setopt{name = value, ...}: sets options by libcurl's
 * names in lower case. What a value is depends on the option: an integer; a boolean where
 * libcurl has 0 and 1; a name of a value ("2tls") or a list of such names; a version as a
 * number (http_version, sslversion: 1.1; ipresolve: 4, 6); seconds, also fractions, for
 * times; a string; a list of strings; a function, or what may stand in for one;
 * for "share" a share, for "stderr" a file. A Url is taken for its text, as it is now, by
 * "url", the proxies, "referer" and "doh_url"; unless that would mean another URL, as a
 * "/" in a user that was set without "urlencode" does ("URL_MALFORMAT").
 *
 * A table means the same whatever its order is: "share" comes first, then what takes a
 * method back (nobody, upload, put, post, httpget, if false or 0), what sets one (these,
 * postfields, mimepost), all others, each time by libcurl's number (so "username" comes
 * after "userpwd"), and at last "postfieldsize", "cookielist" and "noprogress". What came
 * before a refused option stays set.
 *
 * Returns the easy, or nil, message, name for what libcurl refuses. Raises an error for
 * an unknown option; for two in one table that libcurl keeps in one place (encoding and
 * accept_encoding, timeout and timeout_ms, postfields and mimepost); for a value of a
 * wrong type or range; for CR, LF and NUL in what may be sent as a line, which is every
 * string but file names and the pass phrases of keys; for nil, but for a function or the
 * share; and during a transfer for what libcurl then has in use (a body, TLS files).
 * -> Easy | nil, message, name */
int cs_easy_setopt(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  int failed;
  lua_settop(L, 3);
  if (lua_istable(L, 2)) {
    failed = cs_setopt_table(L, e, 1, 2);
  } else {
    struct cs_setting s = by_name(L, e);
    check_nil(L, &s);
    failed = set_option(L, &s, s.known->setters->set);
  }
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}

/* easy:unset(name): back to libcurl's default, for strings, lists, blobs, functions,
 * "share", "stderr" and "postfields". Returns the easy, or nil, message, name. Raises an
 * error for an unknown option and for a number, which has to be set.
 * -> Easy | nil, message, name */
int cs_easy_unset(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  lua_settop(L, 2);
  lua_pushnil(L); /* what removes a function or a share */
  struct cs_setting s = by_name(L, e);
  int failed = set_option(L, &s, s.known->setters->unset);
  if (failed) return failed;
  lua_settop(L, 1);
  return 1;
}
