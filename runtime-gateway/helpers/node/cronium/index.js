// SPDX-License-Identifier: Apache-2.0
"use strict";

// What a script in a Cronium job can ask for: its input, the namespace's variables, its output.
//
//   const cronium = require("cronium");
//
//   const order = await cronium.input();
//   const number = await cronium.incrementVariable("orders");
//   await cronium.output({ order, number });
//
// Needs Node.js 14 and its standard library. Loading always succeeds; outside a job the first call
// rejects with a CroniumError that says so. index.d.ts documents each function.

const { Cronium } = require("./lib/client");
const errors = require("./lib/errors");

// What the functions use. It reads the environment at its first call.
const cronium = new Cronium();

// The package is the class, and carries the functions of one instance.
module.exports = Object.assign(Cronium, errors, {
  Cronium,
  cronium,
  default: Cronium,
  input: cronium.input.bind(cronium),
  output: cronium.output.bind(cronium),
  getVariable: cronium.getVariable.bind(cronium),
  setVariable: cronium.setVariable.bind(cronium),
  deleteVariable: cronium.deleteVariable.bind(cronium),
  incrementVariable: cronium.incrementVariable.bind(cronium),
  appendVariable: cronium.appendVariable.bind(cronium),
  setCondition: cronium.setCondition.bind(cronium),
  event: cronium.event.bind(cronium),
  executeToolAction: cronium.executeToolAction.bind(cronium),
  sendEmail: cronium.sendEmail.bind(cronium),
  sendSlackMessage: cronium.sendSlackMessage.bind(cronium),
  sendDiscordMessage: cronium.sendDiscordMessage.bind(cronium),
});
