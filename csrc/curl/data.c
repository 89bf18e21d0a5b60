/* SPDX-License-Identifier: MIT
 *
 * data.c - the trampolines that carry data.
 */
#include <stdio.h>
#include <string.h>

#include "calling.h"
#include "kept.h"
#include "newer.h"
#include "policy.h"
#include "talk.h"
#include "trace.h"

/* ---- write and header -------------------------------------------------------------- */

/* writefunction(data), headerfunction(data): writefunction gets a piece of the body;
 * headerfunction a line of the headers with its end, of each answer (also 100, redirects,
 * a proxy's) and of trailers. Nothing, true or a file (what file:write returns) goes on;
 * curl.PAUSE, of writefunction, pauses; false, or nil and a reason, ends the transfer
 * with WRITE_ERROR.
 * -> nothing | true | curl.PAUSE | false, reason */
static int write_function(lua_State *L, struct cs_calling *c) {
  lua_pushlstring(L, c->data, c->size);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_OTHER)
    return cs_calling_wrong(L, c, "nothing, true, curl.PAUSE, or false and a reason");
  if (a == CS_NO) c->answer = CURL_WRITEFUNC_ERROR;
  if (a != CS_PAUSE) return 0;
  c->answer = CURL_WRITEFUNC_PAUSE;
  c->easy->paused |= CURLPAUSE_RECV;
  return 0;
}

static int write_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  c->answer = c->size;
  if (lua_isfunction(L, CALLBACK)) return write_function(L, c);
  if (!cs_standin_write(L, c->name, EASY, CALLBACK, c->data, c->size))
    c->answer = CURL_WRITEFUNC_ERROR;
  return 0;
}

static size_t write_to(struct cs_easy *e, enum cs_callback which, const char *name,
                       char *data, size_t size) {
  if (e->failed || e->refused) return CURL_WRITEFUNC_ERROR;
  /* Over HTTP/2 libcurl hands on what comes with the frames of others. (What it keeps of
   * WebSocket it joins, and tells of the last frame alone: 8.14. That is taken.) */
  int frames = curl_ws_meta && curl_ws_meta(e->curl);
  if (e->paused & CURLPAUSE_RECV && !frames) return CURL_WRITEFUNC_PAUSE;
  /* Without a callback the data is dropped: libcurl would print it. */
  if (!(e->set.callbacks & 1u << which)) return size;
  struct cs_calling c = {
      .easy = e, .which = which, .name = name, .data = data, .size = size};
  return cs_calling_run(&c, write_body) ? CURL_WRITEFUNC_ERROR : c.answer;
}

size_t cs_on_write(char *data, size_t one, size_t size, void *easy) {
  struct cs_easy *e = easy;
  if (!cs_judge_body(e, one * size)) return CURL_WRITEFUNC_ERROR;
  size_t taken = write_to(e, CS_WRITE, "writefunction", data, one * size);
  if (taken == CURL_WRITEFUNC_PAUSE) e->delivered -= (curl_off_t)(one * size);
  return taken;
}

size_t cs_on_header(char *data, size_t one, size_t size, void *easy) {
  cs_datagram_trust(easy);
  if (!cs_judge_header(easy, one * size)) return CURL_WRITEFUNC_ERROR;
  return write_to(easy, CS_HEADER, "headerfunction", data, one * size);
}

/* ---- read and seek ----------------------------------------------------------------- */

/* Hands on the next piece of the string on top of the stack, which starts at e->rest, and
 * keeps it if there is more. */
static void read_piece(lua_State *L, struct cs_calling *c) {
  struct cs_easy *e = c->easy;
  size_t length;
  const char *text = lua_tolstring(L, -1, &length);
  size_t left = length - e->rest, size = left < c->size ? left : c->size;
  memcpy(c->data, text + e->rest, size);
  e->rest += size;
  if (e->rest == length) lua_pushnil(L);
  cs_easy_keep(L, EASY, CS_UV_REST);
  c->answer = size;
}

/* readfunction(size): libcurl wants to send that many bytes at most. A string, also a
 * longer one, which is then sent in pieces, but not an empty one; nothing is the end of
 * the body; curl.PAUSE pauses; false, or nil and a reason, ends the transfer with
 * ABORTED_BY_CALLBACK. Over WebSocket (libcurl 8.16) each piece is a binary frame, unless
 * easy:ws_start_frame has begun another.
 * -> piece: string | nil | curl.PAUSE | false, reason */
