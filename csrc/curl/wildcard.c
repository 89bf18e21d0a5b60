/* SPDX-License-Identifier: MIT
 *
 * wildcard.c - the trampolines of chunk_bgn_function, chunk_end_function and
 * fnmatch_function: several files of one FTP folder (option wildcardmatch).
 */
#include <string.h>

#include "calling.h"
#include "rare.h"

/* libcurl does not look at it: the transfer ends all the same. */
static void refuse(struct cs_easy *e) {
  e->refused = CURLE_CHUNK_FAILED;
  cs_easy_abort(e);
}

/* ---- one file after the other ------------------------------------------------------ */

static void set_string(lua_State *L, const char *field, const char *value) {
  if (!value) return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, int known, lua_Integer value) {
  if (!known) return;
  lua_pushinteger(L, value);
  lua_setfield(L, -2, field);
}

static const char *file_type(curlfiletype type) {
  static const char *const names[] = {[CURLFILETYPE_FILE] = "file",
                                      [CURLFILETYPE_DIRECTORY] = "directory",
                                      [CURLFILETYPE_SYMLINK] = "symlink",
                                      [CURLFILETYPE_DEVICE_BLOCK] = "block device",
                                      [CURLFILETYPE_DEVICE_CHAR] = "character device",
                                      [CURLFILETYPE_NAMEDPIPE] = "pipe",
                                      [CURLFILETYPE_SOCKET] = "socket",
                                      [CURLFILETYPE_DOOR] = "door"};
  return type < CURLFILETYPE_UNKNOWN ? names[type] : "unknown";
}

static void push_info(lua_State *L, const struct curl_fileinfo *i) {
  lua_newtable(L);
  set_string(L, "filename", i->filename);
  set_string(L, "type", file_type(i->filetype));
  set_number(L, "perm", i->flags & CURLFINFOFLAG_KNOWN_PERM, i->perm);
  set_number(L, "size", i->flags & CURLFINFOFLAG_KNOWN_SIZE, i->size);
  set_number(L, "links", i->flags & CURLFINFOFLAG_KNOWN_HLINKCOUNT, i->hardlinks);
  set_string(L, "time", i->strings.time);
  set_string(L, "user", i->strings.user);
  set_string(L, "group", i->strings.group);
  set_string(L, "target", i->strings.target);
}

/* chunk_bgn_function(info, remains, easy): the file of the table info is next, and so
 * many follow. It has filename, type ("file", "directory", "symlink"...) and, where the
 * server tells, size, perm, links, time (a text), user, group, target. Nothing, true or
 * a file transfers it, "skip" does not; false, or nil and a reason, ends the transfer
 * with CHUNK_FAILED.
 * -> nothing | true | "skip" | false, reason */
static int chunk_bgn_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  push_info(L, c->more);
  lua_pushinteger(L, (lua_Integer)c->numbers[0]);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  if (!strcmp(cs_word(L, ANSWER), "skip")) {
    c->answer = CURL_CHUNK_BGN_FUNC_SKIP;
    return 0;
  }
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "nothing, true, \"skip\", or false and a reason");
  c->answer = a == CS_NO ? CURL_CHUNK_BGN_FUNC_FAIL : CURL_CHUNK_BGN_FUNC_OK;
  return 0;
}

long cs_on_chunk_bgn(const void *info, void *easy, int remains) {
  struct cs_calling c = {.easy = easy,
                         .which = CS_CHUNK_BGN,
                         .name = "chunk_bgn_function",
                         .numbers = {remains},
                         .more = (void *)info};
  return cs_calling_run(&c, chunk_bgn_body) ? CURL_CHUNK_BGN_FUNC_FAIL : (long)c.answer;
}

/* chunk_end_function(easy): the file has ended, or was skipped. Nothing, true or a file
 * goes on; false, or nil and a reason, ends the transfer with CHUNK_FAILED.
 * -> nothing | true | false, reason */
static int chunk_end_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "nothing, true, or false and a reason");
  c->answer = a == CS_NO ? CURL_CHUNK_END_FUNC_FAIL : CURL_CHUNK_END_FUNC_OK;
  return 0;
}

long cs_on_chunk_end(void *easy) {
  struct cs_calling c = {
      .easy = easy, .which = CS_CHUNK_END, .name = "chunk_end_function"};
  if (cs_calling_run(&c, chunk_end_body)) return CURL_CHUNK_END_FUNC_FAIL;
  if (c.answer == CURL_CHUNK_END_FUNC_FAIL) refuse(easy);
  return (long)c.answer;
}

/* ---- which files ------------------------------------------------------------------- */

/* fnmatch_function(pattern, name, easy): whether the name is one of the pattern, in place
 * of libcurl's own way: true is yes; nothing, or false alone, no. False or nil with a
 * reason ends the transfer with CHUNK_FAILED.
 * -> true | false | nothing | false, reason */
static int fnmatch_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  for (int i = 0; i < 2; i++) lua_pushstring(L, c->texts[i]);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, "true, false, nothing, or false and a reason");
  c->answer = a == CS_YES                           ? CURL_FNMATCHFUNC_MATCH
              : a == CS_NO && !lua_isnil(L, REASON) ? CURL_FNMATCHFUNC_FAIL
                                                    : CURL_FNMATCHFUNC_NOMATCH;
  return 0;
}

int cs_on_fnmatch(void *easy, const char *pattern, const char *name) {
  struct cs_calling c = {.easy = easy,
                         .which = CS_FNMATCH,
                         .name = "fnmatch_function",
                         .texts = {pattern, name}};
  if (cs_calling_run(&c, fnmatch_body)) return CURL_FNMATCHFUNC_FAIL;
  if (c.answer == CURL_FNMATCHFUNC_FAIL) refuse(easy);
  return (int)c.answer;
}
