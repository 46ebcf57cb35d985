import { fulfilledWithin } from '../../src/base/fulfilled-within.ts';
import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { Recoveries, type TroubleCount } from './recoveries.ts';
import { Rig, WRONG_KEY } from './rig.ts';
import { nameOf, type ScheduledTrouble, schedule } from './schedule.ts';
import { type Tracked, Uploads } from './uploads.ts';
import {
  checkNotified,
  checkOutcomes,
  checkRedis,
  checkVideos,
  checkVideosOfUploads,
  describeStuck,
  untilQuiet,
} from './verify.ts';

export interface ChaosOptions {
  /** Default v2. */
  readonly api?: VodApi;
  readonly seed: number;
  /** Duration of the schedule; after it the run waits for all uploads. */
  readonly durationMs: number;
  /** Called when a trouble is over. */
  readonly onTrouble?: (trouble: ScheduledTrouble) => void;
  readonly onProgress?: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly durationMs: number;
  /** By {@link nameOf}. */
  readonly troubles: Readonly<Record<string, TroubleCount>>;
  /** Requests hit by faults of the emulator, by kind. */
  readonly requestsHit: EmulatorStats['faultsUsed'];
  readonly uploads: {
    readonly added: number;
    readonly completed: number;
    readonly instant: number;
    /** Failed by an injected permanent error; completed by a retry at the end. */
    readonly failed: number;
    /** Adds that failed without Redis and were repeated. */
    readonly addedAgain: number;
  };
  /** Accepted webhooks and received events; more than the ended uploads when some were delivered twice. */
  readonly notifications: { readonly webhooks: number; readonly events: number };
  readonly parts: { readonly accepted: number; readonly sentTwice: number; readonly bytes: number };
  readonly requests: { readonly init: number; readonly part: number; readonly finish: number };
  readonly videos: number;
  readonly longestRecoveryMs: number;
  /** Time from the last trouble to the end of the last upload. */
  readonly settledMs: number;
  /** Everything that is wrong; empty: the run passed. */
  readonly findings: readonly string[];
}

/** Without troubles everything ends within this time; otherwise it hangs. */
const SETTLE_MS = 600_000;
const REPORT_EVERY_MS = 10_000;