static int read_function(lua_State *L, struct cs_calling *c) {
  lua_pushinteger(L, (lua_Integer)c->size);
  cs_calling_ask(L);
  c->easy->rest = 0;
  if (lua_type(L, ANSWER) == LUA_TSTRING && lua_rawlen(L, ANSWER) > 0) {
    cs_ws_given(L, c->easy, lua_rawlen(L, ANSWER));
    lua_settop(L, ANSWER);
    return read_piece(L, c), 0;
  }
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_YES || a == CS_OTHER)
    return cs_calling_wrong(L, c,
                            "a string that is not empty, nil, curl.PAUSE, or false and "
                            "a reason");
  if (a == CS_NOTHING) cs_ws_given(L, c->easy, 0);
  if (a == CS_NO) c->answer = CURL_READFUNC_ABORT;
  if (a != CS_PAUSE) return 0;
  c->answer = CURL_READFUNC_PAUSE;
  c->easy->paused |= CURLPAUSE_SEND;
  return 0;
}

static int read_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  if (lua_getiuservalue(L, EASY, CS_UV_REST) == LUA_TSTRING) {
    read_piece(L, c);
    return 0;
  }
  lua_pop(L, 1);
  if (lua_isfunction(L, CALLBACK)) return read_function(L, c);
  if (lua_isnil(L, CALLBACK))
    return luaL_error(L, "readfunction: not set, but there is data to be sent");
  c->answer = cs_standin_read(L, c->easy, EASY, CALLBACK, c->data, c->size);
  return 0;
}

size_t cs_on_read(char *data, size_t one, size_t size, void *easy) {
  struct cs_easy *e = easy;
  struct cs_calling c = {.easy = e,
                         .which = CS_READ,
                         .name = "readfunction",
                         .data = data,
                         .size = one * size};
  if (e->paused & CURLPAUSE_SEND && !e->failed) return CURL_READFUNC_PAUSE;
  e->reading = 1;
  int failed = cs_calling_run(&c, read_body);
  e->reading = 0;
  return failed ? CURL_READFUNC_ABORT : c.answer;
}

/* seekfunction(offset, origin): the next readfunction has to begin there; origin is
 * "set", "cur" or "end". True, a file or a number (what file:seek returns) means that it
 * does; nothing that it cannot: libcurl may read and drop instead, or fail; false, or nil
 * and a reason, ends the transfer.
 * -> true | number | nil | false, reason */
static int seek_answer(lua_State *L, const struct cs_calling *c) {
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_YES || lua_type(L, ANSWER) == LUA_TNUMBER) return CURL_SEEKFUNC_OK;
  if (a == CS_NOTHING) return CURL_SEEKFUNC_CANTSEEK;
  if (a == CS_NO) return CURL_SEEKFUNC_FAIL;
  return cs_calling_wrong(L, c, "true, a number, nil, or false and a reason");
}

static int seek_body(lua_State *L) {
  static const char *const origins[] = {
      [SEEK_SET] = "set", [SEEK_CUR] = "cur", [SEEK_END] = "end"};
  struct cs_calling *c = cs_calling_begin(L);
  int origin = (int)c->numbers[1];
  if (lua_isnil(L, CALLBACK)) {
    lua_getiuservalue(L, EASY, CS_UV_OWN + CS_READ);
    c->answer = (size_t)cs_standin_seek(L, c->easy, ANSWER + 1, c->numbers[0], origin);
  } else {
    lua_pushinteger(L, (lua_Integer)c->numbers[0]);
    lua_pushstring(L, origins[origin]);
    cs_calling_ask(L);
    c->answer = (size_t)seek_answer(L, c);
  }
  cs_clear_uservalue(L, EASY, CS_UV_REST);
  return 0;
}

int cs_on_seek(void *easy, curl_off_t offset, int origin) {
  struct cs_calling c = {.easy = easy,
                         .which = CS_SEEK,
                         .name = "seekfunction",
                         .numbers = {offset, origin}};
  return cs_calling_run(&c, seek_body) ? CURL_SEEKFUNC_FAIL : (int)c.answer;
}

/* ---- progress, prereq, debug ------------------------------------------------------- */

/* xferinfofunction(dltotal, dlnow, ultotal, ulnow): how far it is, in bytes, 0 for what
 * is not known: often, and about once a second when nothing comes. Nothing, true or a
 * file goes on; false, or nil and a reason, ends the transfer with ABORTED_BY_CALLBACK.
 * Setting it is "noprogress = false".
 * -> nothing | true | false, reason */
static int xferinfo_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  for (int i = 0; i < 4; i++) lua_pushinteger(L, (lua_Integer)c->numbers[i]);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "nothing, true, or false and a reason");
  c->answer = a == CS_NO;
  return 0;
}

int cs_on_xferinfo(void *easy, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                   curl_off_t ulnow) {
  struct cs_easy *e = easy;
  struct cs_calling c = {.easy = e,
                         .which = CS_XFERINFO,
                         .name = "xferinfofunction",
                         .numbers = {dltotal, dlnow, ultotal, ulnow}};
  int refused = e->failed || e->refused;
  if (e->set.callbacks & 1u << CS_XFERINFO)
    refused = cs_calling_run(&c, xferinfo_body) || c.answer;
  return refused && !cs_fileurl_holds_refusal(e);
}

