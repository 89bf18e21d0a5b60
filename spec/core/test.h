/* SPDX-License-Identifier: MIT
 *
 * test.h - what main.c runs.
 */
#ifndef TEST_H
#define TEST_H

#include "fake.h"

/* A Lua state with runtime and classes; a warning that is no thrown error ends the test. */
lua_State *test_open(void);
/* What a close or open callback throws, and whether a message is that. */
int test_throw(lua_State *L);
int test_is_thrown(const char *message);

void orders_run(void);
/* Random steps; returns how many were made. */
long walk_run(unsigned long seed, long steps);

#endif
