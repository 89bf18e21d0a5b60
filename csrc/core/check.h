/* SPDX-License-Identifier: MIT
 *
 * check.h - what must hold where a line of C can see it.
 */
#ifndef CS_CHECK_H
#define CS_CHECK_H

#pragma GCC visibility push(hidden)

/* ---- check.c: what must hold, in the builds that prove it (-DCS_CHECKS) ------------ */

#ifdef CS_CHECKS
void cs_check_failed(const char *what, const char *file, int line);
#define CS_CHECK(what) ((what) ? (void)0 : cs_check_failed(#what, __FILE__, __LINE__))
#else
#define CS_CHECK(what) ((void)0)
#endif

#pragma GCC visibility pop

#endif
