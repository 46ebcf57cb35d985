import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';

/**
 * A host's addresses are tried one after the other, and each but the last has this long to connect, in ms. Node's own
 * 250 are less than a far host takes, and when its other addresses lead nowhere it is never reached.
 */
export const ATTEMPT_TIMEOUT_MS = 2500;

/** For all connections of this process. A program's own affair: a library does it for its own connections only. */
export function setAttemptTimeout(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(
    Math.max(getDefaultAutoSelectFamilyAttemptTimeout(), ATTEMPT_TIMEOUT_MS),
  );
}
