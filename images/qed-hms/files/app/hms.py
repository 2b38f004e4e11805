"""HMS describes itself at /swagger/v1/swagger.json; that is all it does here."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DESCRIPTION = {"swagger": "2.0", "info": {"title": "HMS, a stand-in", "version": "v1"}, "paths": {}}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path == "/swagger/v1/swagger.json"
        body = json.dumps(DESCRIPTION if known else {}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
