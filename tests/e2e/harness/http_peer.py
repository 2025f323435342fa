# SPDX-License-Identifier: Apache-2.0
"""A peer for HTTP jobs: a real HTTP or HTTPS server on the loopback, in the test's process."""

import contextlib
import dataclasses
import http.server
import ssl
import subprocess
import threading


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: object
    body: bytes


class HttpPeer:
    """Answers each request with what `answer(request)` returns: (status, body, headers). It may wait as long as it
    likes."""

    def __init__(self, answer, address="127.0.0.1", tls=None):
        self.requests = []
        self._answer = answer
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self):
                request = Request(self.command, self.path, self.headers,
                                  self.rfile.read(int(self.headers.get("Content-Length", 0))))
                peer.requests.append(request)
                status, body, headers = peer._answer(request)
                # Who asked may be gone by now.
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = handle_request

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self._server = Server((address, 0), Handler)
        self.scheme, self.address, self.port = "http", address, self._server.server_address[1]
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, path):
        return f"{self.scheme}://{self.address}:{self.port}{path}"

    def to(self, path):
        """Requests that came for this path."""
        return [request for request in self.requests if request.path == path]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class SelfSigned:
    """A certificate for 127.0.0.1 that is its own CA, in a folder."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "peer.crt", folder / "peer.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "1", "-subj", "/CN=peer", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", str(self.key), "-out", str(self.certificate)],
                       check=True, capture_output=True)
