# SPDX-License-Identifier: Apache-2.0
"""What tool actions talk to, on this machine: an HTTPS server and a mail server that keep what they are sent."""

import asyncio
import dataclasses
import email
import email.policy
import http.server
import json
import pathlib
import ssl
import subprocess
import threading

from harness.waiting import wait_for

HOST = "127.0.0.1"


class Certificates:
    """A CA of its own, and a certificate for HOST."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.key, self.certificate = folder / "ca.crt", folder / "peer.key", folder / "peer.crt"
        request, extensions = folder / "peer.csr", folder / "peer.ext"
        extensions.write_text(f"subjectAltName=IP:{HOST}\nbasicConstraints=critical,CA:FALSE\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for command in (
                ["req", "-x509", *new_key, "-days", "2", "-subj", "/CN=peers", "-keyout", folder / "ca.key",
                 "-out", self.ca],
                ["req", *new_key, "-subj", f"/CN={HOST}", "-keyout", self.key, "-out", request],
                ["x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", folder / "ca.key", "-CAcreateserial",
                 "-days", "2", "-extfile", extensions, "-out", self.certificate]):
            subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclasses.dataclass
class Request:
    method: str
    # With the query.
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class HttpsPeer:
    """Answers what `answers` says for a path's beginning: (status, headers, body), or a list of them to be used one by one;
    200 and `{}` else."""

    def __init__(self, certificates):
        self.answers = {}
        self._requests = []
        self._lock = threading.Lock()
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, fields, answer = peer._answer(Request(self.command, self.path, headers, body))
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = _take

            def log_message(self, *args):
                del args

        self._server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = certificates.server_context().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://{HOST}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, request):
        with self._lock:
            self._requests.append(request)
            for path, answer in self.answers.items():
                if request.path.startswith(path):
                    return answer.pop(0) if isinstance(answer, list) else answer
        return 200, {"Content-Type": "application/json"}, b"{}"

    def take(self):
        """What came since it was last asked."""
        with self._lock:
            taken, self._requests = self._requests, []
        return taken

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@dataclasses.dataclass
class Mail:
    sender: str
    recipients: list
    encrypted: bool
    message: email.message.EmailMessage


class MailServer:
    """A real SMTP server with TLS from the first byte, or with STARTTLS, that wants a login."""

    def __init__(self, certificates, starttls, user, password):
        # Not above, so that the other tests run without it.
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

        self._mails = []
        self._lock = threading.Lock()
        # Replies to RCPT, used one by one before mails are taken.
        self.refusals = []
        mail_server = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                del server, session, options
                if mail_server.refusals:
                    return mail_server.refusals.pop(0)
                envelope.rcpt_tos.append(address)
                return "250 ok"

            async def handle_DATA(self, server, session, envelope):
                message = email.message_from_bytes(envelope.content, policy=email.policy.default)
                encrypted = server.transport.get_extra_info("ssl_object") is not None
                with mail_server._lock:
                    mail_server._mails.append(
                        Mail(envelope.mail_from, list(envelope.rcpt_tos), encrypted, message))
                return "250 taken"

        def authenticate(server, session, envelope, mechanism, data):
            del server, session, envelope, mechanism
            good = isinstance(data, LoginPassword) and data.login == user.encode() and \
                data.password == password.encode()
            return AuthResult(success=good)

        options = {"authenticator": authenticate, "auth_required": True, "hostname": HOST}
        if starttls:
            options.update(tls_context=certificates.server_context(), require_starttls=True)
        else:
            # aiosmtpd sees only STARTTLS as encryption.
            options.update(auth_require_tls=False)
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(self._loop.create_server(
            lambda: SMTP(Handler(), loop=self._loop, **options), HOST, 0,
            ssl=None if starttls else certificates.server_context()))
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def take(self, count=1):
        """Waits for so many mails, and takes them."""
        wait_for(f"{count} mails", lambda: len(self._mails) >= count)
        with self._lock:
            taken, self._mails = self._mails, []
        return taken

    @property
    def held(self):
        with self._lock:
            return len(self._mails)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
