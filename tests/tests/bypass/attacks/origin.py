"""Sockets that come from another time, another process, another cgroup, or another namespace."""

CLONE_NEWCGROUP, CLONE_NEWUSER, CLONE_NEWNET = 0x02000000, 0x10000000, 0x40000000


def join(cgroup):
    with open(cgroup + "/cgroup.procs", "w") as file:
        file.write("0")


@early
def tcp_before():
    s = tcp()
    s.connect(V4)
    attached()
    return tell(s)


@early
def udp_before():
    s = udp()
    s.connect(V4)
    attached()
    return tell(s)


@early
def created_before():
    s = tcp()
    attached()
    return tell(s, V4)


@early
def udp_created_before():
    s = udp()
    attached()
    return ask(s, V4)


@early
def raw_before():
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
    attached()
    s.sendto(TOKEN, (SINK, 0))
    return "sent"


@early
def raw_query_before():
    """A question as any resolver's, but by a socket that no hook asks for."""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    attached()
    s.sendto(udp_header(dns_query()), (SINK, 0))
    return "sent"


def receive():
    """The socket that the helper gives away."""
    meeting = socket.socket(socket.AF_UNIX)
    meeting.settimeout(PATIENCE)
    meeting.connect(MEETING)
    _, fds, _, _ = socket.recv_fds(meeting, 16, 1)
    s = socket.socket(fileno=fds[0])
    s.settimeout(PATIENCE)
    return s


def give(s):
    """Gives a socket to whoever comes. Who waits for `ready` knows that it can come."""
    meeting = socket.socket(socket.AF_UNIX)
    meeting.bind(MEETING)
    meeting.listen()
    meeting.settimeout(PATIENCE)
    attached()
    peer, _ = meeting.accept()
    socket.send_fds(peer, [b"a socket"], [s.fileno()])
    return "given"


@attack
def received():
    return tell(receive(), V4)


@attack
def received_udp():
    return ask(receive(), V4)


@attack
def received_raw():
    receive().sendto(TOKEN, (SINK, 0))
    return "sent"


@attack
def received_connected():
    return tell(receive())


@early
def give_tcp():
    return give(tcp())


@early
def give_udp():
    return give(udp())


@early
def give_raw():
    return give(socket.socket(socket.AF_INET, socket.SOCK_RAW, 253))


@early
def give_connected():
    s = tcp()
    s.connect(V4)
    return give(s)


@attack
def moved():
    """The socket was made in a cgroup that nothing governs."""
    s = tcp()
    join(POD_CGROUP)
    return tell(s, V4)


@attack
def moved_udp():
    s = udp()
    join(POD_CGROUP)
    return ask(s, V4)


@attack
def moved_connected():
    s = tcp()
    s.connect(V4)
    join(POD_CGROUP)
    return tell(s)


@attack
def child_cgroup():
    child = POD_CGROUP + "/child"
    os.makedirs(child, exist_ok=True)
    join(child)
    return tell(tcp(), V4)


@attack
def cgroup_namespace():
    check(libc.unshare(CLONE_NEWCGROUP))
    return tell(tcp(), V4)


@attack
def empty_namespace():
    """As any user may make one; it has no cable."""
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
    return tell(tcp(), V4)


def nest(inside):
    """Runs something in a namespace behind the pod's own, which the pod forwards for."""
    address = POD_V4.rsplit(".", 1)[0] + ".130"
    settings(ipv4__ip_forward="1", ipv4__conf__eth0__proxy_arp="1")
    made, laid, said = os.pipe(), os.pipe(), os.pipe()

    def begin():
        check(libc.unshare(CLONE_NEWNET))
        os.write(made[1], b".")
        os.read(laid[0], 1)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "set", "eth0", "up")
        run("ip", "addr", "add", address + "/32", "dev", "eth0")
        run("ip", "route", "add", POD_V4, "dev", "eth0")
        run("ip", "route", "add", "default", "via", POD_V4)
        return inside(address)

    child = os.fork()
    if not child:
        os.write(said[1], saw(begin).encode())
        os._exit(0)
    os.read(made[0], 1)
    run("ip", "link", "add", "nested", "type", "veth", "peer", "name", "eth0", "netns", str(child))
    run("ip", "link", "set", "nested", "up")
    run("ip", "route", "add", address, "dev", "nested")
    os.write(laid[1], b".")
    answer = os.read(said[0], 100).decode()
    os.waitpid(child, 0)
    # The namespace takes its cable along some time after its last process; the next one needs the name.
    subprocess.run(["ip", "link", "del", "nested"], capture_output=True)
    return answer


@attack
def nested():
    return nest(lambda _: tell(tcp(), V4))


@attack
def nested_udp():
    return nest(lambda _: ask(udp(), V4))


@attack
def nested_frame():
    """A raw frame to the pod, which forwards the packet as any router would."""
    def send(address):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        pod = hardware_address(address, POD_V4)
        s.sendto(ipv4(udp_header(), source=address), ("eth0", ETH_P_IP, 0, 0, pod))
        return "sent"

    return nest(send)
