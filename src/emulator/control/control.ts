/** The functions that control a running emulator, and the schemas of their parameters. */
import { z } from 'zod';
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
  setQuota(limits: QuotaLimits): void;
  /** Emits an event of any type, known or not, after its delay. @throws {z.ZodError} */
  emit(event: EmittedEvent): void;
}

const eventSchema = z.strictObject({
  eventType: z.string(),
  data: z.record(z.string(), z.unknown()),
  /** Default 0. */
  delayMs: z.number().min(0).optional(),
});
export type EmittedEvent = z.infer<typeof eventSchema>;

/** @throws {z.ZodError} */
export function parseEvent(event: EmittedEvent): EmittedEvent {
  return eventSchema.parse(event);
}

export const openGateSchema = z.strictObject({ name: z.string().min(1), count: z.int().min(1).optional() });

const limit = z.int().min(0).optional();
export const quotaSchema = z.strictObject({
  init: limit,
  part: limit,
  finish: limit,
  convert: limit,
  pull: limit,
  confirm: limit,
});
