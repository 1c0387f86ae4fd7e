"""A TCP server that speaks first. Usage: tcp.py ADDRESS:PORT...

It greets with `ready ADDRESS` and obeys the first line it gets:
  echo    sends back all that follows
  count   reads to the end, then answers how many bytes followed, then ends (half-close)
  reset   resets the connection
  end     ends its own side at once, then answers nothing and reads to the end
  hold    says nothing and reads to the end
"""

import socket
import socketserver
import struct
import sys
import threading

NO_LINGER = struct.pack("ii", 1, 0)  # close() then sends a reset


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.say(f"ready {self.server.server_address[0]}")
        getattr(self, "do_" + self.rfile.readline().decode().strip(), self.do_hold)()

    def do_echo(self):
        while data := self.rfile.read1():
            self.wfile.write(data)

    def do_count(self):
        self.say(str(sum(len(block) for block in iter(self.rfile.read1, b""))))

    def do_reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    def do_end(self):
        self.connection.shutdown(socket.SHUT_WR)
        self.do_hold()

    def do_hold(self):
        while self.rfile.read1():
            pass

    def say(self, text):
        self.wfile.write((text + "\n").encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # the library's 5 is less than some tests open at once
    daemon_threads = True

    def shutdown_request(self, request):
        # The library's own way would end the sending side first, and a reset would be a clean end.
        self.close_request(request)

    def handle_error(self, request, client_address):
        pass  # A client that goes away, or resets, is what many tests are about.


listens = [listen.rsplit(":", 1) for listen in sys.argv[1:]]
threads = [
    threading.Thread(target=Server((address, int(port)), Handler).serve_forever)
    for address, port in listens
]
for thread in threads:
    thread.start()
