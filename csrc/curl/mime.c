/* SPDX-License-Identifier: MIT
 *
 * mime.c - the option "mimepost": parts as libcurl has them, made of what description.c
 * has read. libcurl points into them: the easy keeps them as it keeps lists.
 */
#include <stdlib.h>
#include <string.h>

#include "mime.h"

/* The part that is being made: its description is on top of the stack. */
struct making {
  struct cs_easy *easy;
  struct cs_mime *all;
  CURLcode code; /* the first failure */
};

/* ---- one part ---------------------------------------------------------------------- */

static void note(struct making *m, CURLcode code) {
  if (!m->code) m->code = code;
}

static void set_text(lua_State *L, struct making *m, curl_mimepart *part,
                     const char *field, CURLcode (*set)(curl_mimepart *, const char *)) {
  if (lua_getfield(L, -1, field) == LUA_TSTRING) note(m, set(part, lua_tostring(L, -1)));
  lua_pop(L, 1);
}

static void set_data(lua_State *L, struct making *m, curl_mimepart *part) {
  size_t length;
  if (lua_getfield(L, -1, "data") == LUA_TSTRING) {
    const char *data = lua_tolstring(L, -1, &length);
    note(m, curl_mime_data(part, data, length));
  }
  lua_pop(L, 1);
}

/* Belongs to libcurl then. All strings are there: nothing raises an error meanwhile. */
static void set_headers(lua_State *L, struct making *m, curl_mimepart *part) {
  struct curl_slist *list = NULL, **end = &list;
  int good = 1;
  if (lua_getfield(L, -1, "headers") == LUA_TTABLE) {
    int table = lua_gettop(L);
    lua_Integer count = (lua_Integer)lua_rawlen(L, table);
    for (lua_Integer i = 1; good && i <= count; i++, lua_pop(L, 1)) {
      lua_rawgeti(L, table, i);
      good = cs_list_append(&end, lua_tostring(L, -1));
    }
    CURLcode code = good ? curl_mime_headers(part, list, 1) : CURLE_OUT_OF_MEMORY;
    if (code) curl_slist_free_all(list);
    note(m, code);
  }
  lua_pop(L, 1);
}

