/* SPDX-License-Identifier: MIT
 *
 * A server of telnet that asks for the type of the terminal ends the process, if
 * CURLOPT_TELNETOPTIONS has none.
 *
 * Expected: a transfer that ends. Actual: sendsuboption() takes the length of subopt_ttype,
 * which is a null pointer since it points into the option (8.11.0); with XDISPLOC it is the
 * same. The client need not have agreed to tell it. 8.11.0 to 8.16.0.
 */
#include "page.h"

static void serve(int server) {
  const char question[] = "\xff\xfa\x18\1\xff\xf0";
  int fd = accept(server, NULL, NULL);
  if (write(fd, question, sizeof question - 1) > 0) sleep(1);
}

static int transfer(int port) {
  char url[64];
  CURL *easy = new_easy(local_url(url, "telnet", port));
  curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  return 0;
}

int main(void) {
  int port, server = listener(&port);
  pid_t pid = serving(serve, server);
  int ended = child(transfer, port);
  kill(pid, SIGKILL);
  return tell_crash(ended);
}
