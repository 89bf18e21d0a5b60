/* SPDX-License-Identifier: MIT
 *
 * datagram.c - connections over UDP: HTTP/3.
 *
 * When the server is gone nobody tells: a request waits for its time limit. Its
 * connection, on which others might go on, stays in the cache, where the next request
 * finds it, and waits as long. So a request doubts its connection until something of the
 * answer has come: what ends it before that ends the connection, too, if it is the last
 * one there.
 */
#include "kept.h"

static void set_doubt(struct cs_easy *e, int doubts) {
  e->doubts = doubts;
  curl_easy_setopt(e->curl, CURLOPT_FORBID_REUSE, (long)(doubts || e->set.forbid_reuse));
}

void cs_datagram_doubt(struct cs_easy *e) {
  if (!(e->h.rt->traits & CS_DATAGRAMS)) return;
  const struct cs_socket *s = cs_connection_of(e);
  if (s && s->datagram) set_doubt(e, 1);
}

void cs_datagram_trust(struct cs_easy *e) {
  if (e->doubts) set_doubt(e, 0);
}

void cs_datagram_copy(struct cs_easy *to, const struct cs_easy *from) {
  if (from->doubts) set_doubt(to, 0);
}
