/* SPDX-License-Identifier: MIT
 *
 * parting.c - connections that libcurl has ended, but not closed yet.
 *
 * From 8.9 on it says goodbye to the server (TLS, QUIC), and waits for the answer, two
 * seconds at most. To an event loop it says no time for that: if nothing else happens
 * they stay until the multi is closed. So for a while after a transfer has ended libcurl
 * is called for sockets that are watched though no transfer waits for them.
 */
#include "binding.h"

static const double apart = 0.25; /* seconds between two calls */
enum { CALLS = 16 };

/* Whether some may be: more sockets than transfers, or none of these. */
static int is_parting(const struct cs_multi *m) {
  return m->watched > m->running || (m->watched && !m->running);
}

void cs_parting_look(struct cs_frame *f, struct cs_multi *m, int ended) {
  if (!m->parts) return;
  if (ended) m->calls = CALLS;
  if (!m->calls || !is_parting(m)) {
    m->parting = -1;
  } else if (m->parting < 0) {
    m->parting = cs_now() + apart;
    cs_event_tell_time(f, m);
  }
}

/* It is watched, and no transfer that opened it runs: it may be one of those. */
static int may_part(const struct cs_multi *m, int fd) {
  const struct cs_socket *s = cs_ledger_find(m->h.rt, fd);
  return m->watches[fd].counted && s && cs_link_empty(&s->in_opener);
}

/* Others are in the way of perform, and from 8.20 on the time alone does not do it; but
 * an event does, which where it is not true only has libcurl look. */
static CURLMcode touch_all(struct cs_multi *m) {
  CURLMcode code = CURLM_OK;
  for (int fd = 0; !code && (size_t)fd < m->size; fd++)
    if (may_part(m, fd))
      code = curl_multi_socket_action(m->curl, fd, CURL_CSELECT_IN, &m->running);
  return code;
}

CURLMcode cs_parting_call(struct cs_multi *m) {
  if (m->parting < 0 || m->parting > cs_now()) return CURLM_OK;
  m->parting = -1;
  m->calls--;
  return m->running ? touch_all(m) : curl_multi_perform(m->curl, &m->running);
}