/** Runs uploads under a schedule of troubles, which depends only on the seed; then verifies everything. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { api = 'v2', seed, durationMs, onProgress = () => {} } = options;
  const startedAt = performance.now();
  const rig = await Rig.create(api);
  const findings: string[] = [];
  const uploads = new Uploads(rig, seed);
  const recoveries = new Recoveries(() => {
    const { parts, requests } = rig.emulator.control.stats();
    const refusals = Object.values(requests).map(
      ({ byResult }) => (byResult['4400'] ?? 0) + (byResult.RequestLimitExceeded ?? 0),
    );
    return {
      done: parts.accepted + uploads.ended,
      quotaRefusals: refusals.reduce((sum, times) => sum + times, 0),
    };
  });
  let report: Omit<ChaosReport, 'durationMs' | 'findings'>;
  try {
    await rig.startWorkers();
    // Without latency, parts would be too short for troubles to hit one.
    rig.emulator.control.inject({ action: 'UploadPart', effect: { kind: 'latency', ms: 40 }, share: 1 });
    uploads.start();
    const ticker = setInterval(() => {
      const { accepted, duplicates } = rig.emulator.control.stats().parts;
      onProgress(
        `${uploads.ended} of ${uploads.tracked.length} uploads ended, ${accepted} parts accepted, ${duplicates} duplicates`,
      );
    }, REPORT_EVERY_MS);
    try {
      await runSchedule(schedule(seed, durationMs, api), rig, recoveries, options.onTrouble ?? (() => {}));
      rig.emulator.control.clearFaults();
      const settlingAt = performance.now();
      const settled = await fulfilledWithin(uploads.drain(), SETTLE_MS);
      const settledMs = performance.now() - settlingAt;
      if (settled) {
        // An upload added meanwhile may have injected another fault.
        rig.emulator.control.clearFaults();
        await fulfilledWithin(uploads.retryFailed(), SETTLE_MS);
        await untilQuiet(rig.redis.url, rig.prefix, SETTLE_MS);
      } else findings.push(...(await describeStuck(rig.redis.url, rig.prefix, uploads.pending)));
      recoveries.close();
      onProgress(`all uploads ended after ${Math.round(settledMs)} ms; verifying`);
      findings.push(...checkOutcomes(uploads.tracked));
      const { receiver } = rig;
      const missing = await Promise.all([
        checkNotified('the application', () => uploads.notifications, uploads.tracked, SETTLE_MS),
        checkNotified('the webhook receiver', () => receiver.accepted(), uploads.tracked, SETTLE_MS),
      ]);
      findings.push(...missing.flat());
      await untilQuiet(rig.redis.url, rig.prefix, SETTLE_MS);
      await rig.checkWorkers();
      await rig.checkDescriptors(SETTLE_MS);
      await rig.stopWorkers();
      findings.push(...(await checkRedis(rig.redis.url, rig.prefix, uploads.tracked)));
      const { files, parts, requests, faultsUsed } = rig.emulator.control.stats();
      const check = api === 'v2' ? checkVideos : checkVideosOfUploads;
      findings.push(...(await check(uploads.tracked, files)));
      report = {
        seed,
        settledMs,
        troubles: recoveries.troubles,
        longestRecoveryMs: recoveries.longestMs,
        requestsHit: faultsUsed,
        uploads: { ...outcomes(uploads.tracked), addedAgain: uploads.readds },
        notifications: { webhooks: receiver.accepted().length, events: uploads.notifications.length },
        parts: { accepted: parts.accepted, sentTwice: parts.duplicates, bytes: parts.bytes },
        requests: {
          init: requests.InitUpload.total + requests.ApplyUpload.total,
          part: requests.UploadPart.total + requests.PutObject.total,
          finish: requests.FinishUpload.total + requests.CommitUpload.total,
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

/** Starts each trouble at its time, in parallel to others; resolves when all are over. */
async function runSchedule(
  troubles: readonly ScheduledTrouble[],
  rig: Rig,
  recoveries: Recoveries,
  onTrouble: (trouble: ScheduledTrouble) => void,
): Promise<void> {
  const startedAt = performance.now();
  const disk = new Exclusive();
  const redis = new Exclusive();
  const redisProxy = new Exclusive();
  const vodProxy = new Exclusive();
  const vodLine = new Exclusive();
  const running: Promise<void>[] = [];
  const cutVod = (afterMs: number): Promise<void> => pause(afterMs).then(() => void rig.vodProxy.cut());

  /** @returns false when it was skipped, because its target was busy */
  const apply = async (trouble: ScheduledTrouble): Promise<boolean> => {
    switch (trouble.kind) {
      case 'worker killed':
        return await rig.end(trouble.slot, 'SIGKILL', trouble.downMs);
      case 'worker terminated':
        return await rig.end(trouble.slot, 'SIGTERM', trouble.downMs);
      case 'worker frozen':
        return await rig.freeze(trouble.slot, trouble.forMs);
      case 'worker with a wrong key':
        return await rig.misconfigure(trouble.slot, { VOD_SECRET_KEY: WRONG_KEY }, trouble.forMs);
      case 'worker with other roots':
        return await rig.misconfigure(trouble.slot, { SOURCE_ROOTS: rig.emptyRoot }, trouble.forMs);
      case 'disk hangs':
        return await disk.run(() => rig.hangDisk(trouble.forMs));
      case 'Redis killed':
        return await redis.run(() => rig.killRedis(trouble.forMs));
      case 'Redis frozen':
        return await redis.run(() => rig.freezeRedis(trouble.forMs));
      case 'Redis connections cut':
        return rig.redisProxy.cut() > 0;
      case 'VOD connections cut':
        return rig.vodProxy.cut() > 0;
      case 'Redis refuses':
        return await redisProxy.run(() => outage(rig.redisProxy, trouble.forMs));
      case 'VOD refuses':
        return await vodProxy.run(() => outage(rig.vodProxy, trouble.forMs));
      case 'VOD line slow':
        return await vodLine.run(async () => {
          rig.vodProxy.slow(trouble.bytesPerSecond);
          await pause(trouble.forMs);
          rig.vodProxy.slow(undefined);
        });
      case 'sessions expire':
        rig.emulator.control.setSessions({ expireAll: true });
        return true;
      case 'VOD fault':
        rig.emulator.control.inject(trouble.fault);
        if (trouble.cutAfterMs !== undefined) running.push(cutVod(trouble.cutAfterMs));
        return true;
    }
  };

  for (const trouble of troubles) {
    await pause(Math.max(0, trouble.atMs - (performance.now() - startedAt)));
    running.push(
      apply(trouble).then((applied) => {
        if (!applied) return;
        recoveries.begin(nameOf(trouble));
        onTrouble(trouble);
      }),
    );
  }
  await Promise.all(running);
}

/** Runs one action at a time, and skips others meanwhile. */
class Exclusive {
  #running = false;

  /** @returns false when another action is running */
  async run(action: () => Promise<void>): Promise<boolean> {
    if (this.#running) return false;
    this.#running = true;
    try {
      await action();
    } finally {
      this.#running = false;
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
