# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of a container's packet filter, and what is asked from within its network.

serve LOG             Echo at the ports below, over TCP and UDP, IPv4 and IPv6. Write a line for each packet of UDP.
ask WHERE...          Print as JSON which of these answers: tcp/ADDRESS/PORT, udp/ADDRESS/PORT or icmp/ADDRESS.
stream ADDRESS PORT SECONDS REFUSED
                      Keep a connection busy for so long, and send UDP packets to a port that is refused, as fast as it
                      goes. Print how many echoes came, and how many of these packets could be sent.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import subprocess
import sys
import threading
import time

TCP, UDP = (8080, 8081), (5353, 5354)
PATIENCE = 1.5


async def echo(reader, writer):
    while True:
        data = await reader.read(4096)
        if not data:
            break
        writer.write(data)
    writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, port, log):
        self.port, self.log = port, log

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        with open(self.log, "a", encoding="ascii") as stream:
            stream.write("%d %s %s\n" % (self.port, addr[0].replace("::ffff:", ""), data.decode("ascii")))
        self.transport.sendto(data, addr)


async def serve(log):
    loop = asyncio.get_running_loop()
    for port in TCP:
        await asyncio.start_server(echo, sock=bound(socket.SOCK_STREAM, port))
    for port in UDP:
        await loop.create_datagram_endpoint(lambda port=port: Datagrams(port, log), sock=bound(socket.SOCK_DGRAM, port))
    open(log, "a", encoding="ascii").close()
    await asyncio.sleep(3600)


def bound(kind, port):
    one = socket.socket(socket.AF_INET6, kind)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("::", port))
    return one


def answer(where):
    kind, address, *port = where.split("/")
    if kind == "icmp":
        done = subprocess.run(
            ["busybox", "ping", "-c", "1", "-W", "1", address],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        return "answered" if done.returncode == 0 else "none"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as one:
        one.settimeout(PATIENCE)
        try:
            one.connect((address, int(port[0])))
            one.sendall(b"hello")
            return "answered" if one.recv(16) == b"hello" else "other"
        except socket.timeout:
            return "silent"
        except OSError as error:
            return errno.errorcode[error.errno]


def ask(*places):
    found = {}
    threads = [threading.Thread(target=lambda each=each: found.update({each: answer(each)})) for each in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(found, sort_keys=True))


def stream(address, port, seconds, refused):
    one = socket.create_connection((address, int(port)), PATIENCE)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echoes, sent, tried, end = 0, 0, 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        word = b"%09d" % echoes
        one.sendall(word)
        got = b""
        while len(got) < len(word):
            got += one.recv(len(word) - len(got))
        assert got == word, (got, word)
        echoes += 1
        tried += 1
        try:
            other.sendto(b"leak", (address, int(refused)))
            sent += 1
        except OSError:
            pass
    print(json.dumps({"echoes": echoes, "sent": sent, "tried": tried}))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        {"ask": ask, "stream": stream}[sys.argv[1]](*sys.argv[2:])
