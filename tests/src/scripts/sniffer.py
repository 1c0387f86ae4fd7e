"""Writes every packet that arrives on an interface, one line of JSON each. Usage: sniffer.py INTERFACE

A line has the protocol, the addresses, the destination port where the protocol has one, and the first
token in the packet, wherever it is. A packet that the kernel lost ends the program.
"""

import json
import re
import socket
import struct
import sys

EVERYTHING = 0x0003  # ETH_P_ALL
ETHERNET = 14  # bytes of its header
IPV4, IPV6 = 0x0800, 0x86DD
WITH_PORTS = {6, 17, 132, 136}  # TCP, UDP, SCTP, UDP-Lite
EXTENSIONS = {0, 43, 60}  # hop-by-hop, routing, destination options
SO_RCVBUFFORCE = 33
BUFFER = 64 << 20  # more than any test sends while this program is not scheduled
SOL_PACKET, PACKET_STATISTICS = 263, 6
TOKEN = re.compile(rb"t0k-[a-z0-9-]*-k0t")


def ip(packet):
    """(protocol, source, destination, offset of what it carries)"""
    if packet[0] >> 4 == 4:
        ends = (socket.inet_ntop(socket.AF_INET, packet[at : at + 4]) for at in (12, 16))
        return packet[9], *ends, (packet[0] & 15) * 4
    ends = (socket.inet_ntop(socket.AF_INET6, packet[at : at + 16]) for at in (8, 24))
    protocol, offset = packet[6], 40
    while protocol in EXTENSIONS and len(packet) > offset + 1:
        protocol, offset = packet[offset], offset + (packet[offset + 1] + 1) * 8
    return protocol, *ends, offset


def describe(packet):
    protocol, source, destination, offset = ip(packet)
    port = packet[offset + 2 : offset + 4] if protocol in WITH_PORTS else b""
    token = TOKEN.search(packet)
    return {
        "protocol": protocol,
        "source": source,
        "destination": destination,
        "port": struct.unpack("!H", port)[0] if len(port) == 2 else 0,
        "token": token[0].decode() if token else "",
    }


def main(interface):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sniffer.bind((interface, EVERYTHING))
    print(json.dumps({"ready": True}), flush=True)
    while True:
        frame, (_, kind, way, *_) = sniffer.recvfrom(1 << 16)
        lost = struct.unpack("II", sniffer.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        if lost:
            sys.exit(f"lost {lost} packets")
        if way != socket.PACKET_OUTGOING and kind in (IPV4, IPV6):
            print(json.dumps(describe(frame[ETHERNET:])), flush=True)


main(sys.argv[1])
