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

#pragma GCC visibility pop

#endif
