/* SPDX-License-Identifier: MIT
 *
 * state.h - what stands on the three floors: state.c and module.c.
 */
#ifndef CS_STATE_H
#define CS_STATE_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- state.c: the start and the end of a Lua state --------------------------------- */

/* Makes the runtime, once per state; what ends the state tears everything down. */
void cs_state_open(lua_State *L);

#pragma GCC visibility pop

#endif
