/* SPDX-License-Identifier: MIT
 *
 * sockcall.h - what the socket trampolines have in common.
 */
#ifndef CS_SOCKCALL_H
#define CS_SOCKCALL_H

#include "policy.h"

#pragma GCC visibility push(hidden)

/* ---- opening.c: libcurl asks for a socket ------------------------------------------ */

const char *cs_purpose_name(curlsocktype purpose);
/* 7.88.0 and 7.88.1 connect again what is connected. */
int cs_can_take_connected(void);
/* An answer that this libcurl cannot take is no error of the script: the transfer fails
 * with NOT_SUPPORTED. Returns 0. */
int cs_cannot_connected(lua_State *L, struct cs_easy *e, int easy);
/* Pushes whom the connected socket is connected with. [-0, +1, m] */
struct cs_address *cs_push_peer(lua_State *L, const struct cs_socket *s);
/* The trampoline. */
curl_socket_t cs_on_open(void *clientp, curlsocktype purpose,
                         struct curl_sockaddr *address);

#pragma GCC visibility pop

#endif
