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
/* Whether libcurl can take the descriptor as one that is connected already. Where it
 * cannot, the reason is kept, and the transfer fails with NOT_SUPPORTED. [-0, +0, m] */
int cs_can_take_connected(lua_State *L, struct cs_easy *e, int easy, int fd);
/* Pushes whom the connected socket is connected with. [-0, +1, m] */
struct cs_address *cs_push_peer(lua_State *L, const struct cs_socket *s);
/* The trampoline. */
curl_socket_t cs_on_open(void *clientp, curlsocktype purpose,
                         struct curl_sockaddr *address);

#pragma GCC visibility pop

#endif
