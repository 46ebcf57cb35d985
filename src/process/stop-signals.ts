import { constants } from 'node:os';
import { exitProcess } from './exit.ts';

/** The signals that ask a process to stop. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * On Ctrl-C a terminal sends SIGINT to all of its processes, and `npm run` forwards its own to the program that it runs.
 * The program then gets the signal twice within this time.
 */
const ECHO_MS = 500;

/**
 * Calls `listener` for each signal that asks the process to stop, but not for the copy that npm forwards.
 * @param options.signals default SIGINT and SIGTERM
 * @param options.from default this process
 * @returns a function that removes the listener
 */
export function onStopSignals(
  listener: (signal: NodeJS.Signals) => void,
  options: {
    readonly signals?: readonly NodeJS.Signals[];
    readonly from?: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
    /** A monotonic clock in ms. */
    readonly clock?: () => number;
  } = {},
): () => void {
  const { signals = STOP_SIGNALS, from = process, clock = () => performance.now() } = options;
  let last: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const isEcho = last?.signal === signal && clock() - last.atMs < ECHO_MS;
    if (isEcho) return;
    last = { signal, atMs: clock() };
    listener(signal);
  };
  for (const signal of signals) from.on(signal, onSignal);
  return () => {
    for (const signal of signals) from.off(signal, onSignal);
  };
}

export interface StopSignal {
  readonly received: Promise<NodeJS.Signals>;
  /** Stops listening; the signals then have their default effect or go to other listeners. */
  ignore(): void;
}

/** Listens for the first signal that asks this process to stop; a second one makes it exit at once. */
export function firstStopSignal(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let stopping = false;
  const ignore = onStopSignals((signal) => {
    if (stopping) exitProcess(128 + constants.signals[signal]);
    stopping = true;
    resolve(signal);
  });
  return { received: promise, ignore };
}
