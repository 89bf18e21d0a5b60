/* SPDX-License-Identifier: MIT
 *
 * mimeread.c - the trampolines of parts that a function gives.
 */
#include <stdlib.h>
#include <string.h>

#include "calling.h"
#include "mime.h"

/* Puts the part's function, at offset from its first, in the place of the description. */
static struct cs_calling *begin(lua_State *L, int offset) {
  struct cs_calling *c = cs_calling_begin(L);
  const struct cs_mimepart *part = c->more;
  lua_getfield(L, CALLBACK, "calls");
  lua_rawgeti(L, -1, part->call + offset);
  lua_replace(L, ANSWER);
  lua_settop(L, ANSWER);
  return c;
}

static void drop_rest(struct cs_mimepart *part) {
  free(part->rest);
  part->rest = NULL;
}

/* Hands on the next piece of what the function gave too much. */
static size_t take_rest(struct cs_mimepart *part, char *data, size_t size) {
  size_t left = part->length - part->given, n = left < size ? left : size;
  memcpy(data, part->rest + part->given, n);
  part->given += n;
  if (part->given == part->length) drop_rest(part);
  return n;
}

/* The first piece of the answer; the rest is kept. */
static size_t take_answer(lua_State *L, struct cs_calling *c) {
  struct cs_mimepart *part = c->more;
  size_t length;
  const char *text = lua_tolstring(L, ANSWER, &length);
  size_t n = length < c->size ? length : c->size;
  /* analyzer: the part has it, and frees it */
  if (n < length && !(part->rest = malloc(length - n)))
    luaL_error(L, "not enough memory");
  memcpy(c->data, text, n);
  if (part->rest) memcpy(part->rest, text + n, length - n);
  part->length = length - n;
  part->given = 0;
  return n;
}

static int read_body(lua_State *L) {
  struct cs_calling *c = begin(L, 0);
  lua_pushinteger(L, (lua_Integer)c->size);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  if (lua_type(L, ANSWER) == LUA_TSTRING && lua_rawlen(L, ANSWER) > 0)
    return c->answer = take_answer(L, c), 0;
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_YES || a == CS_OTHER)
    return cs_calling_wrong(L, c,
                            "a string that is not empty, nil, curl.PAUSE, or false and "
                            "a reason");
  if (a == CS_NO) c->answer = CURL_READFUNC_ABORT;
  if (a != CS_PAUSE) return 0;
  c->answer = CURL_READFUNC_PAUSE;
  c->easy->paused |= CURLPAUSE_SEND;
  return 0;
}

size_t cs_on_mime_read(char *data, size_t one, size_t size, void *of) {
  struct cs_mimepart *part = of;
  struct cs_easy *e = part->easy;
  struct cs_calling c = {.easy = e,
                         .which = CS_MIME,
                         .name = "mimepost: read",
                         .data = data,
                         .size = one * size,
                         .more = part};
  if (e->paused & CURLPAUSE_SEND && !e->failed) return CURL_READFUNC_PAUSE;
  if (part->rest) return take_rest(part, data, one * size);
  return cs_calling_run(&c, read_body) ? CURL_READFUNC_ABORT : c.answer;
}

static int seek_body(lua_State *L) {
  static const char *const origins[] = {
      [SEEK_SET] = "set", [SEEK_CUR] = "cur", [SEEK_END] = "end"};
  struct cs_calling *c = begin(L, 1);
  lua_pushinteger(L, (lua_Integer)c->numbers[0]);
  lua_pushstring(L, origins[c->numbers[1]]);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_YES || lua_type(L, ANSWER) == LUA_TNUMBER) return 0;
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "true, a number, nil, or false and a reason");
  c->answer = a == CS_NO ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_CANTSEEK;
  return 0;
}

int cs_on_mime_seek(void *of, curl_off_t offset, int origin) {
  struct cs_mimepart *part = of;
  struct cs_calling c = {.easy = part->easy,
                         .which = CS_MIME,
                         .name = "mimepost: seek",
                         .numbers = {offset, origin},
                         .more = part,
                         .answer = CURL_SEEKFUNC_OK};
  drop_rest(part);
  return cs_calling_run(&c, seek_body) ? CURL_SEEKFUNC_FAIL : (int)c.answer;
}
