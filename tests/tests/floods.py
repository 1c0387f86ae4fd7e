"""Connects as fast as it can, in the one way that WAY names, until it is ended."""

import collections
import os
import socket
import struct

NAMED = ("203.0.113.10", 443)  # the gateway waits there for a first message
UNLISTED = ("203.0.113.200", 9)
HELD = 400  # descriptors, below any usual limit of them
RESET = struct.pack("ii", 1, 0)

held = collections.deque()


def connected():
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect(NAMED)
    except OSError:
        pass  # a flood finds limits: its own ports, for one
    return s


def opens():
    connected().close()


def abandons():
    """Closes before the handshake is over."""
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(NAMED)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()


def half_opens():
    """Keeps connections on which it says nothing."""
    held.append(connected())
    if len(held) > HELD:
        held.popleft().close()


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def is_refused():
    """By the kernel: no gateway hears of it."""
    try:
        datagrams.sendto(b"", UNLISTED)
    except PermissionError:
        pass


# Floods are of connections; how the kernel shares out processors is not the gateway's to say.
os.nice(19)
way = globals()[WAY]
while True:
    way()
