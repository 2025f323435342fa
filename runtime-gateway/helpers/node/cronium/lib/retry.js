// SPDX-License-Identifier: Apache-2.0
"use strict";

const { performance } = require("perf_hooks");

const { CroniumAPIError, CroniumTimeoutError } = require("./errors");

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

// Counts the tries of one call, and says how long to wait for the next.
class Retries {
  constructor(settings) {
    this._settings = settings;
    this._giveUp = performance.now() + settings.retryForMs;
    this._tries = 0;
  }

  // Milliseconds to wait before the next try, or undefined where the response is final. Throws the
  // error that the response is where the time for another try is over. `failure`: of readFailure.
  delayAfterResponse(response, failure) {
    if (response.status !== 429 && response.status < 500) return undefined;
    // Whether it took effect outside is unknown, and another try will not tell.
    if (failure.code === "OUTCOME_UNKNOWN") return undefined;
    const delay = this._nextDelay(response.retryAfterMs);
    if (delay === undefined) {
      throw new CroniumAPIError(response.status, failure.message + this._note(), failure.code);
    }
    return delay;
  }

  // The same where no response was had.
  delayAfterError(error) {
    const delay = this._nextDelay();
    if (delay === undefined) {
      const text = `cannot reach the runtime API at ${this._settings.name}: ${error.message}`;
      throw new CroniumTimeoutError(text + this._note(), error);
    }
    return delay;
  }

  _nextDelay(retryAfterMs = 0) {
    this._tries += 1;
    const full = Math.min(FIRST_DELAY_MS * 2 ** Math.min(this._tries - 1, 10), MAX_DELAY_MS);
    // Over the upper half of it, so that many jobs do not come back at once.
    let delay = full * (0.5 + Math.random() / 2);
    if (retryAfterMs > 0) delay = Math.max(delay, retryAfterMs + FIRST_DELAY_MS * Math.random());
    return performance.now() + delay <= this._giveUp ? delay : undefined;
  }

  _note() {
    const tries = this._tries === 1 ? "1 try" : `${this._tries} tries`;
    return `; gave up after ${tries}, CRONIUM_RETRY_FOR is ${this._settings.retryForMs / 1000} s`;
  }
}

module.exports = { Retries };
