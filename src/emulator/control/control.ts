/** The functions that control a running emulator, and the schemas of their parameters. */
import { z } from 'zod';
import { API3_ACTIONS, type Api3Action } from '../protocol/api3-actions.ts';
import type { Api3QuotaLimits } from '../protocol/api3-quota.ts';
import type { QuotaLimits } from '../protocol/quota.ts';
import type { Fault } from './fault-schema.ts';
import type { EmulatorStats } from './stats.ts';

export interface EmulatorControl {
  /** Adds a fault; earlier faults stay and are applied first. @throws {z.ZodError} when it is malformed. */
  inject(fault: Fault): void;
  /** Removes all faults, and opens and removes all gates. */
  clearFaults(): void;
  /** Lets `count` requests pass, waiting ones first. @param count default: all, including later ones */
  openGate(name: string, count?: number): void;
  /** Resolves when at least `count` requests wait at the gate. */
  gateReached(name: string, count: number): Promise<void>;
  stats(): EmulatorStats;
  /** Resets counts and peaks; stored videos and faults stay. */
  resetStats(): void;
  /** Replaces all limits. */
  setQuota(limits: AllQuotaLimits): void;
  /** Changes the life of sessions of API 3.0. @throws {z.ZodError} */
  setSessions(change: SessionChange): void;
  /** Emits an event of any type, known or not, after its delay. @throws {z.ZodError} */
  emit(event: EmittedEvent): void;
}

const eventSchema = z.strictObject({
  eventType: z.string(),
  data: z.record(z.string(), z.unknown()),
  /** Default 0. */
  delayMs: z.number().min(0).optional(),
  /** Whether the callback has the shape of v2 (default) or of API 3.0: then `data` are the fields beside `EventType`. */
  api: z.enum(['v2', 'api3']).optional(),
});
export type EmittedEvent = z.infer<typeof eventSchema>;

/** @throws {z.ZodError} */
export function parseEvent(event: EmittedEvent): EmittedEvent {
  return eventSchema.parse(event);
}

export const openGateSchema = z.strictObject({ name: z.string().min(1), count: z.int().min(1).optional() });

export const sessionsSchema = z.strictObject({
  /** Life of sessions of later ApplyUploads. */
  lifeSeconds: z.int().min(1).optional(),
  /** Makes all earlier sessions and their credentials expired. */
  expireAll: z.boolean().optional(),
});
export type SessionChange = z.infer<typeof sessionsSchema>;

const limit = z.int().min(0).optional();
const perSecond = z.strictObject(
  Object.fromEntries(API3_ACTIONS.map((action) => [action, limit])) as Record<Api3Action, typeof limit>,
);
export const quotaSchema = z.strictObject({
  init: limit,
  part: limit,
  finish: limit,
  convert: limit,
  pull: limit,
  confirm: limit,
  perSecond: perSecond.optional(),
});
/** Limits of v2 per minute, and of API 3.0 per second. */
export type AllQuotaLimits = QuotaLimits & { readonly perSecond?: Api3QuotaLimits | undefined };
