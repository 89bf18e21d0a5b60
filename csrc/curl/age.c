/* SPDX-License-Identifier: MIT
 *
 * age.c - which libcurl it is that runs.
 */
#include <stdatomic.h>

#include "binding.h"

/* curl_version_info prints the versions of all libraries, each time. */
unsigned cs_version(void) {
  static atomic_uint version;
  if (!version) version = curl_version_info(CURLVERSION_NOW)->version_num;
  return version;
}
