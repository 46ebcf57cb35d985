import { setFlagsFromString } from 'node:v8';

/**
 * A worker makes much short-lived garbage and keeps little. Left to itself V8 lets its young generation grow to 64 MiB,
 * and the old one to twice of what is alive, before it looks: these two halve the peak and cost a tenth of the speed.
 * To be imported before anything else, since what has grown stays.
 */
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=40');
