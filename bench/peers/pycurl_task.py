"""The tasks of task.lua and loop_task.lua with PycURL, as its documentation shows them, but without
a function that opens or closes a socket: with those PycURL 7.45.2 crashes when a kept connection is
closed at the end.

    python3 bench/peers/pycurl_task.py TASK URL N [CONCURRENT]
"""
import sys
import time

import pycurl

task, url, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
concurrent = int(sys.argv[4]) if len(sys.argv) > 4 else 1


def new_easy():
    easy = pycurl.Curl()
    easy.setopt(pycurl.URL, url)
    easy.setopt(pycurl.PROXY, "")
    easy.setopt(pycurl.NOSIGNAL, 1)
    easy.setopt(pycurl.WRITEFUNCTION, lambda data: None)
    return easy


def perform(easy):
    easy.perform()
    start = time.process_time()
    for _ in range(n):
        easy.perform()
    return time.process_time() - start


def new():
    easy = new_easy()
    easy.setopt(pycurl.FORBID_REUSE, 1)
    return perform(easy)


def kept():
    return perform(new_easy())


def finish(multi):
    """The easies whose transfers have ended."""
    while True:
        left, good, bad = multi.info_read()
        if bad:
            raise SystemExit(bad[0][2])
        yield from good
        if left == 0:
            return


def run(again):
    start = time.process_time()
    multi = pycurl.CurlMulti()
    left, active = n, 0
    easies = set()  # the multi does not keep them

    def begin(easy):
        nonlocal left, active
        multi.add_handle(easy)
        easies.add(easy)
        left, active = left - 1, active + 1

    for _ in range(min(n, concurrent)):
        begin(new_easy())
    while active:
        multi.perform()
        for easy in finish(multi):
            multi.remove_handle(easy)
            easies.discard(easy)
            active -= 1
            if not again:
                easy.close()
            if left:
                begin(easy if again else new_easy())
        if active:
            multi.select(1.0)
    return time.process_time() - start


tasks = {"new": new, "kept": kept, "reuse": lambda: run(True), "fetch": lambda: run(False)}
print("cpu %.6f" % tasks[task]())
