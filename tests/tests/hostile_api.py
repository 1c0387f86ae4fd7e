"""Serves the gateway's own page, with its headers, and answers to what it asks that are HOSTILE throughout."""

import http.server
import json
import threading
import urllib.request

GATEWAY = "http://127.0.0.1:15000/"
BIDI = HOSTILE + "\u202e\x1b[2J"
ALLOW = f"[[service]]\nname = {json.dumps(HOSTILE)}\nhosts = [{BIDI}]"
WHO = {"pid": 1, "uid": 0, "exe": BIDI, "cgroup": HOSTILE}

ANSWERS = {
    "/v1/status": {
        "version": HOSTILE, "pid": HOSTILE, "readiness": HOSTILE, "started": HOSTILE, "mode": HOSTILE,
        "policy_generation": HOSTILE, "services": HOSTILE, "config": HOSTILE, "log_level": HOSTILE,
        "last_reload": {"at": HOSTILE, "outcome": HOSTILE, "error": f"{HOSTILE}\n</pre><script>owned=1</script>"},
        "connections": {"now": HOSTILE, "limit": HOSTILE, "accepted": HOSTILE},
        "kernel": {"lacking": [HOSTILE], "counters": {HOSTILE: HOSTILE}},
    },
    "/v1/services": {
        "services": [
            {"service": BIDI, "live": HOSTILE, "opened": 1, "closed": 1, "failed": 1, "sent_bytes": 1, "received_bytes": 1},
            {"service": "__proto__", "live": 1, "sent_bytes": 2}, {"service": "constructor"}, {}, {"service": "x" * 100000},
        ]
    },
    "/v1/connections": {
        "total": HOSTILE,
        "connections": [
            {"id": 1, "client": HOSTILE, "dst": HOSTILE, "name": BIDI, "protocol": HOSTILE, "service": HOSTILE,
             "rule": HOSTILE, "caller": WHO, "age_ms": HOSTILE, "bytes_sent": HOSTILE, "bytes_received": -1},
            {"id": HOSTILE},
        ],
    },
    "/v1/denied": {
        "total": HOSTILE, "evicted": HOSTILE,
        "denied": [
            {"name": BIDI, "address": HOSTILE, "port": HOSTILE, "protocol": HOSTILE, "reason": HOSTILE,
             "meaning": HOSTILE, "verdict": HOSTILE, "cgroup": HOSTILE, "exe": HOSTILE, "service": HOSTILE,
             "rule": HOSTILE, "count": 1, "first": HOSTILE, "last": f"{HOSTILE}T{HOSTILE}", "allow": ALLOW},
        ],
    },
}


class Hostile(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.send_response(200)
        if path == "/":
            with urllib.request.urlopen(GATEWAY) as page:
                body = page.read()
                for name, value in page.headers.items():
                    if name.lower() not in ("date", "content-length", "connection"):
                        self.send_header(name, value)
        else:
            body = json.dumps(ANSWERS[path]).encode()
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 15099), Hostile)
threading.Thread(target=server.serve_forever, daemon=True).start()
