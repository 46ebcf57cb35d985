import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the heap of a process small that creates much short-lived garbage and keeps little. By default V8 lets the young
 * generation grow to 32 MiB, and the old generation to twice the live data before it collects. Must be called before the
 * program is loaded: loading makes the young generation grow, and it does not shrink again.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=40');
}
