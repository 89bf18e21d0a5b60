/* SPDX-License-Identifier: MIT
 *
 * ws.c - WebSocket. Frames come by writefunction in an ordinary transfer, or are asked
 * for on the connection that connect_only = 2 has made.
 */
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "newer.h"
#include "talk.h"

static const struct kind {
  const char *name;
  unsigned flag;
} kinds[] = {{"text", CURLWS_TEXT}, {"binary", CURLWS_BINARY}, {"ping", CURLWS_PING},
             {"pong", CURLWS_PONG}, {"close", CURLWS_CLOSE},   {"cont", CURLWS_CONT}};

#define NKINDS (sizeof kinds / sizeof *kinds)

static int find(void) {
  const char *const *p = curl_version_info(CURLVERSION_NOW)->protocols;
  while (*p && strcmp(*p, "ws")) p++;
  return *p && cs_version() >= 0x080b00;
}

/* From 8.11.0 on it is no experiment; it can still be left out. */
static int is_there(void) {
  static atomic_int found; /* 1 or 2: it is not looked for at each frame */
  if (!found) found = 1 + find();
  return found - 1;
}

static unsigned check_kind(lua_State *L, int index) {
  const char *word = (luaL_checktype(L, index, LUA_TSTRING), cs_word(L, index));
  for (size_t i = 0; i < NKINDS - 1; i++)
    if (!strcmp(kinds[i].name, word)) return kinds[i].flag;
  return (unsigned)luaL_argerror(
      L, index,
      lua_pushfstring(L, "no kind of frame: %s (text, binary, ping, pong, close)",
                      cs_shown(L, index)));
}

/* The kind at index, and whether more fragments follow, at index 4. */
static unsigned check_flags(lua_State *L, int index) {
  return check_kind(L, index) | (lua_toboolean(L, 4) ? CURLWS_CONT : 0);
}

/* Pushes what a frame is: kind, whether more fragments follow, offset and what is left
 * of it, in bytes. */
static int push_frame(lua_State *L, const struct curl_ws_frame *frame) {
  size_t i = 0;
  while (i < NKINDS - 1 && !((unsigned)frame->flags & kinds[i].flag)) i++;
  lua_pushstring(L, kinds[i].name);
  lua_pushboolean(L, frame->flags & CURLWS_CONT);
  lua_pushinteger(L, (lua_Integer)frame->offset);
  lua_pushinteger(L, (lua_Integer)frame->bytesleft);
  return 4;
}

/* easy:ws_send(bytes, kind [, more]): sends a frame, "text", "binary", "ping", "pong" or
 * "close", on the transfer that runs in a multi, or on the connection of connect_only =
 * 2; more: fragments follow. How many bytes were taken, of which the rest is to be sent
 * with the same kind; or nil, message, name ("AGAIN": none now). Refused inside
 * callbacks, where libcurl would block. NOT_SUPPORTED before libcurl 8.11.0, and without
 * WebSocket.
 * -> sent: integer | nil, message, name */
int cs_easy_ws_send(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  size_t length, sent = 0;
  const char *bytes = luaL_checklstring(L, 2, &length);
  unsigned flags = check_flags(L, 3);
  struct cs_frame f;
  cs_refuse_inside(L, &e->h, "easy:ws_send");
  if (!is_there()) return cs_talk_fail(L, CS_NOT_SUPPORTED);
  if (e->set.connect_only && !cs_talk_begin(L, e, "easy:ws_send"))
    return cs_talk_fail(L, CURLE_OK);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = curl_ws_send(e->curl, bytes, length, &sent, 0, flags);
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_talk_fail(L, code);
  lua_pushinteger(L, (lua_Integer)sent);
  return 1;
}

/* easy:ws_recv([n]): what has come of a frame, at most n bytes (16384), with connect_only
 * = 2: the bytes, and of the frame what ws_meta tells; or nil, message, name ("AGAIN":
 * nothing now; "GOT_NOTHING": the connection has ended).
 * -> bytes: string, kind: string, more: boolean, offset: integer, left: integer
 *    | nil, message, name */
