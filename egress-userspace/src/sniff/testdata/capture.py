"""Stores the first bytes that a client sends to a port on loopback.

    python3 capture.py OUT -- COMMAND ...     `{port}` in COMMAND becomes the port

The client is not answered, and is ended when it has sent nothing for a second.
"""

import socket
import subprocess
import sys

out, separator, *command = sys.argv[1:]
assert separator == "--", __doc__

with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    client = subprocess.Popen([word.replace("{port}", str(port)) for word in command])
    try:
        server.settimeout(40)
        connection, _ = server.accept()
        connection.settimeout(1)
        first = b""
        try:
            while piece := connection.recv(65536):
                first += piece
        except TimeoutError:
            pass
    finally:
        client.kill()
        client.wait()

with open(out, "wb") as file:
    file.write(first)
print(out, len(first))
