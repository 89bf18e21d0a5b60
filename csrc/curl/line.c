/* SPDX-License-Identifier: MIT
 *
 * line.c - which strings libcurl may send as a line, or as a part of one: all but these.
 * A CR or LF in them would end the line, and what follows would be a header or a command.
 */
#define CURL_DISABLE_DEPRECATION /* some are deprecated, and still there */
#include "options.h"

/* The name of a file may have any byte but NUL. */
static const CURLoption files[] = {
    CURLOPT_ABSTRACT_UNIX_SOCKET,
    CURLOPT_ALTSVC,
    CURLOPT_CAINFO,
    CURLOPT_CAPATH,
    CURLOPT_COOKIEFILE,
    CURLOPT_COOKIEJAR,
    CURLOPT_CRLFILE,
    CURLOPT_EGDSOCKET,
    CURLOPT_HSTS,
    CURLOPT_ISSUERCERT,
    CURLOPT_NETRC_FILE,
    CURLOPT_PINNEDPUBLICKEY,
    CURLOPT_PROXY_CAINFO,
    CURLOPT_PROXY_CAPATH,
    CURLOPT_PROXY_CRLFILE,
    CURLOPT_PROXY_ISSUERCERT,
    CURLOPT_PROXY_PINNEDPUBLICKEY,
    CURLOPT_PROXY_SSLCERT,
    CURLOPT_PROXY_SSLKEY,
    CURLOPT_RANDOM_FILE,
    CURLOPT_SSH_KNOWNHOSTS,
    CURLOPT_SSH_PRIVATE_KEYFILE,
    CURLOPT_SSH_PUBLIC_KEYFILE,
    CURLOPT_SSLCERT,
    CURLOPT_SSLKEY,
    CURLOPT_UNIX_SOCKET_PATH,
};

/* A secret that TLS takes, but no protocol sends. */
static const CURLoption secrets[] = {
    CURLOPT_KEYPASSWD,
    CURLOPT_PROXY_KEYPASSWD,
    CURLOPT_PROXY_TLSAUTH_PASSWORD,
    CURLOPT_TLSAUTH_PASSWORD,
};

int cs_is_line(CURLoption id) {
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (files[i] == id) return 0;
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
    if (secrets[i] == id) return 0;
  return 1;
}
