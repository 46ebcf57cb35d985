import { fulfilledWithin } from '../../src/base/fulfilled-within.ts';
import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import { Recoveries, type TroubleCount } from './recoveries.ts';
import { Rig, WRONG_KEY } from './rig.ts';
import { nameOf, type ScheduledTrouble, schedule } from './schedule.ts';
import { type Tracked, Uploads } from './uploads.ts';
import { checkOutcomes, checkRedis, checkTold, checkVideos, describeStuck, untilQuiet } from './verify.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** How long things go wrong; the end takes longer. */
  readonly durationMs: number;
  /** Called when a trouble is over, or has struck if it takes no time. */
  readonly onTrouble?: (trouble: ScheduledTrouble) => void;
  readonly onProgress?: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly durationMs: number;
  /** By kind, as {@link nameOf} calls it. */
  readonly troubles: Readonly<Record<string, TroubleCount>>;
  /** Requests that faults of the emulator hit, by kind. */
  readonly requestsHit: EmulatorStats['faultsUsed'];
  readonly uploads: {
    readonly added: number;
    readonly completed: number;
    readonly instant: number;
    /** For the reason that was injected; retried at the end, and completed. */
    readonly failed: number;
    /** Adds that failed for lack of Redis and were done again. */
    readonly addedAgain: number;
  };
  /** Webhooks that were taken, and ends that the application was told of; more than there are ends, when told twice. */
  readonly told: { readonly webhooks: number; readonly events: number };
  readonly parts: { readonly accepted: number; readonly sentTwice: number; readonly bytes: number };
  readonly requests: { readonly init: number; readonly part: number; readonly finish: number };
  readonly videos: number;
  readonly longestRecoveryMs: number;
  /** From the last trouble to the end of the last upload. */
  readonly settledMs: number;
  /** What is not as it must be; empty is good. */
  readonly findings: readonly string[];
}

/** What has not come about by then, though nothing goes wrong any more, never will. */
const SETTLE_MS = 600_000;
const REPORT_EVERY_MS = 10_000;

