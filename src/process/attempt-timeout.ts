import { getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';

/**
 * Node tries the addresses of a host one after the other; each but the last gets this long to connect. Node's default of
 * 250 ms is less than a distant host needs: with another address that is unreachable, such a host is never reached.
 */
export const ATTEMPT_TIMEOUT_MS = 2500;

/** Sets it for all connections of this process. Only for programs: a library sets it for its own connections. */
export function setAttemptTimeout(): void {
  setDefaultAutoSelectFamilyAttemptTimeout(
    Math.max(getDefaultAutoSelectFamilyAttemptTimeout(), ATTEMPT_TIMEOUT_MS),
  );
}
