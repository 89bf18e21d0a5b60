/* SPDX-License-Identifier: MIT
 *
 * zone.c - the zone of an IPv6 address, which libcurl takes from the URL or an option
 * after it has asked for the socket.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

/* The authority of the URL begins here, behind the user; *end is its end. */
static const char *find_host(const char *url, const char **end) {
  const char *host = strstr(url, "//");
  host = host ? host + 2 : url;
  *end = host + strcspn(host, "/?#\\");
  for (const char *at = host; at < *end; at++)
    if (*at == '@') host = at + 1;
  return host;
}

/* The zone of the URL, a number or a name; 0 if it has none. */
static uint32_t zone_of(const char *url) {
  const char *end, *host = find_host(url, &end);
  const char *zone = *host == '[' ? memchr(host, '%', (size_t)(end - host)) : NULL;
  char name[IF_NAMESIZE];
  if (!zone) return 0;
  zone += strncmp(zone, "%25", 3) ? 1 : 3;
  size_t length = strcspn(zone, "]");
  if (length >= sizeof name) return 0;
  memcpy(name, zone, length);
  name[length] = '\0';
  unsigned number = if_nametoindex(name);
  return number ? number : (uint32_t)strtoul(name, NULL, 10);
}

void cs_judge_zone(lua_State *L, const struct cs_easy *e, int easy,
                   struct cs_address *a) {
  if (cs_address_family(a) != AF_INET6) return;
  uint32_t zone = zone_of(cs_judge_url(e));
  if (!zone) zone = (uint32_t)cs_fence_value(L, e, easy, CURLOPT_ADDRESS_SCOPE);
  if (zone) a->u.in6.sin6_scope_id = zone;
}
