/* SPDX-License-Identifier: MIT
 *
 * model.h - who owns which descriptor, as the test sees it: without the core, by number. Each
 * descriptor that is opened gets an id, which its Socket has as data.
 */
#ifndef MODEL_H
#define MODEL_H

#include "net.h"

enum model_owner { NOBODY, SCRIPT, NUMBER, LIBRARY, STRANGER };

/* What the model has counted since model_begin. */
extern struct model_counts {
  long opened, lent, events, thrown,
      told; /* told: thrown errors that came out somewhere */
  int live[CS_NKINDS];
} model;

/* Prints what is wrong, and what the walk was doing, and ends the process. */
void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
extern const char *model_doing; /* printed by that */

void model_begin(void);
/* A descriptor was opened: its id. */
int model_opened(int fd, enum model_owner owner);
/* The same descriptor begins a new life, with a new id. */
int model_again(int fd, enum model_owner owner);
void model_give(int id, enum model_owner owner);
/* Lent by a handle with that close callback (0: none). */
void model_lent(int id, int callback);
/* A close callback was called. */
void model_event(int id, int callback);
/* No event need come for it: the library closes it where nothing can run Lua. */
void model_excuse(int id);
int model_events(int id);
enum model_owner model_owner_of(int id);
/* The id of the open descriptor that has the number; 0: none. */
int model_id(int fd);
/* The descriptor of an id that is open. */
int model_fd(int id);
/* Some open descriptor of that owner, counted from a number on; -1 if there is none. */
int model_find(enum model_owner owner, int from);
/* Closes it behind the core's back. */
void model_close(int fd);
/* In a child: what is a copy may close without its event. */
void model_forked(void);
/* The ledger says the same. */
void model_compare(const struct cs_runtime *rt);
/* All is over: nothing is open but what the script or a stranger has, each event has come. */
void model_end(void);

#endif
