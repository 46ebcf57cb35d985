import { printable } from '../format.ts';
import type { Hold, Upload, UploadStatus } from '../index.ts';
import { describeHold } from '../queue/hold.ts';
import { onStopSignals } from '../stop-signals.ts';
import { type CliContext, Interrupted } from './context.ts';
import { createDisplay, type Display, SILENT } from './display.ts';

export interface Waiting {
  readonly upload: Pick<Upload, 'id' | 'progress' | 'status'>;
  /** What the user calls it. */
  readonly label: string;
}

export interface WaitOptions {
  readonly json: boolean;
  readonly context: CliContext;
  /** The uploads are not to begin before; milliseconds. */
  readonly delay?: number;
  /** Each upload's end, in the order of their ends. */
  readonly onEnd: (status: UploadStatus, index: number) => void;
}

/**
 * Waits until all uploads have ended, and shows them meanwhile: bars or lines on standard error.
 * @throws {Interrupted} at SIGINT or SIGTERM; the uploads go on
 */
export async function waitForEnds(waiting: readonly Waiting[], options: WaitOptions): Promise<void> {
  const { json, context, delay = 0, onEnd } = options;
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
  const interruption = Promise.withResolvers<never>();
  const ignoreSignals = onStopSignals((signal) => interruption.reject(interrupted(signal, [...unfinished])));
  try {
    const all = waiting.map(async (one, index) => {
      for await (const progress of one.upload.progress()) {
        display.update(index, progress);
        noteHold(progress.hold);
      }
      const status = await one.upload.status();
      unfinished.delete(one);
      onEnd(status, index);
    });
    await Promise.race([Promise.all(all), interruption.promise]);
  } finally {
    clearTimeout(hint);
    ignoreSignals();
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
