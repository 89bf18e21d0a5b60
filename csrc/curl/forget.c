/* SPDX-License-Identifier: MIT
 *
 * forget.c - what some releases of libcurl forget to wait for.
 */
#include <string.h>
#include <strings.h>

#include "binding.h"

/* ---- a transfer that waits for nothing, until 8.4.0 -------------------------------- */

/* Until 8.4.0 a transfer that goes on to its next address, or from FTP's control
 * connection to its data connection, waits then for nothing but to be driven by
 * something else: with no descriptor, and no timer but that of the whole attempt. So it
 * is suspected when it starts, is given a socket or has one unwatched, until something
 * is watched. */

void cs_forget_suspect(struct cs_multi *m, struct cs_easy *e) {
  cs_link_drop(&e->in_idle);
  cs_link_append(&m->idle, &e->in_idle);
}

/* Of all calls this one sets the timer of a single transfer to now. It is not for one
 * that may not receive: it would. Nor after a failure: a socket that libcurl had no
 * memory to watch is a division by zero when it is watched again. */
void cs_forget_drive(struct cs_multi *m, CURLMcode code) {
  while (!cs_link_empty(&m->idle)) {
    struct cs_easy *e = cs_item(m->idle.next, struct cs_easy, in_idle);
    cs_link_drop(&e->in_idle);
    if (e->paused & CURLPAUSE_RECV || code) continue;
    curl_easy_pause(e->curl, e->paused | CURLPAUSE_RECV);
    curl_easy_pause(e->curl, e->paused);
    cs_link_drop(&e->in_idle);
  }
}

/* A transfer whose socket is not watched any more, if that was one of ours, may be
 * idle; one of which something is watched is not. */
void cs_forget_look(struct cs_multi *m, struct cs_easy *e, int fd, int watched) {
  const struct cs_socket *s = cs_ledger_find(m->h.rt, fd);
  if (watched ? cs_link_empty(&m->idle) : !s || s->state != CS_LENT) return;
  if (!e || e->multi != m) return;
  if (watched)
    cs_link_drop(&e->in_idle);
  else
    cs_forget_suspect(m, e);
}

/* ---- FTP's control connection, 7.87.0 to 8.6.0 ------------------------------------- */

/* While the TLS of FTP's data connection begins, libcurl 7.87.0 to 8.6.0 does not wait
 * for the answer on the control connection that has to come first. So what is not
 * watched any more while another socket of the transfer is, is watched until something
 * comes. */
static int is_ftp(const struct cs_easy *e) {
  const char *scheme = NULL;
  if (curl_easy_getinfo(e->curl, CURLINFO_SCHEME, &scheme) || !scheme) return 0;
  return !strncasecmp(scheme, "ftp", 3);
}

static int is_control(struct cs_multi *m, struct cs_easy *e, int fd) {
  if (!e || e->multi != m || !is_ftp(e)) return 0;
  for (const struct cs_link *l = e->opened.next; l != &e->opened; l = l->next) {
    const struct cs_socket *s = cs_item(l, struct cs_socket, in_opener);
    if (s->fd != fd && s->watcher == &m->h) return 1;
  }
  return 0;
}

void cs_forget_opened(struct cs_multi *m, struct cs_easy *e) {
  if (m->forgetful) cs_forget_suspect(m, e);
  if (!m->deaf || e->ftp || !is_ftp(e)) return;
  e->ftp = 1;
  m->ftp++;
}

void cs_forget_drop(struct cs_easy *e) {
  cs_link_drop(&e->in_idle);
  cs_link_drop(&e->in_controls);
  if (e->ftp) e->multi->ftp--;
  e->ftp = 0;
}

int cs_forget_control(struct cs_multi *m, struct cs_easy *e, int fd) {
  struct cs_watch *w = (size_t)fd < m->size ? &m->watches[fd] : NULL;
  if (!w || w->events != CURL_POLL_IN || !is_control(m, e, fd)) return 0;
  e->control = fd;
  e->forgotten = 16;
  cs_link_drop(&e->in_controls);
  cs_link_append(&m->controls, &e->in_controls);
  w->kept = m->epoll < 0;
  return w->kept;
}

int cs_forget_heard(struct cs_multi *m, int fd) {
  int waits = 0;
  for (struct cs_link *l = m->controls.next; l != &m->controls; l = l->next) {
    struct cs_easy *e = cs_item(l, struct cs_easy, in_controls);
    if (e->control != fd || !e->forgotten || !cs_link_empty(&e->in_done)) continue;
    e->forgotten--;
    cs_forget_suspect(m, e);
    waits = 1;
  }
  return waits;
}

int cs_forget_longest(const struct cs_multi *m, int ms) {
  return m->ftp && ms > 200 ? 200 : ms;
}
