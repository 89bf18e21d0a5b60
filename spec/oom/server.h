/* SPDX-License-Identifier: MIT */
#ifndef OOM_SERVER_H
#define OOM_SERVER_H

#include <sys/types.h>

struct ports {
  int http, ftp;
};

/* Starts both servers on loopback, in a process that ends with this one; its id. */
pid_t start_server(struct ports *ports);

#endif
