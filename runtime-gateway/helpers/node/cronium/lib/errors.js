// SPDX-License-Identifier: Apache-2.0
"use strict";

// A call failed. Its message is one line for the script's author.
class CroniumError extends Error {
  constructor(message) {
    super(message);
    this.name = "CroniumError";
  }
}

// The runtime API refused a call, or an action that it was asked for failed. `code` is the reason
// as one word that does not change, such as VARIABLE_NOT_FOUND; it may be missing.
class CroniumAPIError extends CroniumError {
  constructor(statusCode, message, code) {
    super(`${message} (HTTP ${statusCode})`);
    this.name = "CroniumAPIError";
    this.statusCode = statusCode;
    this.code = code;
  }
}

// The runtime API could not be reached, or did not answer, for CRONIUM_RETRY_FOR. `code` is that
// of the last failure, such as ECONNREFUSED.
class CroniumTimeoutError extends CroniumError {
  constructor(message, cause) {
    super(message);
    this.name = "CroniumTimeoutError";
    if (cause) {
      this.cause = cause;
      this.code = cause.code;
    }
  }
}

module.exports = { CroniumError, CroniumAPIError, CroniumTimeoutError };
