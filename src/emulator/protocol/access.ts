/** Checks common parameters, account, signature, clock window and replay, in this order. */
import { hasCanRetry } from './actions.ts';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';
import { type SignedTarget, verifySignature } from './signature.ts';
import type { SignatureCode } from './signature-codes.ts';

export interface Account {
  readonly secretId: string;
  readonly secretKey: string;
  /** Code for a wrong SecretId or signature in the upload actions; default -10002. Other actions: 4100. */
  readonly signatureCode?: SignatureCode;
}

/** About 60 MB. Beyond that, the nonces of the oldest second are dropped. */
const MAX_NONCES = 1_000_000;

const COMMON_PARAMETERS = ['Action', 'Region', 'Timestamp', 'Nonce', 'SecretId', 'Signature'] as const;

/** Timestamps of 12 digits and more are milliseconds: one official client sends them. */
const FIRST_MS_TIMESTAMP = 100_000_000_000;

export class AccessRules {
  readonly #account: Account;
  readonly #toleranceSeconds: number;
  readonly #clock: () => number;
  /** Nonces by the second of their Timestamp, while that second is inside the window. */
  readonly #seen = new Map<number, Set<number | string>>();
  #seenCount = 0;
  #sweptAt = 0;

  /** @param clock in ms */
  constructor(account: Account, toleranceSeconds: number, clock: () => number) {
    this.#account = account;
    this.#toleranceSeconds = toleranceSeconds;
    this.#clock = clock;
  }

  get rememberedNonces(): number {
    return this.#seenCount;
  }

  /** @throws {Refusal} -10001, -10002, 4000, 4100 or 4500. Only an accepted request uses up its Nonce. */
  check(target: SignedTarget, params: Params): void {
    for (const name of COMMON_PARAMETERS) {
      if (!params.get(name)) throw new Refusal(-10001, `common parameter ${name} is missing`);
    }
    const timestamp = positiveInteger('Timestamp', params);
    const nonce = params.get('Nonce') ?? '';
    positiveInteger('Nonce', params);
    const { secretId, secretKey, signatureCode = -10002 } = this.#account;
    const code = hasCanRetry(params.get('Action') ?? '') ? signatureCode : 4100;
    if (params.get('SecretId') !== secretId) throw new Refusal(code, 'SecretId is unknown');
    verifySignature(target, params, secretKey, code);
    const inMs = timestamp >= FIRST_MS_TIMESTAMP;
    const second = inMs ? Math.floor(timestamp / 1000) : timestamp;
    this.#checkWindow(second);
    this.#remember(second, nonce, inMs ? timestamp % 1000 : 0);
  }

  #checkWindow(second: number): void {
    const now = Math.floor(this.#clock() / 1000);
    if (Math.abs(now - second) > this.#toleranceSeconds) {
      throw new Refusal(4500, `Timestamp ${second} is more than ${this.#toleranceSeconds} s from ${now}`);
    }
    if (Math.abs(now - this.#sweptAt) < 60) return;
    this.#sweptAt = now;
    for (const seen of this.#seen.keys()) if (seen < now - this.#toleranceSeconds) this.#forget(seen);
  }

  #remember(second: number, nonce: string, ms: number): void {
    const numeric = Number(nonce) * 1000 + ms;
    // Copied, because a substring would keep the whole query string in memory.
    const key = Number.isSafeInteger(numeric) ? numeric : Buffer.from(`${nonce}.${ms}`).toString();
    const nonces = this.#seen.get(second) ?? new Set();
    if (nonces.has(key)) throw new Refusal(4500, `Nonce ${nonce} was used before with this Timestamp`);
    nonces.add(key);
    this.#seen.set(second, nonces);
    this.#seenCount += 1;
    if (this.#seenCount > MAX_NONCES) this.#forget(Math.min(...this.#seen.keys()));
  }

  #forget(second: number): void {
    this.#seenCount -= this.#seen.get(second)?.size ?? 0;
    this.#seen.delete(second);
  }
}

function positiveInteger(name: string, params: Params): number {
  const value = params.get(name) ?? '';
  if (!/^0*[1-9]\d*$/.test(value)) {
    throw new Refusal(-10001, `common parameter ${name} is not a positive integer: ${value}`);
  }
  return Number(value);
}
