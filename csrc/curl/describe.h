/* SPDX-License-Identifier: MIT
 *
 * describe.h - what can be asked: of a transfer, and of libcurl itself.
 */
#ifndef CS_DESCRIBE_H
#define CS_DESCRIBE_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- info.c: easy:getinfo ---------------------------------------------------------- */

int cs_easy_getinfo(lua_State *L);
int cs_infos(lua_State *L); /* curl.infos() */

/* ---- header.c: the headers that came ----------------------------------------------- */

int cs_easy_header(lua_State *L);  /* easy:header(name [, origin [, request]]) */
int cs_easy_headers(lua_State *L); /* easy:headers([origin [, request]]) */

/* ---- version.c: what libcurl this is ----------------------------------------------- */

int cs_version_info(lua_State *L); /* curl.version_info() */

/* ---- describe.c: which options there are ------------------------------------------- */

int cs_options(lua_State *L); /* curl.options() */

#pragma GCC visibility pop

#endif
