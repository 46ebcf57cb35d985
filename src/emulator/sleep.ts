import { setTimeout } from 'node:timers/promises';

/** Resolves after `ms` milliseconds. Tests pass their own. @throws when the signal aborts first. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const systemSleep: Sleep = (ms, signal) => setTimeout(ms, undefined, { signal });