/* Pushes the Socket of the transfer's connection; nil where it cannot be told. */
static void push_connection(lua_State *L, struct cs_easy *e) {
  const struct cs_socket *s = cs_connection_of(e);
  if (!s || !cs_pool_find(L, 1, s)) lua_pushnil(L);
}

/* prereqfunction(primary_ip, local_ip, primary_port, local_port, socket, easy): there is
 * a connection, new or kept, and the request would be sent on it; asked again for each
 * redirect. socket is the Socket of that connection; nil where it cannot be told: before
 * libcurl 8.2, which has no numbers for connections, that of a UNIX socket. Its purpose
 * is to allow: only true (or a file) goes on. All else ends the transfer with
 * ABORTED_BY_CALLBACK.
 * -> true | false, reason */
static int prereq_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  for (int i = 0; i < 2; i++) lua_pushstring(L, c->texts[i]);
  for (int i = 0; i < 2; i++) lua_pushinteger(L, (lua_Integer)c->numbers[i]);
  push_connection(L, c->easy);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "true, or false and a reason");
  c->answer = a == CS_YES;
  if (a == CS_YES || !lua_isnil(L, REASON)) return 0;
  lua_pushliteral(L, "refused by prereqfunction");
  cs_easy_keep(L, EASY, CS_UV_REASON);
  return 0;
}

static int asks_prereq(struct cs_easy *e, const char *const texts[2],
                       const int ports[2]) {
  struct cs_calling c = {.easy = e,
                         .which = CS_PREREQ,
                         .name = "prereqfunction",
                         .numbers = {ports[0], ports[1]},
                         .texts = {texts[0], texts[1]}};
  return !cs_calling_run(&c, prereq_body) && c.answer;
}

/* Somebody is told of the connection. */
static int wants_connection(const struct cs_easy *e) {
  return e->h.rt->trace || e->set.callbacks & 1u << CS_PREREQ ||
         (e->under && e->under->hooks & 1u << CS_TELL_REQUEST);
}

/* It is on every easy: what nobody asked for must cost next to nothing. */
int cs_on_prereq(void *easy, char *primary_ip, char *local_ip, int primary_port,
                 int local_port) {
  struct cs_easy *e = easy;
  e->asked = 1;
  cs_datagram_doubt(e);
  if (e->under && (!cs_judge_hop(e) || !cs_judge_age(e))) return CURL_PREREQFUNC_ABORT;
  if (wants_connection(e)) cs_connection_note(e);
  if (e->set.callbacks & 1u << CS_PREREQ &&
      !asks_prereq(e, (const char *const[]){primary_ip, local_ip},
                   (const int[]){primary_port, local_port}))
    return CURL_PREREQFUNC_ABORT;
  if (e->refused || (e->set.connect_only && !cs_fileurl_may_stay(e)))
    return CURL_PREREQFUNC_ABORT;
  if (e->under && !cs_judge_request(e)) return CURL_PREREQFUNC_ABORT;
  if (e->h.rt->trace && e->h.rt->frame) cs_trace_request(e->h.rt->frame, e);
  return CURL_PREREQFUNC_OK;
}

/* debugfunction(kind, data): with verbose = true: kind is "text", "header_in",
 * "header_out", "data_in", "data_out", "ssl_data_in" or "ssl_data_out". It is told: what
 * it returns is not looked at.
 * -> nothing */
static int debug_body(lua_State *L) {
  static const char *const kinds[] = {"text",     "header_in",   "header_out",  "data_in",
                                      "data_out", "ssl_data_in", "ssl_data_out"};
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushstring(L, c->numbers[0] < CURLINFO_END ? kinds[c->numbers[0]] : "unknown");
  lua_pushlstring(L, c->data, c->size);
  cs_calling_ask(L);
  return 0;
}

int cs_on_debug(CURL *curl, curl_infotype kind, char *data, size_t size, void *easy) {
  struct cs_easy *e = easy;
  const struct cs_frame *f = e->h.rt->frame;
  struct cs_calling c = {
      .easy = e, .which = CS_DEBUG, .data = data, .size = size, .numbers = {kind}};
  /* libcurl's own transfers (DNS over HTTPS) and calls outside a frame tell nobody; nor
   * does a method that a callback calls, whose stack is not the frame's. */
  int ours = f && (f->handle == &e->h || (e->multi && f->handle == &e->multi->h));
  if (!ours || f->calls || curl != e->curl) return 0;
  e->telling++;
  cs_calling_run(&c, debug_body);
  e->telling--;
  return 0;
}
