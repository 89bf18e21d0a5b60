/* SPDX-License-Identifier: MIT
 *
 * mime.h - a body of parts: the option "mimepost".
 */
#ifndef CS_MIME_H
#define CS_MIME_H

#include "options.h"

#pragma GCC visibility push(hidden)

/* ---- description.c: what a script says of the parts -------------------------------- */

/* Pushes a copy of the list of parts at index, which only the module has: a table with
 * the fields parts (as given, checked) and calls (functions; a part has as field call
 * where its own begin: read, then seek or false). Raises an error that names the field.
 * */
void cs_description_push(lua_State *L, const char *option, int index);

/* ---- mime.c: the parts as libcurl has them ----------------------------------------- */

cs_setter cs_mime_set, cs_mime_unset;
/* The duplicate at index self gets parts of its own: libcurl has copied those of the
 * original, with the pointers to what that has. [m] */
CURLcode cs_mime_copy(lua_State *L, struct cs_easy *e, int self);

/* ---- mimeread.c: parts that a function gives --------------------------------------- */

size_t cs_on_mime_read(char *data, size_t one, size_t size, void *part);
int cs_on_mime_seek(void *part, curl_off_t offset, int origin);

/* ---- form.c: postfields as a form -------------------------------------------------- */

/* Pushes the table at index, of names and values or a list of pairs, as a form:
 * "name=value&...". [-0, +1, e] */
void cs_form_push(lua_State *L, const char *option, int index);

#pragma GCC visibility pop

#endif
