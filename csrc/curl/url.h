/* SPDX-License-Identifier: MIT
 *
 * url.h - URLs, and other texts that libcurl makes: one section a file.
 */
#ifndef CS_URL_H
#define CS_URL_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- escape.c: texts that libcurl makes -------------------------------------------- */

/* Pushes the bytes, and frees them, as libcurl does. [-0, +1, m] */
void cs_push_text(lua_State *L, char *bytes, size_t length);
int cs_escape(lua_State *L);   /* curl.escape(text) */
int cs_unescape(lua_State *L); /* curl.unescape(text) */
int cs_getdate(lua_State *L);  /* curl.getdate(text) */

/* ---- urlword.c: the names of the parts of a URL, and of flags ---------------------- */

struct cs_urlpart {
  const char *name;
  CURLUPart id;
  CURLUcode none; /* what libcurl says when there is none */
};

extern const struct cs_urlpart cs_urlparts[]; /* to one without a name */

/* The part whose name is at index. */
const struct cs_urlpart *cs_urlpart_arg(lua_State *L, int index);
/* Reads the names of flags from index to the top of the stack. 0, or the number of
 * results that it pushed: nil, message, name, for one that is newer than this libcurl. */
int cs_urlflags_arg(lua_State *L, int index, unsigned *flags);

/* ---- url.c: Url objects ------------------------------------------------------------ */

int cs_url_new(lua_State *L); /* curl.url([text [, flag...]]) */
void cs_url_class_new(lua_State *L);
int cs_url_is(lua_State *L, int index); /* a Url, which may be empty */
/* What of the Url at index libcurl has, or NULL if it is something else. */
CURLU *cs_url_test(lua_State *L, int index);
/* Replaces the Url at index by its text, if libcurl reads the same parts in that. */
CURLcode cs_url_to_text(lua_State *L, int index);

#pragma GCC visibility pop

#endif
