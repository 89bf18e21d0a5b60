/* SPDX-License-Identifier: MIT
 *
 * apicheck.h - included in every C file of the Lua that make apicheck builds. Its checks of the
 * API are lua_assert, too.
 */
#include <stddef.h>

void apicheck_failed(const char *assertion, const char *file, int line);
void apicheck_free(void *block);
void *apicheck_realloc(void *block, size_t size);

#define lua_assert(c) ((c) ? (void)0 : apicheck_failed(#c, __FILE__, __LINE__))
#define HARDSTACKTESTS
