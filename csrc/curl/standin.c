/* SPDX-License-Identifier: MIT
 *
 * standin.c - what may stand in for a function: a file or a table takes data, a file or a
 * string gives it, and then it can be sought.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "calling.h"

/* The open file at index. */
static FILE *check_file(lua_State *L, const char *name, int index) {
  const luaL_Stream *file = lua_touserdata(L, index);
  if (!file->closef) luaL_error(L, "%s: the file is closed", name);
  return file->f;
}

static void keep_errno(lua_State *L, int easy, int code) {
  lua_pushstring(L, strerror(code));
  cs_easy_keep(L, easy, CS_UV_REASON);
}

/* ---- data that comes --------------------------------------------------------------- */

static void append(lua_State *L, int index, const char *data, size_t size) {
  lua_pushlstring(L, data, size);
  lua_rawseti(L, index, (lua_Integer)lua_rawlen(L, index) + 1);
}

int cs_standin_write(lua_State *L, const char *name, int easy, int index,
                     const char *data, size_t size) {
  if (lua_istable(L, index)) return append(L, index, data, size), 1;
  FILE *file = check_file(L, name, index);
  if (fwrite(data, 1, size, file) == size) return 1;
  keep_errno(L, easy, errno);
  return 0;
}

struct flush_call {
  struct cs_easy *easy;
  CURLcode code;
};

/* A transfer that failed before has its own code, and a reason of its own first. */
static void note_failure(lua_State *L, int easy, struct flush_call *c, int error) {
  if (!c->code || lua_getiuservalue(L, easy, CS_UV_REASON) != LUA_TSTRING)
    keep_errno(L, easy, error);
  if (!c->code) c->code = CURLE_WRITE_ERROR;
}

/* One that the script has closed was flushed by that. */
static void flush(lua_State *L, int easy, struct flush_call *c, int which) {
  lua_getiuservalue(L, easy, CS_UV_OWN + which);
  const luaL_Stream *file = luaL_testudata(L, -1, LUA_FILEHANDLE);
  if (file && file->closef && fflush(file->f)) note_failure(L, easy, c, errno);
  lua_settop(L, easy);
}

static int flush_body(lua_State *L) {
  struct flush_call *c = lua_touserdata(L, 2);
  cs_push_easy(L, 1, c->easy->h.rt->frame, c->easy);
  for (int which = 0; which < CS_NCALLBACKS; which++)
    if (c->easy->set.files & 1u << which) flush(L, EASY, c, which);
  return 0;
}

CURLcode cs_standin_flush(struct cs_frame *f, struct cs_easy *e, CURLcode code) {
  struct flush_call c = {e, code};
  if (e->set.files && cs_call(f, flush_body, &c)) cs_easy_error(f, e);
  return c.code;
}

/* ---- data that goes ---------------------------------------------------------------- */

/* A file is read from where it stands when the transfer begins. */
static void note_start(struct cs_easy *e, FILE *file) {
  if (e->start == CS_UNKNOWN) e->start = ftello(file);
}

static size_t read_string(lua_State *L, struct cs_easy *e, int index, char *data,
                          size_t size) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  size_t left = e->given < length ? length - e->given : 0, n = left < size ? left : size;
  memcpy(data, text + e->given, n);
  e->given += n;
  return n;
}

size_t cs_standin_read(lua_State *L, struct cs_easy *e, int easy, int index, char *data,
                       size_t size) {
  if (lua_type(L, index) == LUA_TSTRING) return read_string(L, e, index, data, size);
  FILE *file = check_file(L, "readfunction", index);
  note_start(e, file);
  size_t n = fread(data, 1, size, file);
  if (n > 0 || !ferror(file)) return n;
  keep_errno(L, easy, errno);
  return CURL_READFUNC_ABORT;
}

static int seek_string(lua_State *L, struct cs_easy *e, int index, curl_off_t offset,
                       int origin) {
  curl_off_t length = (curl_off_t)lua_rawlen(L, index);
  if (origin == SEEK_CUR) offset += (curl_off_t)e->given;
  if (origin == SEEK_END) offset += length;
  if (offset < 0 || offset > length) return CURL_SEEKFUNC_FAIL;
  e->given = (size_t)offset;
  return CURL_SEEKFUNC_OK;
}

int cs_standin_seek(lua_State *L, struct cs_easy *e, int index, curl_off_t offset,
                    int origin) {
  if (lua_type(L, index) == LUA_TSTRING) return seek_string(L, e, index, offset, origin);
  if (!luaL_testudata(L, index, LUA_FILEHANDLE)) return CURL_SEEKFUNC_CANTSEEK;
  FILE *file = check_file(L, "readfunction", index);
  note_start(e, file);
  if (e->start < 0) return CURL_SEEKFUNC_CANTSEEK; /* a pipe */
  if (origin == SEEK_SET) offset += e->start;
  return fseeko(file, (off_t)offset, origin) ? CURL_SEEKFUNC_CANTSEEK : CURL_SEEKFUNC_OK;
}