/** Uploads under a schedule of faults, which is the same for the same seed; then everything is looked through. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, durationMs, onProgress = () => {} } = options;
  const startedAt = performance.now();
  const rig = await Rig.create();
  const findings: string[] = [];
  const uploads = new Uploads(rig, seed);
  const recoveries = new Recoveries(() => {
    const { parts, requests } = rig.emulator.control.stats();
    const refusals = Object.values(requests).map(({ byResult }) => byResult['4400'] ?? 0);
    return {
      done: parts.accepted + uploads.ended,
      quotaRefusals: refusals.reduce((sum, times) => sum + times, 0),
    };
  });
  let report: Omit<ChaosReport, 'durationMs' | 'findings'>;
  try {
    await rig.startWorkers();
    // Without it a part takes no time, and nothing would ever strike during one.
    rig.emulator.control.inject({ action: 'UploadPart', effect: { kind: 'latency', ms: 40 }, share: 1 });
    uploads.start();
    const ticker = setInterval(() => {
      const { accepted, duplicates } = rig.emulator.control.stats().parts;
      onProgress(
        `${uploads.ended} of ${uploads.tracked.length} uploads ended, ${accepted} parts, ${duplicates} of them twice`,
      );
    }, REPORT_EVERY_MS);
    try {
      await runSchedule(schedule(seed, durationMs), rig, recoveries, options.onTrouble ?? (() => {}));
      rig.emulator.control.clearFaults();
      const settlingAt = performance.now();
      const settled = await fulfilledWithin(uploads.drain(), SETTLE_MS);
      const settledMs = performance.now() - settlingAt;
      if (settled) {
        // An upload that was being added when they were cleared has brought its own.
        rig.emulator.control.clearFaults();
        await fulfilledWithin(uploads.retryFailed(), SETTLE_MS);
        await untilQuiet(rig.redis.url, rig.prefix, SETTLE_MS);
      } else findings.push(...(await describeStuck(rig.redis.url, rig.prefix, uploads.pending)));
      recoveries.close();
      onProgress(`all over after ${Math.round(settledMs)} ms; looking everything through`);
      findings.push(...checkOutcomes(uploads.tracked));
      const { receiver } = rig;
      const told = await Promise.all([
        checkTold('the application', () => uploads.told, uploads.tracked, SETTLE_MS),
        checkTold('the receiver of webhooks', () => receiver.accepted(), uploads.tracked, SETTLE_MS),
      ]);
      findings.push(...told.flat());
      await untilQuiet(rig.redis.url, rig.prefix, SETTLE_MS);
      await rig.checkWorkers();
      await rig.checkDescriptors(SETTLE_MS);
      await rig.stopWorkers();
      findings.push(...(await checkRedis(rig.redis.url, rig.prefix, uploads.tracked)));
      const { files, parts, requests, faultsUsed } = rig.emulator.control.stats();
      findings.push(...(await checkVideos(uploads.tracked, files)));
      report = {
        seed,
        settledMs,
        troubles: recoveries.troubles,
        longestRecoveryMs: recoveries.longestMs,
        requestsHit: faultsUsed,
        uploads: { ...outcomes(uploads.tracked), addedAgain: uploads.readds },
        told: { webhooks: receiver.accepted().length, events: uploads.told.length },
        parts: { accepted: parts.accepted, sentTwice: parts.duplicates, bytes: parts.bytes },
        requests: {
          init: requests.InitUpload.total,
          part: requests.UploadPart.total,
          finish: requests.FinishUpload.total,
        },
        videos: files.length,
      };
    } finally {
      clearInterval(ticker);
    }
  } finally {
    recoveries.close();
    await uploads.close();
    await rig.close();
  }
  return {
    ...report,
    durationMs: performance.now() - startedAt,
    findings: [...findings, ...rig.findings],
  };
}

/** Each trouble begins at its time, whatever the others are at; resolves when all are over. */
async function runSchedule(
  troubles: readonly ScheduledTrouble[],
  rig: Rig,
  recoveries: Recoveries,
  onTrouble: (trouble: ScheduledTrouble) => void,
): Promise<void> {
  const startedAt = performance.now();
  const disk = new Turns();
  const redis = new Turns();
  const redisProxy = new Turns();
  const vodProxy = new Turns();
  const vodLine = new Turns();
  const running: Promise<void>[] = [];
  const cutVod = (afterMs: number): Promise<void> => pause(afterMs).then(() => void rig.vodProxy.cut());

  /** @returns whether it struck. */
  const strike = async (trouble: ScheduledTrouble): Promise<boolean> => {
    switch (trouble.kind) {
      case 'worker killed':
        return await rig.end(trouble.slot, 'SIGKILL', trouble.downMs);
      case 'worker terminated':
        return await rig.end(trouble.slot, 'SIGTERM', trouble.downMs);
      case 'worker frozen':
        return await rig.freeze(trouble.slot, trouble.forMs);
      case 'worker with a wrong key':
        return await rig.mistake(trouble.slot, { VOD_SECRET_KEY: WRONG_KEY }, trouble.forMs);
      case 'worker with other roots':
        return await rig.mistake(trouble.slot, { SOURCE_ROOTS: rig.elsewhere }, trouble.forMs);
      case 'disk hangs':
        return await disk.take(() => rig.hangDisk(trouble.forMs));
      case 'Redis killed':
        return await redis.take(() => rig.killRedis(trouble.forMs));
      case 'Redis frozen':
        return await redis.take(() => rig.freezeRedis(trouble.forMs));
      case 'Redis connections cut':
        return rig.redisProxy.cut() > 0;
      case 'VOD connections cut':
        return rig.vodProxy.cut() > 0;
      case 'Redis refuses':
        return await redisProxy.take(() => outage(rig.redisProxy, trouble.forMs));
      case 'VOD refuses':
        return await vodProxy.take(() => outage(rig.vodProxy, trouble.forMs));
      case 'VOD line slow':
        return await vodLine.take(async () => {
          rig.vodProxy.slow(trouble.bytesPerSecond);
          await pause(trouble.forMs);
          rig.vodProxy.slow(undefined);
        });
      case 'VOD fault':
        rig.emulator.control.inject(trouble.fault);
        if (trouble.cutAfterMs !== undefined) running.push(cutVod(trouble.cutAfterMs));
        return true;
    }
  };

  for (const trouble of troubles) {
    await pause(Math.max(0, trouble.atMs - (performance.now() - startedAt)));
    running.push(
      strike(trouble).then((struck) => {
        if (!struck) return;
        recoveries.begin(nameOf(trouble));
        onTrouble(trouble);
      }),
    );
  }
  await Promise.all(running);
}

/** Of what can't go wrong twice at the same time. */
class Turns {
  #taken = false;

  /** @returns false when another turn goes on. */
  async take(act: () => Promise<void>): Promise<boolean> {
    if (this.#taken) return false;
    this.#taken = true;
    try {
      await act();
    } finally {
      this.#taken = false;
    }
    return true;
  }
}

async function outage(
  proxy: { refuse(): Promise<void>; accept(): Promise<void> },
  forMs: number,
): Promise<void> {
  await proxy.refuse();
  await pause(forMs);
  await proxy.accept();
}

function outcomes(tracked: readonly Tracked[]): Omit<ChaosReport['uploads'], 'addedAgain'> {
  const count = (outcome: Tracked['outcome']): number =>
    tracked.filter((one) => one.outcome === outcome).length;
  return {
    added: tracked.length,
    completed: count('completed'),
    instant: count('instant'),
    failed: count('failed'),
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
