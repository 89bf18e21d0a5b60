"""HTTP/3: nginx, and before it a relay of datagrams that harms some of what passes.

Where nginx has it the relay has UDP port 443, beside the server of TCP. What it does with the n-th
client, and how nginx is set, follows from the seed."""

import heapq
import itertools
import os
import random
import selectors
import shutil
import socket
import struct
import subprocess
import threading
import time

PATH = os.environ["PATH"] + ":/usr/sbin"
PORT, NGINX_PORT = 443, 4433


def is_here():
    if not shutil.which("nginx", path=PATH):
        return False
    told = subprocess.run(["nginx", "-V"], env={"PATH": PATH}, capture_output=True).stderr
    return b"http_v3_module" in told


# ---- nginx ----------------------------------------------------------------------------------


CONFIG = """
daemon off;
master_process off;
pid %(folder)s/pid;
error_log /dev/null;
events {
  worker_connections 500;
}
http {
  default_type text/plain;
  access_log off;
  client_body_temp_path %(folder)s/body;
  proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  absolute_redirect off;
  client_header_timeout 2s;
  client_body_timeout 2s;
  send_timeout 2s;
  proxy_http_version 1.1;
  proxy_read_timeout 3s;
  ssl_certificate %(certificate)s;
  ssl_certificate_key %(key)s;
  %(settings)s
  server {
    listen 127.0.0.1:%(port)d quic;
    root %(folder)s/root;
    location / { proxy_pass http://127.0.0.1:80; }
    location = / { return 200 "hello"; }
    location /big/ { }
    location = /slow { limit_rate 50k; alias %(folder)s/root/big/100000; }
    location = /redirect/5 { return 302 /; }
    location = /redirect/60 { return 302 /redirect/60; }
    location = /headers/100 { add_header X-Large "%(large)s"; return 200 "%(large)s"; }
  }
}
"""

# What each start of nginx draws from. A key that stays lets it end connections of the one before
# (stateless reset).
SETTINGS = {
    "quic_retry": ["off", "off", "on"],
    "quic_host_key": [None, "%(folder)s/host-key"],
    "ssl_early_data": ["off", "on"],
    "http3_max_concurrent_streams": ["128", "128", "2", "1"],
    "http3_stream_buffer_size": ["64k", "64k", "1k"],
    "keepalive_requests": ["1000", "1000", "4", "1"],
    "keepalive_timeout": ["60s", "60s", "1s", "100ms"],
    "proxy_buffering": ["on", "off"],
    "proxy_request_buffering": ["on", "off"],
}


class Nginx:
    """Is started again now and then, until it is stopped."""

    def __init__(self, folder, seed):
        self.folder, self.dice = folder, random.Random(seed + " nginx")
        self.lock = threading.Lock()
        os.makedirs(folder + "/root/big")
        with open(folder + "/host-key", "wb") as file:
            file.write(self.dice.randbytes(64))
        for size in 9, 100000, 1000000:
            with open("%s/root/big/%d" % (folder, size), "w") as file:
                file.write("x" * size)
        self.start()
        threading.Thread(target=self.start_again, daemon=True).start()

    def configure(self):
        drawn = ((name, self.dice.choice(SETTINGS[name])) for name in SETTINGS)
        settings = "\n  ".join("%s %s;" % (name, value) for name, value in drawn if value)
        values = {
            "folder": self.folder, "port": NGINX_PORT, "large": "v" * 3000,
            "certificate": os.path.abspath(os.environ["CHAOS_CERT"]),
            "key": os.path.abspath(os.environ["CHAOS_KEY"]),
        }
        with open(self.folder + "/conf", "w") as file:
            file.write(CONFIG % dict(values, settings=settings % values))

    def start(self):
        self.configure()
        # It ends with this process, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL", "nginx", "-e", self.folder + "/errors"]
        self.process = subprocess.Popen(command + ["-c", self.folder + "/conf"], env={"PATH": PATH})

    def start_again(self):
        while True:
            time.sleep(self.dice.uniform(1, 20))
            with self.lock:
                self.end()
                time.sleep(self.dice.choice([0, 0, 0.2]))
                self.start()

    def end(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """For ever: the lock is kept."""
        self.lock.acquire()
        self.end()


# ---- the relay ------------------------------------------------------------------------------


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def unreachable(client_port, code, mtu):
    """ICMP to a client that has sent to the relay: nobody is there, or too big."""
    size, home = 28, b"\x7f\0\0\1"
    quoted = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, 17, 0) + home + home + \
        struct.pack(">HHHH", client_port, PORT, 8, 0)
    body = struct.pack(">HH", 0, mtu) + quoted
    head = bytes([3, code])
    return head + struct.pack(">H", checksum(head + b"\0\0" + body)) + body


