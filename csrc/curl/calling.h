/* SPDX-License-Identifier: MIT
 *
 * calling.h - one call of a callback of an easy: its trampoline fills a struct
 * cs_calling, and has a body do the rest, protected.
 */
#ifndef CS_CALLING_H
#define CS_CALLING_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- calling.c: how a trampoline calls a callback of an easy ----------------------- */

struct cs_calling {
  struct cs_easy *easy;
  enum cs_callback which;
  const char *name; /* of the option */
  char *data;
  size_t size;
  curl_off_t numbers[4];
  const char *texts[2];
  void *more;    /* what one trampoline alone has */
  size_t answer; /* of libcurl's type; what it means is the trampoline's to know */
};

enum {
  EASY = 3,
  CALLBACK,
  ANSWER,
  REASON
}; /* the stack of a body after cs_calling_ask */

/* Runs body for the call. 0, or an error was kept for the transfer, which is aborted. */
int cs_calling_run(struct cs_calling *c, lua_CFunction body);
/* In a body: pushes the easy, and its callback twice. Arguments follow. */
struct cs_calling *cs_calling_begin(lua_State *L);
/* Calls the callback with the arguments pushed since: an answer and a reason. */
void cs_calling_ask(lua_State *L);
/* What it answered; the reason of a refusal goes into the message. */
enum cs_answer cs_calling_answer(lua_State *L);
/* Raises that the answer is none of those expected. */
int cs_calling_wrong(lua_State *L, const struct cs_calling *c, const char *expected);

/* ---- standin.c: a file, a table or a string in place of a function ----------------- */

enum { CS_UNKNOWN = -2 }; /* e->start, before a file was read */

/* Writes to the file or table at index; 0 if that failed, the reason is kept. */
int cs_standin_write(lua_State *L, const char *name, int easy, int index,
                     const char *data, size_t size);
/* The transfer has ended with that code: what stdio still holds is written. The code, or
 * CURLE_WRITE_ERROR where it was CURLE_OK. */
CURLcode cs_standin_flush(struct cs_frame *f, struct cs_easy *e, CURLcode code);
/* Reads from the file or string at index: the bytes, or CURL_READFUNC_ABORT. */
size_t cs_standin_read(lua_State *L, struct cs_easy *e, int easy, int index, char *data,
                       size_t size);
/* Seeks in it: what libcurl's seek callback returns. */
int cs_standin_seek(lua_State *L, struct cs_easy *e, int index, curl_off_t offset,
                    int origin);

/* ---- data.c: the trampolines that carry data --------------------------------------- */

size_t cs_on_write(char *data, size_t one, size_t size, void *easy);
size_t cs_on_header(char *data, size_t one, size_t size, void *easy);
size_t cs_on_read(char *data, size_t one, size_t size, void *easy);
int cs_on_seek(void *easy, curl_off_t offset, int origin);
int cs_on_xferinfo(void *easy, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                   curl_off_t ulnow);
int cs_on_prereq(void *easy, char *primary_ip, char *local_ip, int primary_port,
                 int local_port);
int cs_on_debug(CURL *curl, curl_infotype kind, char *data, size_t size, void *easy);

#pragma GCC visibility pop

#endif
