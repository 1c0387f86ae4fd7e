"""One attack, over and over, while the gateway comes and goes."""

import collections

SHORT = 0.3  # seconds: nobody answers a connection whose gateway is being killed
SURELY_NEITHER = b"\0"  # neither TLS nor HTTP begins so: the gateway does not wait for more


def told():
    """An event that a line on standard input sets."""
    event = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), event.set()), daemon=True).start()
    return event


@attack
def many():
    """At least as often as ATTEMPTS says, and until it is told: a connection, and a datagram.

    Says what became of the connections.
    """
    fates, enough = collections.Counter(), told()

    def once():
        with udp() as datagrams, tcp() as s:
            with contextlib.suppress(OSError):
                datagrams.sendto(TOKEN, V4)
            s.settimeout(SHORT)
            s.connect(V4)
            s.sendall(SURELY_NEITHER + TOKEN)
            return "answered" if s.recv(1) else "closed"

    while fates.total() < int(os.environ["ATTEMPTS"]) or not enough.is_set():
        fates[saw(once)] += 1
    return " ".join(f"{fate}={count}" for fate, count in sorted(fates.items()))
