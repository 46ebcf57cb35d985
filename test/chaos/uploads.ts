import { join } from 'node:path';
import type { UploadOptions } from '../../src/client/upload-options.ts';
import {
  RedisUnavailableError,
  type Upload,
  UploadFailedError,
  type UploadResult,
  VodUploads,
} from '../../src/index.ts';
import { PART_SIZES } from '../../src/vod/wire/protocol.ts';
import { sha1Of, writeRandomFile } from '../support/files.ts';
import { Random } from './random.ts';
import type { Rig } from './rig.ts';

/** A file for one or several uploads. */
export interface Source {
  readonly path: string;
  readonly sha1: string;
  /** Bytes. */
  readonly size: number;
  /** Whether VOD refuses one of its parts permanently, while faults are injected. */
  readonly permanent: boolean;
}

/** An upload and its result. */
export interface Tracked {
  readonly source: Source;
  readonly id: string;
  outcome: UploadResult['outcome'] | 'failed' | undefined;
  result?: UploadResult;
  error?: Error;
}

const PRODUCERS = 3;
/** Concurrent uploads per producer. */
const CONCURRENT_UPLOADS = 4;
/** Maximum time between the end of an upload and the next add. */
const PAUSE_MAX_MS = 700;
const SHARE_WITH_KEY = 0.7;
const SHARE_OF_TRANSCODED = 0.3;
/** Longer than any run. */
const TRANSCODE_TIMEOUT_MS = 86_400_000;
const SHARE_OF_DUPLICATES = 0.12;
const SHARE_OF_HASHED = 0.5;
const SHARE_OF_PERMANENT = 0.04;
const TRANSCODED = {
  transcode: 'after',
  waitFor: 'transcoded',
  transcodeTimeoutMs: TRANSCODE_TIMEOUT_MS,
} as const;
const READD_PAUSE_MS = 200;
/** The injected permanent error of a part. */
export const PERMANENT_CODE = '-10006';

const MIB = 1048576;

/** Producers that add uploads until `drain`, and repeat adds that failed without Redis. */
export class Uploads {
  readonly tracked: Tracked[] = [];
  /** Number of adds that failed without Redis and were repeated. */
  readds = 0;
  /** Events received by the subscribers, as `upload.completed ID`. */
  readonly notifications: string[] = [];
  readonly #rig: Rig;
  readonly #producers: readonly VodUploads[];
  readonly #seed: number;
  #serial = 0;
  #ended = 0;
  #adding = true;
  readonly #loops: Promise<void>[] = [];

