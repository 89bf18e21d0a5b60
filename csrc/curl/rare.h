/* SPDX-License-Identifier: MIT
 *
 * rare.h - the trampolines of callbacks that few easies have.
 */
#ifndef CS_RARE_H
#define CS_RARE_H

#include "binding.h"

#pragma GCC visibility push(hidden)

/* ---- rare.c: trailers, names, RTP -------------------------------------------------- */

int cs_on_trailer(struct curl_slist **list, void *easy);
int cs_on_resolver_start(void *resolver, void *reserved, void *easy);
size_t cs_on_interleave(char *data, size_t one, size_t size, void *easy);

/* ---- hsts.c: the hosts that want TLS ----------------------------------------------- */

CURLSTScode cs_on_hstsread(CURL *curl, struct curl_hstsentry *entry, void *easy);
CURLSTScode cs_on_hstswrite(CURL *curl, struct curl_hstsentry *entry,
                            struct curl_index *index, void *easy);

/* ---- ssh.c: whom an SSH server is -------------------------------------------------- */

int cs_on_ssh_hostkey(void *easy, int type, const char *key, size_t length);
int cs_on_ssh_key(CURL *curl, const struct curl_khkey *known,
                  const struct curl_khkey *found, enum curl_khmatch match, void *easy);

/* ---- wildcard.c: several files of one FTP folder ----------------------------------- */

long cs_on_chunk_bgn(const void *info, void *easy, int remains);
long cs_on_chunk_end(void *easy);
int cs_on_fnmatch(void *easy, const char *pattern, const char *name);

#pragma GCC visibility pop

#endif
