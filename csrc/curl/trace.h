/* SPDX-License-Identifier: MIT
 *
 * trace.h - what curl.trace tells of transfers and connections (trace.c). Each is called
 * in a frame, if cs_is_traced says that somebody listens.
 */
#ifndef CS_TRACE_H
#define CS_TRACE_H

#include "kept.h"

#pragma GCC visibility push(hidden)

#define cs_is_traced(f) ((f)->handle->rt->trace != NULL)

/* ---- trace.c ----------------------------------------------------------------------- */

/* The transfer begins. */
void cs_trace_start(struct cs_frame *f, struct cs_easy *e);
/* libcurl asked for a socket for the address, and got descriptor fd; negative: none. */
void cs_trace_open(struct cs_frame *f, struct cs_easy *e, int fd,
                   const struct cs_address *a);
/* A request is sent next, and cs_connection_note has noted it. */
void cs_trace_request(struct cs_frame *f, struct cs_easy *e);
/* The transfer has ended (ABORTED_BY_CALLBACK: was removed), and what it opened is looked
 * at next: attempts that libcurl closed without telling. */
void cs_trace_attempts(struct cs_easy *e, CURLcode code);
/* The transfer has ended with that result, and all its sockets had their events. */
void cs_trace_done(struct cs_frame *f, struct cs_easy *e, const char *result);
/* The easy lets go of the connection of its last request, whether or not traced. */
void cs_trace_release(struct cs_easy *e);
int cs_trace(lua_State *L); /* curl.trace(f) */

#pragma GCC visibility pop

#endif