int cs_easy_ws_recv(lua_State *L) {
  struct cs_easy *e = cs_talk_easy(L, "easy:ws_recv");
  lua_Integer size = luaL_optinteger(L, 2, CURL_MAX_WRITE_SIZE);
  size_t got = 0;
  const struct curl_ws_frame *told = NULL;
  struct curl_ws_frame frame = {0};
  struct cs_frame f;
  luaL_argcheck(L, size >= 1 && size <= INT_MAX, 2, "size out of range");
  if (!is_there()) return cs_talk_fail(L, CS_NOT_SUPPORTED);
  cs_talk_check(L, e, "easy:ws_recv");
  void *bytes = lua_newuserdatauv(L, (size_t)size, 0);
  if (!cs_talk_begin(L, e, "easy:ws_recv")) return cs_talk_fail(L, CURLE_OK);
  cs_enter(&f, L, &e->h, 1);
  cs_quiet(&f);
  CURLcode code = curl_ws_recv(e->curl, bytes, (size_t)size, &got, (void *)&told);
  if (told) frame = *told; /* which is the connection's: what follows may close that */
  cs_leave(&f);
  cs_rethrow(&f);
  if (code) return cs_talk_fail(L, code);
  lua_pushlstring(L, bytes, got);
  return told ? 1 + push_frame(L, &frame) : 1;
}

/* easy:ws_meta(): inside writefunction: of which frame the data is: its kind ("text",
 * "binary", "ping", "pong", "close", "cont"), whether more fragments follow, the offset
 * of the data in it, and how many bytes of it are left. Elsewhere nil. (Frames that wait
 * because writefunction returned curl.PAUSE come as one in libcurl 8.14: easy:pause does
 * no such thing; it lets what was read come.)
 * -> kind: string, more: boolean, offset: integer, left: integer | nil */
int cs_easy_ws_meta(lua_State *L) {
  const struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  const struct curl_ws_frame *frame = is_there() ? curl_ws_meta(e->curl) : NULL;
  if (frame) return push_frame(L, frame);
  lua_pushnil(L);
  return 1;
}

/* easy:ws_start_frame(kind, size [, more]): inside readfunction, of a transfer of a URL
 * ws:// or wss:// with upload = true: what it returns from now on is a frame of that kind
 * and size in bytes, in one piece or several; more: fragments follow. Nothing,
 * returned by the same call of readfunction, is not the end of the body: so an empty
 * frame is sent. Returns the easy, or nil, message, name. NOT_SUPPORTED before libcurl
 * 8.16.0, and without WebSocket. Raises an error elsewhere, and in a frame that has not
 * got all its bytes; readfunction's transfer fails if it returns more than a frame takes,
 * or ends inside one.
 * -> Easy | nil, message, name */
int cs_easy_ws_start_frame(lua_State *L) {
  struct cs_easy *e = cs_handle_check(L, 1, CS_EASY);
  unsigned flags = check_flags(L, 2);
  lua_Integer size = luaL_checkinteger(L, 3);
  luaL_argcheck(L, size >= 0, 3, "size out of range");
  if (!curl_ws_start_frame)
    return cs_fail_old(L, "easy:ws_start_frame", 0x081000, "NOT_SUPPORTED");
  if (!is_there()) return cs_talk_fail(L, CS_NOT_SUPPORTED);
  if (!e->reading)
    return luaL_error(L, "easy:ws_start_frame: only inside the easy's readfunction");
  if (e->owed)
    return luaL_error(L, "easy:ws_start_frame: the frame before lacks %I bytes",
                      (LUAI_UACINT)e->owed);
  CURLcode code = curl_ws_start_frame(e->curl, flags, size);
  if (code) return cs_talk_fail(L, code);
  e->reading = 2;
  e->owed = size;
  lua_settop(L, 1);
  return 1;
}

/* libcurl would drop what does not fit, and end the body inside a frame. */
void cs_ws_given(lua_State *L, struct cs_easy *e, size_t length) {
  int begun = e->reading == 2;
  if (!begun && !e->owed) return;
  if (length > (uint64_t)e->owed)
    luaL_error(L, "readfunction: the frame takes %I bytes, got %I", (LUAI_UACINT)e->owed,
               (LUAI_UACINT)length);
  if (!begun && !length)
    luaL_error(L, "readfunction: the body ends in a frame that lacks %I bytes",
               (LUAI_UACINT)e->owed);
  e->owed -= (curl_off_t)length;
}
