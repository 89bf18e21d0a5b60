/* SPDX-License-Identifier: MIT
 *
 * lists.c - what an easy keeps for libcurl, which reads lists, and the file of "stderr",
 * where they are: until it does not read them any more. Lua owns nothing that libcurl
 * points to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "binding.h"

/* What the handle keeps for one option: a struct curl_slist, a FILE (CURLOPT_STDERR), or
 * a struct cs_mime (CURLOPT_MIMEPOST). */
struct cs_list {
  struct cs_list *next;
  CURLoption id;
  void *value;
};

/* A transfer may be reading the options now. */
int cs_easy_is_busy(const struct cs_easy *e) {
  if (e->multi) return 1;
  for (const struct cs_frame *f = e->h.rt->frame; f; f = f->up)
    if (f->handle == &e->h) return 1;
  return 0;
}

void cs_mime_free(struct cs_mime *m) {
  curl_mime_free(m->mime);
  while (m->parts) {
    struct cs_mimepart *next = m->parts->next;
    free(m->parts->rest);
    free(m->parts);
    m->parts = next;
  }
  free(m);
}

static void free_value(CURLoption id, void *value) {
  if (id == CURLOPT_MIMEPOST && value)
    cs_mime_free(value);
  else if (id == CURLOPT_STDERR && value)
    fclose(value);
  else
    curl_slist_free_all(value);
}

/* What libcurl gets of it. */
static void *given(CURLoption id, void *value) {
  if (id == CURLOPT_TELNETOPTIONS && !value) return cs_terminal();
  return id == CURLOPT_MIMEPOST && value ? ((struct cs_mime *)value)->mime : value;
}

static void free_lists(struct cs_list *l) {
  while (l) {
    struct cs_list *next = l->next;
    free_value(l->id, l->value);
    free(l);
    l = next;
  }
}

/* Ends what is kept for an option that libcurl has another value for now. */
static void outdate(struct cs_easy *e, CURLoption id) {
  struct cs_list **at = &e->lists, *l;
  while (*at && (*at)->id != id) at = &(*at)->next;
  l = *at;
  if (!l) return;
  *at = l->next;
  l->next = NULL;
  if (cs_easy_is_busy(e)) {
    l->next = e->outdated;
    e->outdated = l;
  } else {
    free_lists(l);
  }
}

/* Sets the option to value (NULL: nothing), which belongs to the handle from now on. */
CURLcode cs_list_keep(struct cs_easy *e, CURLoption id, void *value) {
  struct cs_list *l = NULL;
  CURLcode code = CURLE_OK;
  if (value) {
    l = malloc(sizeof *l);
    if (!l) code = CURLE_OUT_OF_MEMORY;
  }
  if (!code) code = curl_easy_setopt(e->curl, id, given(id, value));
  if (code) {
    free(l);
    free_value(id, value);
    return code;
  }
  outdate(e, id);
  if (l) {
    *l = (struct cs_list){e->lists, id, value};
    e->lists = l;
  }
  return CURLE_OK;
}

/* Puts a copy of the string before the list's end. 0 without memory. */
int cs_list_append(struct curl_slist ***end, const char *text) {
  **end = curl_slist_append(NULL, text);
  if (!**end) return 0;
  *end = &(**end)->next;
  return 1;
}

static struct curl_slist *copy_list(const struct curl_slist *from) {
  struct curl_slist *list = NULL, **end = &list;
  for (; from; from = from->next) {
    if (cs_list_append(&end, from->data)) continue;
    curl_slist_free_all(list);
    return NULL;
  }
  return list;
}

/* Another FILE for the same open file: the script may close its own at any time, and when
 * the state is closed, Lua may do so before libcurl writes the last line. */
FILE *cs_file_copy(FILE *from) {
  int fd = fcntl(fileno(from), F_DUPFD_CLOEXEC, 0);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
  int code = errno;
  if (file)
    setvbuf(file, NULL, _IOLBF, BUFSIZ);
  else if (fd >= 0)
    close(fd);
  errno = code;
  return file;
}

CURLcode cs_lists_copy(struct cs_easy *to, const struct cs_easy *from) {
  for (const struct cs_list *l = from->lists; l; l = l->next) {
    if (l->id == CURLOPT_MIMEPOST) continue; /* mime.c */
    void *copy =
        l->id == CURLOPT_STDERR ? (void *)cs_file_copy(l->value) : copy_list(l->value);
    CURLcode code = copy ? cs_list_keep(to, l->id, copy) : CURLE_OUT_OF_MEMORY;
    if (code) return code;
  }
  return CURLE_OK;
}

/* libcurl forgets them first: curl_easy_reset leaves the list of CURLOPT_RESOLVE
 * behind. (Not CURLOPT_MIMEPOST, which means POST; a mime that is freed takes itself
 * out.) */
void cs_lists_free(struct cs_easy *e) {
  if (e->curl)
    for (const struct cs_list *l = e->lists; l; l = l->next)
      if (l->id != CURLOPT_MIMEPOST) curl_easy_setopt(e->curl, l->id, NULL);
  free_lists(e->lists);
  e->lists = NULL;
  cs_lists_free_outdated(e);
}

void cs_lists_free_outdated(struct cs_easy *e) {
  free_lists(e->outdated);
  e->outdated = NULL;
}
