/* SPDX-License-Identifier: MIT
 *
 * analyze.h - make analyze includes this in every C file: which functions raise an error, and so
 * never return. Of the static ones those that the analyzers do not look into.
 */
#include <lauxlib.h>
#include <lua.h>

#define RAISES __attribute__((noreturn))
#define RAISES_OURS __attribute__((noreturn, visibility("hidden")))

RAISES int lua_error(lua_State *L);
RAISES int luaL_error(lua_State *L, const char *format, ...);
RAISES int luaL_argerror(lua_State *L, int index, const char *message);
RAISES int luaL_typeerror(lua_State *L, int index, const char *type);
RAISES_OURS int cs_option_error(lua_State *L, const char *name, const char *expected,
                                int index);
RAISES_OURS int cs_unknown_option(lua_State *L, int key);
RAISES_OURS int cs_arg_error(lua_State *L, int index, const char *format, ...);

#ifdef CS_CHECKS
RAISES_OURS void cs_check_failed(const char *what, const char *file, int line);
#endif

/* optval.c */
struct cs_option;
RAISES static int bad_value(lua_State *L, const struct cs_option *o,
                            const char *expected);
