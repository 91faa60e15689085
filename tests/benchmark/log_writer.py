"""I/O: a payload that writes lines at a pace of its own, and tells how fast it could.

Usage: log_writer.py BYTES_PER_SECOND SECONDS RESULT

It writes lines of 1000 to 4000 bytes, each in a write of its own. When it is behind its pace, it makes no pause until
it has caught up. The bytes per second that it came to go to the file RESULT, which is there when it is complete.
"""

import os
import sys
import time


def main(rate, seconds, result):
    lines = [b"x" * (size - 1) + b"\n" for size in range(1000, 4001, 250)]
    start = time.monotonic()
    written = 0
    while written < rate * seconds:
        for line in lines:
            written += os.write(1, line)
        ahead = written / rate - (time.monotonic() - start)
        if ahead > 0:
            time.sleep(ahead)
    speed = written / (time.monotonic() - start)
    with open(result + ".new", "w") as stream:
        stream.write(str(speed))
    os.rename(result + ".new", result)
    # What has ended would be a failed start if it came too early.
    time.sleep(3600)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
