/** How the emulator lets time pass: by the system's timers, unless a test has a clock of its own. */
import { setTimeout } from 'node:timers/promises';

/** Resolves after so many milliseconds. @throws when the signal aborts before */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export const systemSleep: Sleep = (ms, signal) => setTimeout(ms, undefined, { signal });
