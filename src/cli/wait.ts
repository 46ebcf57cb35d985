import { printable } from '../base/format.ts';
import type { Hold, Upload, UploadProgress, UploadStatus } from '../index.ts';
import { describeHold } from '../quota/hold.ts';
import { type CliContext, Interrupted } from '../terminal/context.ts';
import { createDisplay, type Display, SILENT } from '../terminal/display.ts';

export interface Waiting {
  readonly upload: Pick<Upload, 'id' | 'progress' | 'status'>;
  /** What the user calls it. */
  readonly label: string;
}

export interface WaitOptions {
  readonly json: boolean;
  readonly context: CliContext;
  /** Listened for since before the uploads were enqueued, so that none of them goes unmentioned. */
  readonly stopSignal: Promise<NodeJS.Signals>;
  /** The uploads are not to begin before; milliseconds. */
  readonly delay?: number;
  /** What is known of an upload, whenever that changes. */
  readonly onProgress?: (progress: UploadProgress, index: number) => void;
  /** Each upload's end, in the order of their ends. */
  readonly onEnd: (status: UploadStatus, index: number) => void;
}

/**
 * Waits until all uploads have ended, and shows them meanwhile: bars or lines on standard error.
 * @throws {Interrupted} at the stop signal; the uploads go on
 */
export async function waitForEnds(waiting: readonly Waiting[], options: WaitOptions): Promise<void> {
  const { json, context, stopSignal, delay = 0, onProgress = () => {}, onEnd } = options;
  // Next to JSON on the same terminal bars would be in the way.
  const quiet = json && (context.err.isTTY !== true || context.out.isTTY === true);
  const display = quiet
    ? SILENT
    : createDisplay(
        waiting.map(({ label }) => label),
        context,
      );
  const unfinished = new Set(waiting);
  const hint = hintAtWorkers(waiting, delay, display);
  let heldSince: number | undefined;
  const noteHold = (hold: Hold | undefined): void => {
    if (hold !== undefined && hold.since !== heldSince) display.note(describeHold(hold));
    heldSince = hold?.since;
  };
  const interruption = stopSignal.then((signal) => {
    throw interrupted(signal, [...unfinished]);
  });
  try {
    const all = waiting.map(async (one, index) => {
      for await (const progress of one.upload.progress()) {
        display.update(index, progress);
        onProgress(progress, index);
        noteHold(progress.hold);
      }
      const status = await one.upload.status();
      unfinished.delete(one);
      onEnd(status, index);
    });
    await Promise.race([Promise.all(all), interruption]);
  } finally {
    clearTimeout(hint);
    interruption.catch(() => {});
    display.stop();
  }
}

/** After so long in the queue it is time to wonder about workers. */
const PATIENCE_MS = 15_000;
/** Timers can't be longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Says so when none of the uploads has begun in good time. */
function hintAtWorkers(
  waiting: readonly Waiting[],
  delay: number,
  display: Display,
): NodeJS.Timeout | undefined {
  if (delay + PATIENCE_MS > TIMER_MAX_MS) return undefined;
  const look = async (): Promise<void> => {
    const statuses = await Promise.all(waiting.slice(0, 10).map(({ upload }) => upload.status()));
    if (!statuses.every(({ state }) => state === 'queued')) return;
    display.note('still queued: is a worker running? `vod-upload worker` starts one');
  };
  return setTimeout(() => void look().catch(() => {}), delay + PATIENCE_MS);
}

function interrupted(signal: NodeJS.Signals, unfinished: readonly Waiting[]): Interrupted {
  const lines = unfinished.map(({ upload, label }) =>
    [
      `${printable(label)} goes on in the workers`,
      `  follow it: vod-upload status ${upload.id}`,
      `  cancel it: vod-upload cancel ${upload.id}`,
    ].join('\n'),
  );
  return new Interrupted(signal, ['interrupted', ...lines].join('\n'));
}
