"""I/O: a slow line to a host, as ssh's ProxyCommand: a delay in each direction, and so many bits in a second.

Usage: slow_line.py HOST PORT DELAY_MS BITS_PER_SECOND LOG

Not every kernel has netem. At its end it appends to LOG, as a line of JSON, how many bytes went in each direction.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import socket
import sys
import threading
import time

# About a packet; a line holds so many of them before the sender has to wait, as the buffers of a modem do.
CHUNK, HELD = 1400, 64


class Direction:
    """One direction of the line: what is read from a descriptor is written to another one, later."""

    def __init__(self, source: int, sink: int, delay: float, rate: float) -> None:
        self.source, self.sink, self.delay, self.rate = source, sink, delay, rate
        self.held: queue.Queue[tuple[float, bytes]] = queue.Queue(HELD)
        self.count = 0
        self.threads = [threading.Thread(target=each, daemon=True) for each in (self.take, self.give)]
        for thread in self.threads:
            thread.start()

    def take(self) -> None:
        """Read, and say when each packet is through the line."""
        free, data = 0.0, b"x"
        while data:
            try:
                data = os.read(self.source, CHUNK)
            except OSError:
                data = b""
            free = max(free, time.monotonic()) + len(data) * 8 / self.rate
            self.held.put((free + self.delay, data))

    def give(self) -> None:
        """Write each packet when it is through."""
        while True:
            at, data = self.held.get()
            time.sleep(max(at - time.monotonic(), 0))
            if not data:
                return
            self.count += len(data)
            try:
                while data:
                    data = data[os.write(self.sink, data) :]
            except OSError:
                return


def main(host: str, port: str, delay_ms: str, rate: str, log: str) -> None:
    """Carry one connection."""
    # So ssh ends the line.
    signal.signal(signal.SIGHUP, lambda _number, _frame: sys.exit(0))
    delay = float(delay_ms) / 1000
    stream = open(log, "a")  # noqa: SIM115 it ends with this program, and with it the lock
    # Who reads the log waits for it.
    fcntl.flock(stream, fcntl.LOCK_SH)
    # The packets that open a connection take the line once in each direction.
    time.sleep(2 * delay)
    with socket.create_connection((host, int(port))) as connection:
        there = Direction(0, connection.fileno(), delay, float(rate))
        back = Direction(connection.fileno(), 1, delay, float(rate))
        try:
            there.threads[1].join()
            connection.shutdown(socket.SHUT_WR)
            back.threads[1].join(5)
        finally:
            stream.write(json.dumps({"there": there.count, "back": back.count}) + "\n")
            stream.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
