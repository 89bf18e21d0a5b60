/* SPDX-License-Identifier: MIT
 *
 * setter.c - how an option of an easy is set: by its type, or in its own way.
 *
 * libcurl copies strings and blobs, but reads lists, and the file of "stderr", where
 * they are: the handle keeps those until libcurl does not read them any more. Lua owns
 * nothing that libcurl points to.
 */
#define CURL_DISABLE_DEPRECATION /* objects has some that are */
#include <errno.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "mime.h"
#include "url.h"

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

static CURLcode set_seconds(lua_State *L, const struct cs_setting *s, CURLoption twin) {
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

static CURLcode set_long(lua_State *L, const struct cs_setting *s) {
  CURLoption id = s->known->option->id;
  if (is_fraction(L, s->value)) {
    const struct curl_easyoption *twin = in_milliseconds(s->known->option);
    if (twin) return set_seconds(L, s, twin->id);
  }
  curl_off_t value = cs_value(L, s->known, s->name, s->value);
  long number = (long)value;
  if (number != value) luaL_error(L, "option '%s': number out of range", s->name);
  if (id == CURLOPT_WILDCARDMATCH) s->e->set.wildcard = 1;
  return set_number(s->e, id, number);
}

static CURLcode set_off_t(lua_State *L, const struct cs_setting *s) {
  curl_off_t value = cs_value(L, s->known, s->name, s->value);
  return curl_easy_setopt(s->e->curl, s->known->option->id, value);
}

/* ---- strings and lists ------------------------------------------------------------- */

static const char *check_bytes(lua_State *L, const struct cs_setting *s, size_t *length) {
  if (lua_type(L, s->value) != LUA_TSTRING)
    cs_option_error(L, s->name, "string", s->value);
  return lua_tolstring(L, s->value, length);
}

/* The first byte of the text, so long, that the option cannot have; else NULL. */
static const char *wrong_byte(const struct cs_setting *s, const char *text,
                              size_t length) {
  size_t good = s->known->line ? strcspn(text, "\r\n") : strlen(text);
  if (good == length) return NULL;
  return text[good] == '\r' ? "CR" : text[good] == '\n' ? "LF" : "NUL";
}

const char *cs_setting_text(lua_State *L, const struct cs_setting *s) {
  size_t length;
  const char *text = check_bytes(L, s, &length), *wrong = wrong_byte(s, text, length);
  if (wrong) luaL_error(L, "option '%s': string contains %s", s->name, wrong);
  return text;
}

static CURLcode set_string(lua_State *L, const struct cs_setting *s) {
  const char *text = cs_setting_text(L, s);
  CURLcode code = cs_fileurl_check(s->known->option->id, text);
  return code ? code : curl_easy_setopt(s->e->curl, s->known->option->id, text);
}

/* A Url is not kept: its text is what libcurl gets. */
static CURLcode set_url(lua_State *L, const struct cs_setting *s) {
  CURLcode code = cs_url_test(L, s->value) ? cs_url_to_text(L, s->value) : CURLE_OK;
  return code ? code : set_string(L, s);
}

/* A policy is asked about it: again, when the transfer runs, because libcurl asks for the
 * new one when it has to ask twice. */
static void note_url(struct cs_easy *e) {
  e->changes++;
  if (e->running) e->hop = -1;
}

static CURLcode set_main_url(lua_State *L, const struct cs_setting *s) {
  CURLcode code = set_url(L, s);
  if (code) return code;
  lua_pushvalue(L, s->value);
  lua_setiuservalue(L, s->self, CS_UV_URL);
  note_url(s->e);
  return CURLE_OK;
}

static CURLcode set_blob(lua_State *L, const struct cs_setting *s) {
  struct curl_blob blob = {.flags = CURL_BLOB_COPY};
  blob.data = (void *)check_bytes(L, s, &blob.len);
  return curl_easy_setopt(s->e->curl, s->known->option->id, &blob);
}

static CURLcode set_null(lua_State *L, const struct cs_setting *s) {
  (void)L;
  return curl_easy_setopt(s->e->curl, s->known->option->id, (char *)NULL);
}

static CURLcode unset_main_url(lua_State *L, const struct cs_setting *s) {
  cs_clear_uservalue(L, s->self, CS_UV_URL);
  note_url(s->e);
  return set_null(L, s);
}

/* Pushes item number i of the list, which is a string or a number. */
static void push_item(lua_State *L, const struct cs_setting *s, lua_Integer i) {
  size_t length;
  int type = lua_rawgeti(L, s->value, i);
  if (type == LUA_TNUMBER) return;
  if (type != LUA_TSTRING)
    luaL_error(L, "option '%s': string expected at [%I], got %s", s->name, i,
               luaL_typename(L, -1));
  const char *text = lua_tolstring(L, -1, &length), *wrong = wrong_byte(s, text, length);
  if (wrong) luaL_error(L, "option '%s': string at [%I] contains %s", s->name, i, wrong);
}

/* Pushes the items one after the other, each with its NUL: the list can be made from that
 * with no call that might raise an error and lose it. */
const char *cs_setting_items(lua_State *L, const struct cs_setting *s, size_t *length) {
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

CURLcode cs_list_set(struct cs_easy *e, CURLoption id, const char *items, size_t length) {
  struct curl_slist *list = NULL, **end = &list, *first;
  int good = 1;
  first = id == CURLOPT_TELNETOPTIONS ? cs_terminal() : NULL; /* what comes later wins */
  for (; good && first; first = first->next) good = cs_list_append(&end, first->data);
  for (const char *item = items; good && item < items + length; item += strlen(item) + 1)
    good = cs_list_append(&end, item);
  if (good) return cs_list_keep(e, id, list);
  curl_slist_free_all(list);
  return CURLE_OUT_OF_MEMORY;
}

static CURLcode set_list(lua_State *L, const struct cs_setting *s) {
  size_t length;
  const char *items = cs_setting_items(L, s, &length);
  return cs_list_set(s->e, s->known->option->id, items, length);
}

static CURLcode unset_list(lua_State *L, const struct cs_setting *s) {
  (void)L;
  return cs_list_keep(s->e, s->known->option->id, NULL);
}

/* ---- functions and objects --------------------------------------------------------- */

static CURLcode set_function(lua_State *L, const struct cs_setting *s) {
  return cs_callback_set(L, s->e, s->self, s->name, s->value);
}

CURLcode cs_refuse_option(lua_State *L, const struct cs_setting *s) {
  luaL_error(L, "option '%s' cannot be set from Lua", s->name);
  return CURLE_UNKNOWN_OPTION;
}

static CURLcode set_share(lua_State *L, const struct cs_setting *s) {
  return cs_share_use(L, s->e, s->self, s->value);
}

static CURLcode set_postfields(lua_State *L, const struct cs_setting *s) {
  size_t length;
  struct cs_setting form = *s;
  int type = lua_type(L, s->value);
  if (type != LUA_TSTRING && type != LUA_TTABLE)
    cs_option_error(L, s->name, "string or table", s->value);
  if (type == LUA_TTABLE) {
    cs_form_push(L, s->name, s->value);
    form.value = lua_gettop(L);
  }
  const char *data = check_bytes(L, &form, &length);
  CURLcode code =
      curl_easy_setopt(s->e->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
  if (!code) code = curl_easy_setopt(s->e->curl, CURLOPT_COPYPOSTFIELDS, data);
  if (!code) s->e->set.fields = 1;
  return code;
}

/* Back to GET too: with no fields libcurl would read the body from readfunction. */
static CURLcode unset_postfields(lua_State *L, const struct cs_setting *s) {
  CURL *curl = s->e->curl;
  (void)L;
  CURLcode code = curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, NULL);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1);
  s->e->set.fields = 0;
  return code ? code : curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
}

/* libcurl's copy of the fields has no NUL at its end: without a size it would read on. */
static CURLcode set_postfieldsize(lua_State *L, const struct cs_setting *s) {
  curl_off_t size = cs_value(L, s->known, s->name, s->value);
  if (size < 0 && s->e->set.fields)
    luaL_error(L, "option '%s': postfields are set, whose size is known", s->name);
  return curl_easy_setopt(s->e->curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
}

/* What libcurl may grant as it likes. Before 8.7 it keeps buffers from one transfer to
 * another that overflow when these sizes change meanwhile, if only by a reset: so the
 * one is never smaller than its default, and the other always that. */
static CURLcode set_buffersize(lua_State *L, const struct cs_setting *s) {
  CURLoption id = s->known->option->id;
  curl_off_t size = cs_value(L, s->known, s->name, s->value);
  int grants = cs_version() >= 0x080700;
  if (!grants && id == CURLOPT_UPLOAD_BUFFERSIZE) return CURLE_OK;
  if (!grants && size < CURL_MAX_WRITE_SIZE) size = CURL_MAX_WRITE_SIZE;
  return curl_easy_setopt(s->e->curl, id, size > INT_MAX ? (long)INT_MAX : (long)size);
}

/* Before 8.2 a transfer that has one crashes when it finds an idle HTTP/2 connection with
 * something to read. */
static CURLcode set_stream_weight(lua_State *L, const struct cs_setting *s) {
  long weight = (long)cs_value(L, s->known, s->name, s->value);
  if (cs_version() < 0x080200) return CS_NOT_SUPPORTED;
  return curl_easy_setopt(s->e->curl, CURLOPT_STREAM_WEIGHT, weight);
}

static CURLcode set_redir_protocols(lua_State *L, const struct cs_setting *s) {
  long bits = (long)cs_value(L, s->known, s->name, s->value);
  CURLcode code = cs_fileurl_check_bits(bits);
  return code ? code : curl_easy_setopt(s->e->curl, CURLOPT_REDIR_PROTOCOLS, bits);
}

/* Before 8.8 libcurl allows no protocol at all for NULL, and fails. */
static CURLcode unset_protocols(lua_State *L, const struct cs_setting *s) {
  (void)L;
  return curl_easy_setopt(s->e->curl, CURLOPT_PROTOCOLS, (long)CURLPROTO_ALL);
}

static CURLcode unset_redir_protocols(lua_State *L, const struct cs_setting *s) {
  (void)L;
  return curl_easy_setopt(
      s->e->curl, CURLOPT_REDIR_PROTOCOLS,
      (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FTP | CURLPROTO_FTPS));
}

static CURLcode set_connect_only(lua_State *L, const struct cs_setting *s) {
  CURLcode code = set_long(L, s);
  if (code) return code;
  s->e->set.connect_only = cs_value(L, s->known, s->name, s->value) != 0;
  return CURLE_OK;
}

static CURLcode set_hsts(lua_State *L, const struct cs_setting *s) {
  CURLcode code = set_string(L, s);
  if (!code) s->e->set.hsts = 1;
  return code;
}

/* Frees the list of files, which libcurl would read into a cache. */
static CURLcode forget_hsts(struct cs_easy *e) {
  CURLcode code = curl_easy_setopt(e->curl, CURLOPT_HSTS, NULL);
  if (!code) e->set.hsts = 0;
  return code;
}

static CURLcode unset_hsts(lua_State *L, const struct cs_setting *s) {
  (void)L;
  return forget_hsts(s->e);
}

/* libcurl would free the cache of a share, for all who use it. Of the easy's own it
 * forgets the files only from 8.21 on: before it crashes in the next transfer. */
static CURLcode set_hsts_ctrl(lua_State *L, const struct cs_setting *s) {
  curl_off_t bits = cs_value(L, s->known, s->name, s->value);
  int ends = !(bits & CURLHSTS_ENABLE);
  if (ends && s->e->share && s->e->share->hsts)
    luaL_error(L, "option '%s': the cache is that of a share", s->name);
  CURLcode code = ends && s->e->set.hsts ? forget_hsts(s->e) : CURLE_OK;
  return code ? code : curl_easy_setopt(s->e->curl, CURLOPT_HSTS_CTRL, (long)bits);
}

static CURLcode set_stderr(lua_State *L, const struct cs_setting *s) {
  luaL_Stream *stream = luaL_testudata(L, s->value, LUA_FILEHANDLE);
  if (!stream || !stream->closef) cs_option_error(L, s->name, "open file", s->value);
  FILE *file = cs_file_copy(stream->f);
  if (file) return cs_list_keep(s->e, CURLOPT_STDERR, file);
  if (errno == EINVAL) return CURLE_BAD_FUNCTION_ARGUMENT; /* it cannot be written */
  return luaL_error(L, "option '%s': the file cannot be duplicated: %s", s->name,
                    strerror(errno));
}

static const struct {
  CURLoption id;
  struct cs_setters setters;
} objects[] = {
    {CURLOPT_SHARE, {set_share, set_share}},
    {CURLOPT_URL, {set_main_url, unset_main_url}},
    {CURLOPT_PROXY, {set_url, set_null}},
    {CURLOPT_PRE_PROXY, {set_url, set_null}},
    {CURLOPT_REFERER, {set_url, set_null}},
    {CURLOPT_DOH_URL, {set_url, set_null}},
    {CURLOPT_POSTFIELDS, {set_postfields, unset_postfields}},
    {CURLOPT_COPYPOSTFIELDS, {set_postfields, unset_postfields}},
    {CURLOPT_POSTFIELDSIZE, {set_postfieldsize, NULL}},
    {CURLOPT_POSTFIELDSIZE_LARGE, {set_postfieldsize, NULL}},
    {CURLOPT_BUFFERSIZE, {set_buffersize, NULL}},
    {CURLOPT_UPLOAD_BUFFERSIZE, {set_buffersize, NULL}},
    {CURLOPT_STREAM_WEIGHT, {set_stream_weight, NULL}},
    {CURLOPT_HSTS_CTRL, {set_hsts_ctrl, NULL}},
    {CURLOPT_HSTS, {set_hsts, unset_hsts}},
    {CURLOPT_CONNECT_ONLY, {set_connect_only, NULL}},
    {CURLOPT_REDIR_PROTOCOLS, {set_redir_protocols, NULL}},
    {CURLOPT_PROTOCOLS_STR, {set_string, unset_protocols}},
    {CURLOPT_REDIR_PROTOCOLS_STR, {set_string, unset_redir_protocols}},
    {CURLOPT_STDERR, {set_stderr, unset_list}},
    {CURLOPT_MIMEPOST, {cs_mime_set, cs_mime_unset}},
};

/* No unset for numbers: libcurl does not tell their defaults, and 0 is another value. */
static const struct cs_setters types[] = {
    [CURLOT_LONG] = {set_long, NULL},
    [CURLOT_VALUES] = {set_long, NULL},
    [CURLOT_OFF_T] = {set_off_t, NULL},
    [CURLOT_STRING] = {set_string, set_null},
    [CURLOT_SLIST] = {set_list, unset_list},
    [CURLOT_BLOB] = {set_blob, set_null},
    [CURLOT_FUNCTION] = {set_function, set_function},
};

const struct cs_setters *cs_setters_of(const struct curl_easyoption *option) {
  static const struct cs_setters refused = {cs_refuse_option, cs_refuse_option};
  for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
    if (objects[i].id == option->id) return &objects[i].setters;
  if ((size_t)option->type < sizeof types / sizeof *types && types[option->type].set)
    return &types[option->type];
  return &refused;
}
