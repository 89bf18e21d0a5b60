/* SPDX-License-Identifier: MIT
 *
 * kept.h - connections: which one a transfer is on, which there are in a pool.
 */
#ifndef CS_KEPT_H
#define CS_KEPT_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- connection.c: which Socket a transfer is on ----------------------------------- */

/* The socket was lent for the connection that e is about to have. */
void cs_connection_opened(const struct cs_easy *e, struct cs_socket *s);
/* The socket of the connection that e's transfer uses now, from its pre-request step on;
 * NULL where that cannot be told. */
struct cs_socket *cs_connection_of(const struct cs_easy *e);
/* Notes that a request is about to be sent on it. */
void cs_connection_note(struct cs_easy *e);
/* Marks as busy the sockets that e's transfer may use: all that cannot be told apart. */
void cs_connection_mark(const struct cs_easy *e);
/* The socket that libcurl names as that of e's last transfer, or NULL; raises an error,
 * which names the call, when that is a stranger's. */
struct cs_socket *cs_connection_active(lua_State *L, struct cs_easy *e, const char *call);
int cs_easy_socket(lua_State *L); /* easy:socket() */

/* ---- kept.c: the connections of a pool --------------------------------------------- */

/* Ends those of the pool that have been idle for so long: how many. */
lua_Integer cs_kept_shut(struct cs_pool *pool, double seconds);
/* easy:connections(), easy:close_idle(seconds) and the same of the others */
int cs_easy_connections(lua_State *L);
int cs_multi_connections(lua_State *L);
int cs_share_connections(lua_State *L);
int cs_easy_close_idle(lua_State *L);
int cs_multi_close_idle(lua_State *L);
int cs_share_close_idle(lua_State *L);

#pragma GCC visibility pop

#endif
