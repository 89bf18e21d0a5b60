/* SPDX-License-Identifier: MIT
 *
 * fence.h - what the fence of a policy is made of.
 */
#ifndef CS_FENCE_H
#define CS_FENCE_H

#include "options.h"
#include "policy.h"

#pragma GCC visibility push(hidden)

/* ---- rail.c: options that may stand in a fence ------------------------------------- */

/* By what libcurl stores, so that twins and aliases are one; and its default. */
struct cs_fenceable {
  CURLoption stored;
  enum { CS_TEXT, CS_NUMBER, CS_LIST } kind;
  long normal;
};

extern const struct cs_fenceable cs_fenceables[];
extern const int cs_fenceable_count;
#define CS_BIT(number) ((uint64_t)1 << (number))

/* One option of a fence. The list CS_UV_FENCE of the Policy has two values for each: what
 * is set (nil: nothing), and the function that says what else may be (or false). */
struct cs_rail {
  int number;
  CURLoption option; /* a twin, maybe, of what is stored */
  int unset;         /* it must be */
};

enum { CS_RAIL_VALUE = 1, CS_RAIL_MAY }; /* places in that list, for each rail */
#define cs_rail_place(rail, which) (2 * (lua_Integer)(rail) + (which))

/* Which rail of the policy has that option; or -1. */
int cs_find_rail(const struct cs_policy *p, int number);
/* Pushes the value at index as it is kept and compared: a string, an integer, or for a
 * list the strings one after the other, each with a NUL. [-0, +1, e] */
void cs_push_canonical(lua_State *L, const struct cs_known *k, const char *name,
                       int index);
/* Whether the value at index, canonical, may be what the script has set; the rail is
 * number at of the fence whose list is at index list. [-0, +0, e] */
int cs_rail_allows(lua_State *L, const struct cs_rail *rail, int list, int at, int value);
const char *cs_option_name(CURLoption id);
/* Raises an error that names option, policy and the way out. */
int cs_rail_forbids(lua_State *L, const struct cs_rail *rail, int policy,
                    const char *call);

#pragma GCC visibility pop

#endif