  constructor(rig: Rig, seed: number) {
    this.#rig = rig;
    this.#seed = seed;
    this.#producers = Array.from(
      { length: PRODUCERS },
      () =>
        new VodUploads({
          ...{ connection: rig.redisUrl, prefix: rig.prefix, sourceRoots: [rig.sources], api: rig.api },
        }),
    );
  }

  /** Number of uploads that have ended, with any outcome. */
  get ended(): number {
    return this.#ended;
  }

  get pending(): readonly Tracked[] {
    return this.tracked.filter(({ outcome }) => outcome === undefined);
  }

  start(): void {
    // Two subscribers of one consumer: each event is delivered to one of them.
    for (const producer of this.#producers.slice(0, 2)) {
      const onEvent = ({ type, uploadId }: { type: string; uploadId: string }): void => {
        this.notifications.push(`${type} ${uploadId}`);
      };
      producer.subscribe({ consumer: 'chaos', onCompleted: onEvent, onFailed: onEvent, onError() {} });
    }
    for (const [index, producer] of this.#producers.entries()) {
      for (let lane = 0; lane < CONCURRENT_UPLOADS; lane++) {
        const random = new Random(this.#seed + 1000 * (index + 1) + lane);
        this.#loops.push(this.#addUntilStopped(producer, random));
      }
    }
  }

  /** Stops adding; resolves when all uploads have ended. */
  async drain(): Promise<void> {
    this.#adding = false;
    await Promise.all(this.#loops);
  }

  /** Retries the failed uploads and waits for them. */
  async retryFailed(): Promise<void> {
    const [producer] = this.#producers;
    const failed = this.tracked.filter(({ outcome }) => outcome === 'failed');
    await Promise.all(
      failed.map(async (tracked) => {
        if (producer === undefined) return;
        const upload = await producer.retry(tracked.id);
        tracked.result = await upload.result();
      }),
    );
  }

  async close(): Promise<void> {
    this.#adding = false;
    await Promise.allSettled(this.#producers.map((producer) => producer.close()));
  }

  async #addUntilStopped(producer: VodUploads, random: Random): Promise<void> {
    while (this.#adding) {
      const source = await this.#source(random);
      const twice = !source.permanent && random.chance(SHARE_OF_DUPLICATES);
      await Promise.all(
        (twice ? [source, source] : [source]).map((one) => this.#upload(producer, one, random)),
      );
      await pause(random.between(0, PAUSE_MAX_MS));
    }
  }

  async #upload(producer: VodUploads, source: Source, random: Random): Promise<void> {
    const serial = ++this.#serial;
    const options: UploadOptions = {
      source: source.path,
      priority: random.between(1, 10),
      ...(random.chance(SHARE_WITH_KEY) && { key: `order ${serial}` }),
      ...this.#apiOptions(serial, random),
      ...(random.chance(0.1) && { delay: random.between(1, 2000) }),
    };
    const upload = await this.#addUntilAccepted(producer, options);
    const tracked: Tracked = { source, id: upload.id, outcome: undefined };
    this.tracked.push(tracked);
    await this.#follow(tracked, upload.result());
  }

  #apiOptions(serial: number, random: Random): Partial<UploadOptions> {
    const isTranscoded = random.chance(SHARE_OF_TRANSCODED);
    if (this.#rig.api === 'v2') {
      const options = { partSize: random.pick(PART_SIZES), tags: [`serial ${serial}`] };
      return { ...options, ...(isTranscoded && TRANSCODED) };
    }
    return {
      sourceContext: `serial ${serial}`,
      ...(random.chance(0.8) && { partSize: random.pick([MIB, 2 * MIB]) }),
      ...(random.chance(SHARE_OF_HASHED) && { hash: true }),
      ...(isTranscoded && { ...TRANSCODED, procedure: 'chaos' }),
    };
  }

  async #addUntilAccepted(producer: VodUploads, options: UploadOptions): Promise<Upload> {
    for (;;) {
      try {
        return await producer.add(options);
      } catch (error) {
        if (!(error instanceof RedisUnavailableError)) throw error;
        // The add may have succeeded. With a key the next add finds it; without one there are two uploads of one file.
        this.readds++;
        await pause(READD_PAUSE_MS);
      }
    }
  }

  async #follow(tracked: Tracked, result: Promise<UploadResult>): Promise<void> {
    try {
      tracked.result = await result;
      tracked.outcome = tracked.result.outcome;
    } catch (error) {
      tracked.error = error as Error;
      if (!(error instanceof UploadFailedError)) throw error;
      tracked.outcome = 'failed';
    }
    this.#ended++;
  }

  /** 1 byte to 20 MiB: half are clips up to 300 kB, a tenth may be large. */
  async #source(random: Random): Promise<Source> {
    const serial = ++this.#serial;
    const kind = random.next();
    let size = random.between(1, 20 * MIB);
    if (kind < 0.1) size = random.pick([1, 2, 524_287, 524_288, 524_289, MIB - 1, MIB, MIB + 1, 2 * MIB]);
    else if (kind < 0.5) size = random.between(1, 300_000);
    else if (kind < 0.9) size = random.between(300_000, 4 * MIB);
    // Not for tiny files: others may have the same content, and would be refused too.
    const permanent = this.#rig.api === 'v2' && size > 1000 && random.chance(SHARE_OF_PERMANENT);
    const path = await writeRandomFile(join(this.#rig.sources, `${serial}.mp4`), size, this.#seed + serial);
    const sha1 = await sha1Of(path);
    if (permanent) this.#refusePermanently(sha1);
    return { path, sha1, size, permanent };
  }

  #refusePermanently(fileSha: string): void {
    this.#rig.emulator.control.inject({
      action: 'UploadPart',
      effect: {
        kind: 'code',
        code: Number(PERMANENT_CODE),
        canRetry: 0,
        message: 'injected permanent error',
      },
      share: 1,
      offset: 0,
      fileSha,
    });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
