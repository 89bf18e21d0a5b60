/* SPDX-License-Identifier: MIT
 *
 * bond.c - which multis and shares are connected, by easies that are in the one and use
 * the other: so that it is known without a look at each easy.
 */
#include <stdlib.h>

#include "binding.h"

struct cs_bond {
  struct cs_link in_multi, in_share;
  struct cs_multi *multi;
  struct cs_share *share;
  int easies;
};

static struct cs_bond *find(const struct cs_multi *m, const struct cs_share *s) {
  for (const struct cs_link *l = s->bonds.next; l != &s->bonds; l = l->next) {
    struct cs_bond *b = cs_item(l, struct cs_bond, in_share);
    if (b->multi == m) return b;
  }
  return NULL;
}

static struct cs_bond *make(struct cs_multi *m, struct cs_share *s) {
  struct cs_bond *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->multi = m;
  b->share = s;
  cs_link_init(&b->in_multi);
  cs_link_init(&b->in_share);
  cs_link_append(&m->bonds, &b->in_multi);
  cs_link_append(&s->bonds, &b->in_share);
  return b;
}

int cs_bond_enter(struct cs_easy *e, struct cs_multi *m) {
  if (!e->share) return 1;
  e->bond = find(m, e->share);
  if (!e->bond) e->bond = make(m, e->share);
  if (e->bond) e->bond->easies++;
  return e->bond != NULL;
}

void cs_bond_leave(struct cs_easy *e) {
  struct cs_bond *b = e->bond;
  e->bond = NULL;
  if (!b || --b->easies) return;
  cs_link_drop(&b->in_multi);
  cs_link_drop(&b->in_share);
  free(b);
}

void cs_bond_reach_shares(struct cs_link *list, const struct cs_multi *m) {
  for (const struct cs_link *l = m->bonds.next; l != &m->bonds; l = l->next)
    cs_reach(list, &cs_item(l, struct cs_bond, in_multi)->share->h);
}

void cs_bond_reach_multis(struct cs_link *list, const struct cs_share *s) {
  for (const struct cs_link *l = s->bonds.next; l != &s->bonds; l = l->next)
    cs_reach(list, &cs_item(l, struct cs_bond, in_share)->multi->h);
}
