// SPDX-License-Identifier: Apache-2.0

/** A call failed. Its message is one line for the script's author. */
export declare class CroniumError extends Error {
  /** The reason as one word: see the subclasses. */
  code?: string;
  constructor(message: string);
}

/** The runtime API refused a call, or an action that it was asked for failed. */
export declare class CroniumAPIError extends CroniumError {
  /** HTTP's. */
  statusCode: number;
  /** Does not change from one release to the next: `VARIABLE_NOT_FOUND`. May be missing. */
  code?: string;
  constructor(statusCode: number, message: string, code?: string);
}

/** The runtime API could not be reached, or did not answer, for CRONIUM_RETRY_FOR. */
export declare class CroniumTimeoutError extends CroniumError {
  /** Of the last failure: `ECONNREFUSED`. May be missing. */
  code?: string;
  cause?: Error;
  constructor(message: string, cause?: Error);
}

/** What is known of an execution. `id`, `name` and `type` are its event's. */
export interface EventContext {
  id: string;
  name: string;
  type: string;
  eventId: string;
  eventName: string;
  eventType: string;
  executionId: string;
  jobId: string;
  userId: string;
  startTime: string;
  attempt: number;
  metadata: { [key: string]: any };
  [key: string]: any;
}

/** A text holds addresses with commas between them; those of a list are taken as they are. */
export type Addresses = string | string[];

export interface EmailOptions {
  cc?: Addresses;
  bcc?: Addresses;
  /** Whether the body is HTML. */
  html?: boolean;
  [key: string]: any;
}

export interface SlackOptions {
  username?: string;
  icon_emoji?: string;
  icon_url?: string;
  blocks?: any[];
  attachments?: any[];
  [key: string]: any;
}

export interface DiscordOptions {
  embeds?: any[];
  [key: string]: any;
}

export interface Email extends EmailOptions {
  to: Addresses;
  subject: string;
  body: string;
}

export interface SlackMessage extends SlackOptions {
  channel: string;
  text: string;
}

export interface DiscordMessage extends DiscordOptions {
  channelId: string;
  content: string;
}

/**
 * The runtime API of the job that this process is in, which its environment tells at the first
 * call. Each call is tried again while the API cannot be reached or is overloaded, for as long as
 * CRONIUM_RETRY_FOR says, and takes effect once.
 *
 * An integer beyond Number.MAX_SAFE_INTEGER is a bigint, wherever it is in a value, so that no
 * digit of it is lost; and a bigint is sent as a JSON integer.
 */
export declare class Cronium {
  constructor();

  /** The job's input; null where it has none. */
  input(): Promise<any>;

  /** Sets the execution's output: the last one counts. At most 8 MiB as JSON. */
  output(data: any): Promise<void>;

  /** A variable of the namespace; `defaultValue`, or null, where it is not set. */
  getVariable(key: string, defaultValue?: any): Promise<any>;

  /** Sets a variable, to null even. Every execution sees it from now on. At most 1 MiB as JSON. */
  setVariable(key: string, value: any): Promise<void>;

  /** Deletes a variable. False where it was not set. */
  deleteVariable(key: string): Promise<boolean>;

  /**
   * Adds `by`, or 1, to a variable that is a number, and returns its new value. One that is not set
   * counts as 0. Atomic: no addition of another execution is lost.
   */
  incrementVariable(key: string, by?: number | bigint): Promise<number | bigint>;

  /** Appends to a variable that is a string, after `separator` if it is not empty. Atomic. */
  appendVariable(key: string, text: string, separator?: string): Promise<void>;

  /** Sets the condition that decides which way a workflow goes on. */
  setCondition(condition: boolean): Promise<void>;

  /** What is known of this execution and its event. */
  event(): Promise<EventContext>;

  /** Has the controller execute an action of a tool, and returns its result. */
  executeToolAction(tool: string, action: string, params?: { [key: string]: any }): Promise<any>;

  sendEmail(to: Addresses, subject: string, body: string, options?: EmailOptions): Promise<any>;
  sendEmail(email: Email): Promise<any>;

  sendSlackMessage(channel: string, text: string, options?: SlackOptions): Promise<any>;
  sendSlackMessage(message: SlackMessage): Promise<any>;

  sendDiscordMessage(channelId: string, content: string, options?: DiscordOptions): Promise<any>;
  sendDiscordMessage(message: DiscordMessage): Promise<any>;

  /** Closes the connections that are kept. The next call opens one again. */
  close(): void;
}

/** What the functions below use. */
export declare const cronium: Cronium;

export declare const input: Cronium["input"];
export declare const output: Cronium["output"];
export declare const getVariable: Cronium["getVariable"];
export declare const setVariable: Cronium["setVariable"];
export declare const deleteVariable: Cronium["deleteVariable"];
export declare const incrementVariable: Cronium["incrementVariable"];
export declare const appendVariable: Cronium["appendVariable"];
export declare const setCondition: Cronium["setCondition"];
export declare const event: Cronium["event"];
export declare const executeToolAction: Cronium["executeToolAction"];
export declare const sendEmail: Cronium["sendEmail"];
export declare const sendSlackMessage: Cronium["sendSlackMessage"];
export declare const sendDiscordMessage: Cronium["sendDiscordMessage"];

export default Cronium;
