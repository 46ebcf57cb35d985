import { constants } from 'node:os';
import { exitProcess } from './exit.ts';

/** What asks a process to stop. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * At Ctrl-C a terminal sends SIGINT to all of its processes, and `npm run` passes its own on to the program that it
 * runs, which so gets it twice within this time.
 */
const ECHO_MS = 500;

/**
 * Calls `listener` at each signal that asks the process to stop, but not again for the copy that npm passes on.
 * @param options.signals default SIGINT and SIGTERM
 * @param options.from default this process
 * @returns what ends listening
 */
export function onStopSignals(
  listener: (signal: NodeJS.Signals) => void,
  options: {
    readonly signals?: readonly NodeJS.Signals[];
    readonly from?: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
    /** In ms, from any moment on. */
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

/** The first signal that asks this process to stop. */
export interface StopSignal {
  readonly received: Promise<NodeJS.Signals>;
  /** Leaves signals to whoever comes next. */
  ignore(): void;
}

/** Listens for the first signal that asks this process to stop; a second one ends it at once. */
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
