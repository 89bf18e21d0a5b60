/* SPDX-License-Identifier: MIT
 *
 * talk.h - what a script says by itself on a connection: bytes, WebSocket.
 */
#ifndef CS_TALK_H
#define CS_TALK_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- talk.c: on the connection of an easy with connect_only ------------------------ */

int cs_easy_send(lua_State *L);   /* easy:send(bytes) */
int cs_easy_recv(lua_State *L);   /* easy:recv([n]) */
int cs_easy_upkeep(lua_State *L); /* easy:upkeep() */
/* The easy at index 1, outside of callbacks; and whether it has connect_only: else they
 * raise an error that names call. */
struct cs_easy *cs_talk_easy(lua_State *L, const char *call);
void cs_talk_check(lua_State *L, const struct cs_easy *e, const char *call);
/* Has it talk on the connection of its last transfer, for good. 0: there is none. Raises
 * an error when libcurl would use another. */
int cs_talk_begin(lua_State *L, struct cs_easy *e, const char *call);
/* Pushes nil, message, name of that code; CURLE_OK: there is no connection. */
int cs_talk_fail(lua_State *L, CURLcode code);
/* Raises an error if the easy has begun to. */
void cs_talk_refuse(lua_State *L, const struct cs_easy *e, const char *call);
/* It is being freed. */
void cs_talk_end(struct cs_easy *e);

/* ---- ws.c: WebSocket --------------------------------------------------------------- */

int cs_easy_ws_send(lua_State *L);        /* easy:ws_send(bytes, kind [, more]) */
int cs_easy_ws_recv(lua_State *L);        /* easy:ws_recv([n]) */
int cs_easy_ws_meta(lua_State *L);        /* easy:ws_meta() */
int cs_easy_ws_start_frame(lua_State *L); /* easy:ws_start_frame(kind, size [, more]) */
/* readfunction has returned so many bytes, 0 at the end. Raises an error if they do not
 * fit into the frame that it has begun. */
void cs_ws_given(lua_State *L, struct cs_easy *e, size_t length);

#pragma GCC visibility pop

#endif
