/* SPDX-License-Identifier: MIT
 *
 * terminal.c - what telnet tells of the terminal. A server that asks for its type or its
 * display ends the process with libcurl 8.11.0 to 8.16.0, if telnetoptions does not say
 * them (spec/upstream/telnet-terminal.c). There they are always said.
 */
#include "options.h"

struct curl_slist *cs_terminal(void) {
  static char type[] = "TTYPE=UNKNOWN", display[] = "XDISPLOC="; /* RFC 1091, 1096 */
  static struct curl_slist both[] = {{type, both + 1}, {display, NULL}};
  unsigned version = cs_version();
  return version >= 0x080b00 && version < 0x081100 ? both : NULL;
}
