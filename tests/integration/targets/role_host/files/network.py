"""What the tests of the role host read and ask in the namespaces of lxc-net, without the collection.

Usage: network.py COMMAND ARGUMENT...

look                      What there is, as JSON: files with settings and state, interfaces, firewall rules, sockets.
lease INTERFACE ADDRESS   Ask for an address by DHCP through an interface, and print what the answer gives: the
                          address, its netmask, the router.
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys

IDS = ("/etc/subuid", "/etc/subgid")
FOLDERS = ("/etc/default", "/run/lxc", "/var/lib/misc")
# The options of RFC 2132 that count here.
NETMASK, ROUTER, REQUESTED, TYPE, END = 1, 3, 50, 53, 255
REQUEST, ACKNOWLEDGED = 3, 5
SECONDS = 10


def output(*argv):
    """What a program prints; nothing where it is not installed."""
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=SECONDS).stdout.decode()
    except FileNotFoundError:
        return ""


def files():
    """Mode, time of change and content of each file below the folders, and of those with the ids of users."""
    found = {}
    below = [
        os.path.join(top, name) for folder in FOLDERS for top, _folders, names in os.walk(folder) for name in names
    ]
    for path in (*below, *IDS):
        status = os.stat(path)
        with open(path, encoding="utf-8", errors="replace") as stream:
            found[path] = [oct(status.st_mode), status.st_mtime_ns, stream.read()]
    return found


def interfaces():
    """The IPv4 addresses of each interface, and its number, which a new one of the same name would not have."""
    found = {}
    for item in json.loads(output("ip", "-json", "address")):
        inet = [entry for entry in item["addr_info"] if entry["family"] == "inet"]
        addresses = ["%s/%d" % (entry["local"], entry["prefixlen"]) for entry in inet]
        found[item["ifname"]] = {"number": item["ifindex"], "addresses": addresses, "up": "UP" in item["flags"]}
    return found


def rules():
    """The rules of the firewall, whichever of its programs made them, without what they have counted."""
    lines = (output("iptables-save") + output("nft", "list", "ruleset")).splitlines()
    return [re.sub(r"\[\d+:\d+\]|packets \d+ bytes \d+", "", line) for line in lines if not line.startswith("#")]


def sockets(protocol):
    """The local address of each IPv4 socket, and its inode, which a new one would not have. See proc(5)."""
    with open("/proc/net/" + protocol) as stream:
        rows = [line.split() for line in stream.readlines()[1:]]
    found = {}
    for address, port, inode in [(*row[1].split(":"), row[9]) for row in rows]:
        numbers = socket.inet_ntoa(struct.pack("=I", int(address, 16)))
        found["%s %s:%d" % (protocol, numbers, int(port, 16))] = inode
    return found


def look():
    """All of it."""
    with open("/proc/sys/net/ipv4/ip_forward") as stream:
        forwarding = stream.read().strip()
    found = {"files": files(), "interfaces": interfaces(), "rules": rules(), "forwarding": forwarding}
    print(json.dumps({**found, "sockets": {**sockets("udp"), **sockets("tcp")}}))


def lease(interface, address):
    """Ask as a client does that had this address before, since that is answered without a wait for other users of it.

    By frames: the client has no address yet, and it lives in the same network namespace as the server.
    """
    number = os.urandom(4)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as stream:
        stream.bind((interface, 0x0800))
        stream.settimeout(SECONDS)
        own = stream.getsockname()[4]
        stream.send(b"\xff" * 6 + own + b"\x08\x00" + datagram(message(number, own, socket.inet_aton(address))))
        while True:
            # Ethernet, IP without options, UDP.
            answer = stream.recv(2048)[14 + 20 + 8 :]
            if answer[:1] == b"\x02" and answer[4:8] == number:
                break
    given = options(answer[240:])
    if given[TYPE] != bytes([ACKNOWLEDGED]):
        sys.exit("refused: %r" % given)
    for value in (answer[16:20], given[NETMASK], given[ROUTER]):
        print(socket.inet_ntoa(value))


def message(number, own, address):
    """A DHCPREQUEST whose answer shall be broadcast. See RFC 2131."""
    header = struct.pack("!BBBB4sHH16s16s192s", 1, 1, 6, 0, number, 0, 0x8000, b"", own, b"")
    asked = bytes([TYPE, 1, REQUEST, REQUESTED, 4]) + address + bytes([END])
    return header + b"\x63\x82\x53\x63" + asked


def datagram(content):
    """The content in a UDP datagram from nobody to everybody, in an IP packet."""
    udp = struct.pack("!HHHH", 68, 67, 8 + len(content), 0) + content
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"", b"\xff" * 4)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[12:] + udp


def options(content):
    """The options of a message by their numbers."""
    found = {}
    while content and content[0] != END:
        # The number 0 is padding, without a length.
        end = 2 + content[1] if content[0] else 1
        found[content[0]] = content[2:end]
        content = content[end:]
    return found


COMMANDS = {"look": look, "lease": lease}

if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    COMMANDS[sys.argv[1]](*sys.argv[2:])
