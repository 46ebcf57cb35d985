import { printable } from '../base/printable.ts';
import type { Hold, Upload, UploadProgress, UploadStatus } from '../index.ts';
import { describeHold } from '../quota/hold.ts';
import { type CliContext, Interrupted } from '../terminal/context.ts';
import { createDisplay, type Display, SILENT } from '../terminal/display.ts';

export interface Waiting {
  readonly upload: Pick<Upload, 'id' | 'progress' | 'status'>;
  /** Name shown to the user. */
  readonly label: string;
}

export interface WaitOptions {
  readonly json: boolean;
  readonly context: CliContext;
  /** Its listener is set before the uploads are enqueued, so that an interruption names all of them. */
  readonly stopSignal: Promise<NodeJS.Signals>;
  /** Delay of the uploads, in milliseconds. */
  readonly delay?: number;
  /** Called for every change of an upload. */
  readonly onProgress?: (progress: UploadProgress, index: number) => void;
  /** Called when an upload ends. */
  readonly onEnd: (status: UploadStatus, index: number) => void;
}

/**
 * Waits until all uploads have ended, and shows progress on standard error as bars or lines.
 * @throws {Interrupted} at the stop signal; the workers continue the uploads
 */
export async function waitForEnds(waiting: readonly Waiting[], options: WaitOptions): Promise<void> {
  const { json, context, stopSignal, delay = 0, onProgress = () => {}, onEnd } = options;
  // No bars on a terminal that shows the JSON too.
  const quiet = json && (context.err.isTTY !== true || context.out.isTTY === true);
  const display = quiet
    ? SILENT
    : createDisplay(
        waiting.map(({ label }) => label),
        context,
      );
  const unfinished = new Set(waiting);
  const hint = scheduleWorkerHint(waiting, delay, display);
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

/** Uploads queued for this long probably have no worker. */
const HINT_AFTER_MS = 15_000;
/** Longest delay of a Node timer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Prints a hint when no upload has started within HINT_AFTER_MS. */
function scheduleWorkerHint(
  waiting: readonly Waiting[],
  delay: number,
  display: Display,
): NodeJS.Timeout | undefined {
  if (delay + HINT_AFTER_MS > TIMER_MAX_MS) return undefined;
  const check = async (): Promise<void> => {
    const statuses = await Promise.all(waiting.slice(0, 10).map(({ upload }) => upload.status()));
    if (!statuses.every(({ state }) => state === 'queued')) return;
    display.note('still queued: is a worker running? `vod-upload worker` starts one');
  };
  return setTimeout(() => void check().catch(() => {}), delay + HINT_AFTER_MS);
}

function interrupted(signal: NodeJS.Signals, unfinished: readonly Waiting[]): Interrupted {
  const lines = unfinished.map(({ upload, label }) =>
    [
      `the workers continue ${printable(label)}`,
      `  follow it: vod-upload status ${upload.id}`,
      `  cancel it: vod-upload cancel ${upload.id}`,
    ].join('\n'),
  );
  return new Interrupted(signal, ['interrupted', ...lines].join('\n'));
}