/* What a function gives; without a size it is not known. */
static void set_read(lua_State *L, struct making *m, curl_mimepart *part) {
  curl_off_t size = -1;
  if (lua_getfield(L, -1, "call") == LUA_TNUMBER) {
    struct cs_mimepart *own = calloc(1, sizeof *own);
    if (!own) return lua_pop(L, 1), note(m, CURLE_OUT_OF_MEMORY);
    own->easy = m->easy;
    own->call = (int)lua_tointeger(L, -1);
    own->next = m->all->parts;
    m->all->parts = own;
    if (lua_getfield(L, -2, "size") == LUA_TNUMBER) size = lua_tointeger(L, -1);
    int seeks = lua_getfield(L, -3, "seek") == LUA_TFUNCTION;
    note(m, curl_mime_data_cb(part, size, cs_on_mime_read, seeks ? cs_on_mime_seek : NULL,
                              NULL, own));
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void add_parts(lua_State *L, struct making *m, curl_mime *mime);

static void set_parts(lua_State *L, struct making *m, curl_mimepart *part) {
  if (lua_getfield(L, -1, "parts") == LUA_TTABLE) {
    curl_mime *within = curl_mime_init(m->easy->curl);
    CURLcode code = within ? curl_mime_subparts(part, within) : CURLE_OUT_OF_MEMORY;
    if (code)
      curl_mime_free(within);
    else
      add_parts(L, m, within);
    note(m, code);
  }
  lua_pop(L, 1);
}

/* A file gives its name too: what filename says comes after. */
static void fill_part(lua_State *L, struct making *m, curl_mimepart *part) {
  set_data(L, m, part);
  set_text(L, m, part, "file", curl_mime_filedata);
  set_read(L, m, part);
  set_parts(L, m, part);
  set_text(L, m, part, "name", curl_mime_name);
  set_text(L, m, part, "filename", curl_mime_filename);
  set_text(L, m, part, "type", curl_mime_type);
  set_text(L, m, part, "encoder", curl_mime_encoder);
  set_headers(L, m, part);
}

/* Adds the parts of the list on top of the stack. */
static void add_parts(lua_State *L, struct making *m, curl_mime *mime) {
  int list = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  luaL_checkstack(L, LUA_MINSTACK, "parts within parts");
  for (lua_Integer i = 1; !m->code && i <= count; i++, lua_settop(L, list)) {
    curl_mimepart *part = curl_mime_addpart(mime);
    if (!part) return note(m, CURLE_OUT_OF_MEMORY);
    lua_rawgeti(L, list, i);
    fill_part(L, m, part);
  }
}

/* ---- all parts --------------------------------------------------------------------- */

/* make(description, making): protected, for there may be no memory for Lua. */
static int make(lua_State *L) {
  struct making *m = lua_touserdata(L, 2);
  lua_getfield(L, 1, "parts");
  add_parts(L, m, m->all->mime);
  return 0;
}

static struct cs_mime *new_mime(struct cs_easy *e) {
  struct cs_mime *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->mime = curl_mime_init(e->curl);
  if (all->mime) return all;
  free(all);
  return NULL;
}

/* Makes the parts of the description at that index: m->all, NULL if that fails. Not 0 if
 * it was Lua that failed: its error is on top of the stack then. */
static int build(lua_State *L, struct cs_easy *e, int description, struct making *m) {
  *m = (struct making){.easy = e, .all = new_mime(e)};
  if (!m->all) return m->code = CURLE_OUT_OF_MEMORY, 0;
  lua_pushcfunction(L, make);
  lua_pushvalue(L, description);
  lua_pushlightuserdata(L, m);
  int failed = lua_pcall(L, 2, 0, 0);
  if (!failed && !m->code) return 0;
  cs_mime_free(m->all);
  m->all = NULL;
  return failed;
}

static CURLcode take_back(struct cs_easy *e) {
  CURLcode code = cs_list_keep(e, CURLOPT_MIMEPOST, NULL);
  e->set.mime = 0;
  return code ? code : curl_easy_setopt(e->curl, CURLOPT_HTTPGET, 1L);
}

/* Another body stays. */
CURLcode cs_mime_unset(lua_State *L, const struct cs_setting *s) {
  if (!s->e->set.mime) return CURLE_OK;
  lua_pushnil(L);
  cs_rare_set(L, s->self, CS_MIME, lua_gettop(L));
  return take_back(s->e);
}

/* The new parts take the place of any body and method. */
static CURLcode use(struct cs_easy *e, struct cs_mime *all) {
  CURLcode code = take_back(e);
  if (code) return cs_mime_free(all), code;
  code = cs_list_keep(e, CURLOPT_MIMEPOST, all);
  e->set.mime = !code;
  return code;
}

/* mimepost: the option is a list of parts: of a form, or of a mail. The tables are read
 * when it is set: what becomes of them later does not matter. Another body, or a method,
 * takes the parts back. A part is a table of
 *   name       of the field of a form
 *   filename   that the other side is told
 *   type       content type
 *   encoder    "base64", "quoted-printable", "8bit", "7bit" or "binary"
 *   headers    list of "Name: value" lines
 * and of one of
 *   data       the bytes, a string
 *   file       a path, which is read when it is sent
 *   read       read(size, easy), which answers as readfunction does; with it may be
 *   size       how many bytes read gives
 *   seek       seek(offset, origin, easy), which answers as seekfunction does
 *   parts      list of parts within this one
 * -> Part[] */
CURLcode cs_mime_set(lua_State *L, const struct cs_setting *s) {
  struct making m;
  cs_rare_push(L, s->self, CS_MIME);
  int before = lua_gettop(L), description = before + 1;
  cs_description_push(L, s->name, s->value);
  cs_rare_set(L, s->self, CS_MIME, description);
  int failed = build(L, s->e, description, &m);
  if (!m.all) cs_rare_set(L, s->self, CS_MIME, before); /* it has room: no error */
  if (failed) return lua_error(L), m.code;
  return m.all ? use(s->e, m.all) : m.code;
}

CURLcode cs_mime_copy(lua_State *L, struct cs_easy *e, int self) {
  struct making m;
  if (!e->set.mime) return CURLE_OK;
  cs_rare_push(L, self, CS_MIME);
  int failed = build(L, e, lua_gettop(L), &m);
  if (failed) return lua_error(L), m.code;
  lua_pop(L, 1);
  return m.all ? cs_list_keep(e, CURLOPT_MIMEPOST, m.all) : m.code;
}