def other_version(packet):
    """What a server says to the first packet of a client whose version it does not know."""
    to_size = packet[5]
    to, rest = packet[6 : 6 + to_size], packet[6 + to_size :]
    of = rest[1 : 1 + rest[0]]
    return b"\x80\0\0\0\0" + bytes([len(of)]) + of + bytes([to_size]) + to + b"\x1a\x2a\x3a\x4a"


class Flow:
    """What passes between the port of a client and nginx."""

    def __init__(self, relay, client, dice):
        self.relay, self.client, self.dice, self.server = relay, client, dice, None
        self.rate = dice.choice([0.02, 0.1, 0.4]) if dice.random() < 0.4 else 0
        self.harms = dice.sample(self.HARMS, dice.randint(1, len(self.HARMS)))
        self.quiet_until, self.is_new = 0, True
        self.bind()

    def bind(self):
        """Nginx sees the client at another port from now on."""
        if self.server:
            self.relay.watched.unregister(self.server)
            self.server.close()
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.connect(("127.0.0.1", NGINX_PORT))
        self.relay.watched.register(self.server, selectors.EVENT_READ, self.from_server)

    def from_client(self, packet):
        if self.is_new and self.rate and self.dice.random() < 0.05:
            self.down(other_version(packet))
        self.is_new = False
        self.passes(packet, self.up)

    def from_server(self, server):
        try:
            self.passes(server.recv(65536), self.down)
        except ConnectionRefusedError:  # nginx is not there
            if self.rate:
                self.refuse()

    def up(self, packet):
        self.server.send(packet)

    def down(self, packet):
        self.relay.clients.sendto(packet, self.client)

    def passes(self, packet, way):
        if time.monotonic() < self.quiet_until:
            return
        if self.dice.random() < self.rate:
            packet = self.dice.choice(self.harms)(self, packet, way)
        if packet is not None:
            way(packet)

    # What may happen to a packet: each returns what is sent at once in its place.

    def lose(self, packet, way):
        return None

    def double(self, packet, way):
        way(packet)
        return packet

    def delay(self, packet, way):
        self.relay.later(self.dice.choice([0.001, 0.02, 0.3, 1]), way, packet)

    def spoil(self, packet, way):
        at = self.dice.randrange(len(packet) + 1)
        return packet[:at] + self.dice.randbytes(1) + packet[at + 1 :]

    def cut(self, packet, way):
        return packet[: self.dice.randrange(len(packet) + 1)]

    def add_garbage(self, packet, way):
        way(self.dice.randbytes(self.dice.randrange(1500)))
        return packet

    def move(self, packet, way):
        self.bind()
        return packet

    def be_quiet(self, packet, way):
        self.quiet_until = time.monotonic() + self.dice.choice([0.1, 0.5, 1000])

    def refuse(self, packet=None, way=None):
        self.relay.icmp.sendto(unreachable(self.client[1], 3, 0), self.client)

    def limit(self, packet, way):
        mtu = self.dice.choice([1240, 1400])  # enough for QUIC: it holds for all, for minutes
        self.relay.icmp.sendto(unreachable(self.client[1], 4, mtu), self.client)

    HARMS = [lose, double, delay, spoil, cut, add_garbage, move, be_quiet, refuse, limit]


class Relay:
    def __init__(self, seed):
        self.seed, self.flows, self.due, self.order = seed, {}, [], itertools.count()
        self.watched = selectors.DefaultSelector()
        self.clients = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.clients.bind(("127.0.0.1", PORT))
        self.watched.register(self.clients, selectors.EVENT_READ, self.receive)
        self.icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        threading.Thread(target=self.run, daemon=True).start()

    def receive(self, clients):
        packet, client = clients.recvfrom(65536)
        if client not in self.flows:
            dice = random.Random("%s udp %d" % (self.seed, len(self.flows) + 1))
            self.flows[client] = Flow(self, client, dice)
        self.flows[client].from_client(packet)

    def later(self, seconds, way, packet):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), way, packet))

    def send_due(self):
        while self.due and self.due[0][0] <= time.monotonic():
            _, _, way, packet = heapq.heappop(self.due)
            self.guarded(way, packet)

    def guarded(self, f, argument):
        """A port that is gone is reported to whoever sends next."""
        try:
            f(argument)
        except (OSError, IndexError):
            pass

    def run(self):
        while True:
            wait = self.due[0][0] - time.monotonic() if self.due else None
            for key, _ in self.watched.select(wait):
                self.guarded(key.data, key.fileobj)
            self.send_due()


def serve(folder, seed):
    """Returns nginx, or None where it has no HTTP/3. CHAOS_HTTP3 says so to the program."""
    if is_here():
        os.environ["CHAOS_HTTP3"] = "1"
        Relay(seed)
        return Nginx(folder, seed)
