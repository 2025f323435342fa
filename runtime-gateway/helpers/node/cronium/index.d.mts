// SPDX-License-Identifier: Apache-2.0
export * from "./index.js";
export { Cronium as default } from "./index.js";
