/** Runs one request of any API under the faults that apply to it. */
import type { ServerResponse } from 'node:http';
import type { Outcome } from './control/fault-schema.ts';
import type { AppliedFaults, Faults } from './control/faults.ts';
import type { Gates } from './control/gates.ts';
import { type Answer, replacesEffect, sendAnswer } from './control/outcome-reply.ts';
import type { BodyLimit } from './http/receive-file.ts';
import type { EmulatorLog } from './log.ts';
import type { Sleep } from './sleep.ts';

export interface FaultContext {
  readonly faults: Faults;
  readonly gates: Gates;
  readonly sleep: Sleep;
  readonly log: EmulatorLog;
  /** Aborts when the emulator closes. */
  readonly signal: AbortSignal;
}

export interface Steps<Body> {
  /** Reads the request's body. @throws when the client disconnects */
  read(limit: BodyLimit): Promise<Body>;
  /** Has the request's effect. */
  perform(body: Body): Promise<Answer>;
  /** The answer when a fault takes the place of the effect, or changes the answer in this API's own way. */
  change(answer: Answer, outcome: Outcome | undefined): Answer;
}

const NO_EFFECT: Answer = { status: 200, type: 'application/json', text: '', result: 'no effect' };

/** @returns the result's name in the statistics */
export async function underFaults<Body>(
  context: FaultContext,
  response: ServerResponse,
  { outcome, latencyMs, gates, bytesPerSecond }: AppliedFaults,
  { read, perform, change }: Steps<Body>,
): Promise<string> {
  const { signal, sleep } = context;
  if (outcome?.kind === 'reset' && outcome.when === 'before') return sendAnswer(response, NO_EFFECT, outcome);
  let body: Body;
  try {
    body = await read({ bytesPerSecond, sleep });
    if (latencyMs > 0) await sleep(latencyMs, signal);
    for (const name of gates) await context.gates.pass(name, whenClosed(response, signal));
  } catch {
    return 'aborted';
  }
  const answer = replacesEffect(outcome) ? NO_EFFECT : await perform(body);
  return await sendAnswer(response, change(answer, outcome), outcome);
}

/** Aborts with `signal`, and when the client disconnects. */
export function whenClosed(response: ServerResponse, signal: AbortSignal): AbortSignal {
  const closed = new AbortController();
  if (response.destroyed) closed.abort();
  response.once('close', () => closed.abort());
  return AbortSignal.any([signal, closed.signal]);
}
