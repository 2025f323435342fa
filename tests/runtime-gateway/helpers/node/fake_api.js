// SPDX-License-Identifier: Apache-2.0
"use strict";

// A runtime API that answers as a test tells it, on a unix socket or on TCP.

const fs = require("fs");
const http = require("http");
const os = require("os");
const path = require("path");

const TRANSPORTS = ["unix", "tcp"];

// An answer is {status, body, headers}; or a function that is given the request and the response.
const reply = (status = 200, body = { success: true }, headers = {}) => ({ status, body, headers });
const data = (value) => reply(200, { success: true, data: value });
const failure = (status, message = "no", code = "NO", headers = {}) =>
  reply(status, { success: false, error: "Whatever", message, code }, headers);
const hangUp = (request) => request.socket.destroy();

// Sends, for each request, the next of `answers`, and a plain success when there are none left.
class FakeApi {
  constructor(transport) {
    this.requests = []; // {connection, method, target, headers, body}
    this.answers = [];
    this.onHead = undefined; // answers as soon as a request's head is there
    this._sockets = [];
    if (transport === "unix") {
      this._folder = fs.mkdtempSync(path.join(os.tmpdir(), "cronium-"));
      this._address = { path: path.join(this._folder, "runtime.sock") };
    } else {
      this._address = { host: "127.0.0.1", port: 0 };
    }
  }

  // Listens, at the same address as before if it was stopped.
  async start() {
    this._server = http.createServer({ keepAliveTimeout: 0 }, (request, response) =>
      this._receive(request, response)
    );
    this._server.on("connection", (socket) => this._sockets.push(socket));
    await new Promise((resolve) => this._server.listen(this._address, resolve));
    if (this._folder === undefined) this._address.port = this._server.address().port;
    this.environment = {
      CRONIUM_EXECUTION_TOKEN: "secret.to.ken",
      CRONIUM_EXECUTION_ID: "exec_1",
      ...(this._folder === undefined
        ? { CRONIUM_RUNTIME_API: `http://127.0.0.1:${this._address.port}` }
        : { CRONIUM_RUNTIME_SOCKET: this._address.path }),
    };
    return this;
  }

  // Ends all connections, and refuses new ones.
  async stop() {
    const closed = new Promise((resolve) => this._server.close(resolve));
    for (const socket of this._sockets) socket.destroy();
    await closed;
  }

  async close() {
    await this.stop();
    if (this._folder !== undefined) fs.rmSync(this._folder, { recursive: true });
  }

  get connections() {
    return this.requests.map((request) => request.connection);
  }

  _receive(request, response) {
    if (this.onHead) return this.onHead(request, response);
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      this.requests.push({
        connection: this._sockets.indexOf(request.socket) + 1,
        method: request.method,
        target: request.url,
        headers: request.headers,
        body: Buffer.concat(pieces).toString("utf8"),
      });
      const answer = this.answers.length > 0 ? this.answers.shift() : reply();
      if (typeof answer === "function") return answer(request, response);
      const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
      response.writeHead(answer.status, { "Content-Length": Buffer.byteLength(body), ...answer.headers });
      response.end(body);
    });
  }
}

module.exports = { FakeApi, TRANSPORTS, data, failure, hangUp, reply };
