/* SPDX-License-Identifier: MIT
 *
 * keys.c - sockets by the number of their connection: a hash table with chains. The
 * binding knows the number; several sockets may be for one connection.
 */
#include <stdlib.h>

#include "core.h"

static struct cs_link *chain_of(const struct cs_runtime *rt, unsigned long long key) {
  return &rt->keys.chains[(key * 0x9e3779b97f4a7c15u) >> 32 & (rt->keys.nchains - 1)];
}

static struct cs_link *new_chains(size_t n) {
  struct cs_link *chains = malloc(n * sizeof *chains);
  for (size_t i = 0; chains && i < n; i++) cs_link_init(&chains[i]);
  return chains;
}

/* Twice as many chains, if there is memory for them. */
static void grow(struct cs_runtime *rt) {
  struct cs_link *old = rt->keys.chains;
  size_t n = rt->keys.nchains;
  struct cs_link *chains = new_chains(n ? 2 * n : 16);
  if (!chains) return;
  rt->keys.chains = chains;
  rt->keys.nchains = n ? 2 * n : 16;
  for (size_t i = 0; i < n; i++)
    while (!cs_link_empty(&old[i])) {
      struct cs_socket *s = cs_item(old[i].next, struct cs_socket, line.in_key);
      cs_link_drop(&s->line.in_key);
      cs_link_append(chain_of(rt, s->line.key), &s->line.in_key);
    }
  free(old);
}

int cs_key(struct cs_socket *s, unsigned long long key) {
  struct cs_runtime *rt = s->rt;
  if (rt->keys.count >= rt->keys.nchains) grow(rt);
  if (!rt->keys.nchains) return 0;
  s->line.key = key;
  s->line.has_key = 1;
  rt->keys.count++;
  cs_link_drop(&s->line.in_key);
  cs_link_append(chain_of(rt, key), &s->line.in_key);
  return 1;
}

void cs_unkey(struct cs_socket *s) {
  cs_link_drop(&s->line.in_key);
  s->rt->keys.count -= (size_t)s->line.has_key;
  s->line.has_key = 0;
}

struct cs_socket *cs_keyed(const struct cs_runtime *rt, const struct cs_pool *pool,
                           unsigned long long key, const struct cs_socket *after) {
  if (!rt->keys.nchains) return NULL;
  const struct cs_link *chain = chain_of(rt, key);
  const struct cs_link *l = after ? after->line.in_key.next : chain->next;
  for (; l != chain; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, line.in_key);
    if (s->line.key == key && s->pool == pool) return s;
  }
  return NULL;
}

void cs_keys_free(struct cs_runtime *rt) { free(rt->keys.chains); }
