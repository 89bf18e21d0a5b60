/* SPDX-License-Identifier: MIT
 *
 * keys.h - what is noted of a lent socket as a connection (or an attempt at one, or a
 * second socket of one), and keys.c, which finds it by the connection's number.
 */
#ifndef CS_KEYS_H
#define CS_KEYS_H

#include <stddef.h>

#include "link.h"

#pragma GCC visibility push(hidden)

struct cs_pool;
struct cs_runtime;
struct cs_socket;

/* Of a runtime. */
struct cs_keys {
  struct cs_link *chains; /* lists, a power of two of them */
  size_t nchains;
  size_t count; /* sockets that have a key */
};

/* Of a pool. */
struct cs_lines {
  struct cs_link unkeyed; /* sockets without a key, most of them for a while */
  double used;            /* when a transfer ended last; negative: nobody wants to know */
};

/* Of a socket. */
struct cs_line {
  struct cs_link in_key; /* in the chain of its key, or in unkeyed */
  unsigned long long key;
  int has_key;
  unsigned requests; /* that were noted on it */
  double since;      /* when it was lent */
  void *ends;        /* its addresses, if it has them for a key */
  int busy;          /* a transfer uses it, as was found when somebody asked last */
  unsigned users;    /* transfers that use it, of those that are traced */
  unsigned long long opener; /* the easy that opened it, if that was traced */
  int data;                  /* a second one of its connection */
  int outcome;               /* of the attempt, if that is known before its end */
  int shut; /* its connection was ended, which the library is to notice */
};

/* ---- keys.c: sockets by the number of their connection ----------------------------- */

/* Gives the lent socket its key, which several sockets may have. 0 without memory. */
int cs_key(struct cs_socket *s, unsigned long long key);
/* It has none any more, and waits for none. */
void cs_unkey(struct cs_socket *s);
/* The next of the pool's sockets that have the key, in the order in which they got it:
 * NULL after the last one. The first one if after is NULL. */
struct cs_socket *cs_keyed(const struct cs_runtime *rt, const struct cs_pool *pool,
                           unsigned long long key, const struct cs_socket *after);
void cs_keys_free(struct cs_runtime *rt);

#pragma GCC visibility pop

#endif
