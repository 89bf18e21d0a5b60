/* SPDX-License-Identifier: MIT
 *
 * text.c - the parts of a socket address, and its text.
 *
 * An address may come from the kernel or from libcurl, so nothing beyond its len is read:
 * a sun_path need not be terminated, and an address may be too short for its family.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "net.h"

/* ---- the parts of an address ------------------------------------------------------ */

#ifdef __linux__
enum { HAS_ABSTRACT = 1 }; /* names of UNIX sockets that start with NUL */
#else
enum { HAS_ABSTRACT = 0 };
#endif

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* The family; AF_UNSPEC if the address is too short to be of the one that it names. */
int cs_address_family(const struct cs_address *a) {
  size_t least = offsetof(struct sockaddr, sa_data);
  if (a->len < least) return AF_UNSPEC; /* analyzer: only a port may be NULL */
  if (a->u.sa.sa_family == AF_INET) least = sizeof a->u.in;
  if (a->u.sa.sa_family == AF_INET6) least = sizeof a->u.in6;
  return a->len < least ? AF_UNSPEC : a->u.sa.sa_family;
}

void cs_address_set_length(struct cs_address *a, socklen_t len) {
  a->len = len < sizeof a->u ? len : sizeof a->u;
}

/* The address is of a family that has a text. */
int cs_address_is_known(const struct cs_address *a) {
  int family = cs_address_family(a);
  return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

/* The port, in network byte order; NULL if the family has none. */
in_port_t *cs_address_port(struct cs_address *a) {
  int family = cs_address_family(a);
  if (family == AF_INET) return &a->u.in.sin_port;
  return family == AF_INET6 ? &a->u.in6.sin6_port : NULL;
}

/* The bytes of the IP address, in network byte order; NULL if it has none. */
const unsigned char *cs_address_bytes(const struct cs_address *a, size_t *size) {
  int family = cs_address_family(a);
  *size = family == AF_INET ? 4 : 16;
  if (family == AF_INET) return (const unsigned char *)&a->u.in.sin_addr;
  return family == AF_INET6 ? a->u.in6.sin6_addr.s6_addr : NULL;
}

/* Changes the family: any address of the new one, with the port that it had. */
void cs_address_set_family(struct cs_address *a, int family) {
  static const socklen_t inet = sizeof a->u.in, inet6 = sizeof a->u.in6;
  in_port_t *port = cs_address_port(a), kept = port ? *port : 0;
  if (cs_address_family(a) == family) return;
  memset(&a->u, 0, sizeof a->u);
  a->u.sa.sa_family = (sa_family_t)family;
  a->len = family == AF_INET ? inet : family == AF_INET6 ? inet6 : PATH_OFFSET;
  port = cs_address_port(a);
  if (port) *port = kept;
  /* That of TCP means nothing to a UNIX socket: socket(2) would refuse it. */
  if (family == AF_UNIX) a->protocol = 0;
}

/* How many bytes of sun_path are the name: none if there is no name, and an abstract one
 * starts with NUL. */
static size_t unix_length(const struct cs_address *a) {
  size_t len = a->len < sizeof a->u.un ? a->len : sizeof a->u.un;
  if (len <= PATH_OFFSET) return 0;
  if (HAS_ABSTRACT && a->u.un.sun_path[0] == '\0') return len - PATH_OFFSET;
  return strnlen(a->u.un.sun_path, len - PATH_OFFSET);
}

/* Makes a the UNIX address of a path, or of an abstract "@name" (which may hold NULs).
 * libcurl prints sun_path, so a path leaves room for its end. 0 if it does not fit. */
int cs_address_set_path(struct cs_address *a, const char *path, size_t n) {
  int abstract = n > 0 && path[0] == '@';
  if (n > PATH_SIZE - !abstract || (!abstract && memchr(path, 0, n))) return 0;
  if (abstract && !HAS_ABSTRACT) return 0;
  cs_address_set_family(a, AF_UNIX);
  memset(a->u.un.sun_path, 0, PATH_SIZE);
  memcpy(a->u.un.sun_path, path, n);
  if (abstract) a->u.un.sun_path[0] = '\0';
  a->len = (socklen_t)(PATH_OFFSET + n + (n > 0 && !abstract));
  return 1;
}

/* ---- to text ---------------------------------------------------------------------- */

/* Writes the path as set_path reads it; a file "@x" is written "./@x". Returns the
 * bytes. */
size_t cs_address_path(const struct cs_address *a, char *text) {
  const char *name = a->u.un.sun_path;
  size_t n = unix_length(a), prefix = 0;
  if (n > 0 && name[0] == '\0') {
    text[prefix++] = '@';
    name++, n--;
  } else if (n > 0 && name[0] == '@') {
    text[prefix++] = '.';
    text[prefix++] = '/';
  }
  memcpy(text + prefix, name, n);
  return prefix + n;
}

/* Writes the text of the address and its end; returns the bytes before that. */
size_t cs_address_print(const struct cs_address *a, char text[CS_ADDRESS_TEXT]) {
  char ip[INET6_ADDRSTRLEN], scope[16] = "";
  int n, family = cs_address_family(a);
  if (family == AF_INET) {
    inet_ntop(AF_INET, &a->u.in.sin_addr, ip, sizeof ip);
    n = snprintf(text, CS_ADDRESS_TEXT, "%s:%d", ip, ntohs(a->u.in.sin_port));
  } else if (family == AF_INET6) {
    unsigned id = a->u.in6.sin6_scope_id;
    inet_ntop(AF_INET6, &a->u.in6.sin6_addr, ip, sizeof ip);
    if (id) snprintf(scope, sizeof scope, "%%%u", id);
    n = snprintf(text, CS_ADDRESS_TEXT, "[%s%s]:%d", ip, scope,
                 ntohs(a->u.in6.sin6_port));
  } else if (family == AF_UNIX) {
    memcpy(text, "unix:", 5);
    n = 5 + (int)cs_address_path(a, text + 5);
    text[n] = '\0';
  } else {
    n = snprintf(text, CS_ADDRESS_TEXT, "family %d", family);
  }
  return (size_t)n;
}

const char *cs_address_text(const struct cs_address *a, char text[CS_ADDRESS_TEXT]) {
  cs_address_print(a, text);
  return text;
}

/* ---- from text -------------------------------------------------------------------- */

/* The number that n decimal digits mean, or -1 if they do not or it exceeds max. */
int64_t cs_read_number(const char *s, size_t n, int64_t max) {
  int64_t value = 0;
  if (n == 0 || n > 10) return -1;
  for (; n > 0; s++, n--) {
    if (*s < '0' || *s > '9') return -1;
    value = value * 10 + (*s - '0');
  }
  return value <= max ? value : -1;
}

/* An IPv6 address with its scope, the number or the name of an interface. */
static int read_ip6(struct cs_address *a, char *ip) {
  struct in6_addr in6;
  int64_t scope = 0;
  char *zone = strchr(ip, '%');
  if (zone) {
    *zone++ = '\0';
    scope = cs_read_number(zone, strlen(zone), UINT32_MAX);
    if (scope < 0 && !(scope = if_nametoindex(zone))) return 0;
  }
  if (inet_pton(AF_INET6, ip, &in6) != 1) return 0;
  cs_address_set_family(a, AF_INET6);
  a->u.in6.sin6_addr = in6;
  a->u.in6.sin6_scope_id = (uint32_t)scope;
  return 1;
}

/* Makes a the IP address that the text means, keeping the port. 0 if it means none. */
int cs_address_read_ip(struct cs_address *a, const char *s, size_t n) {
  char ip[INET6_ADDRSTRLEN + IF_NAMESIZE];
  struct in_addr in;
  if (n >= sizeof ip || memchr(s, 0, n)) return 0;
  memcpy(ip, s, n);
  ip[n] = '\0';
  if (inet_pton(AF_INET, ip, &in) != 1) return read_ip6(a, ip);
  cs_address_set_family(a, AF_INET);
  a->u.in.sin_addr = in;
  return 1;
}

/* Reads the ":port", or nothing, that follows an IP address. */
static int read_port(struct cs_address *a, const char *s, const char *end) {
  if (s == end) return 1;
  int64_t port =
      *s == ':' ? cs_read_number(s + 1, (size_t)(end - s) - 1, UINT16_MAX) : -1;
  if (port < 0) return 0;
  *cs_address_port(a) = htons((uint16_t)port);
  return 1;
}

/* Makes the empty address a what the text means; 0 if it means none. */
int cs_address_read(struct cs_address *a, const char *s, size_t n) {
  const char *end = s + n, *colon = memchr(s, ':', n);
  if (n >= 5 && !memcmp(s, "unix:", 5)) return cs_address_set_path(a, s + 5, n - 5);
  if (n > 0 && *s == '[') {
    const char *close = memchr(s, ']', n);
    return close && cs_address_read_ip(a, s + 1, (size_t)(close - s) - 1) &&
           cs_address_family(a) == AF_INET6 && read_port(a, close + 1, end);
  }
  if (colon && memchr(colon + 1, ':', (size_t)(end - colon) - 1))
    return cs_address_read_ip(a, s, n);
  if (!colon) colon = end;
  return cs_address_read_ip(a, s, (size_t)(colon - s)) && read_port(a, colon, end);
}
