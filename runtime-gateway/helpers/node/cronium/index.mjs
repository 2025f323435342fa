// SPDX-License-Identifier: Apache-2.0
// For `import`. The same objects that `require` gives, so that both can be mixed.
import Cronium from "./index.js";

export default Cronium;
export const {
  CroniumAPIError,
  CroniumError,
  CroniumTimeoutError,
  appendVariable,
  cronium,
  deleteVariable,
  event,
  executeToolAction,
  getVariable,
  incrementVariable,
  input,
  output,
  sendDiscordMessage,
  sendEmail,
  sendSlackMessage,
  setCondition,
  setVariable,
} = Cronium;
export { Cronium };
