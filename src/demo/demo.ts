import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import { inspectFile } from '../source/file.ts';
import { type CliContext, EXIT, Interrupted } from '../terminal/context.ts';
import { keepUp } from './keep-up.ts';
import { type Rig, startRig, type Undo } from './rig.ts';
import { SAMPLE_BYTES, writeSample } from './sample.ts';
import { summary } from './summary.ts';
import { uploadTwice } from './upload-twice.ts';

/** Of the file that is there to be uploaded with --keep. */
const ANOTHER_BYTES = 12 * 1024 * 1024;

/** SIGHUP: the terminal was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Uploads a file twice through real processes, shows what happens, and takes everything away again, also when it fails
 * or a signal ends it.
 * @param file default: a sample
 * @param options.keep whether everything stays, with pages to look at it, until a signal comes
 * @returns the exit code: 0 when the emulator gives the same bytes back
 */
export async function runDemo(
  file: string | undefined,
  options: { readonly keep?: boolean },
  context: CliContext,
): Promise<number> {
  const startedAt = performance.now();
  const undo: Undo[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  // Signals after the first change nothing: taking away is under way, and ends in a few seconds.
  const onSignal = (name: NodeJS.Signals): void =>
    stopping.abort(new Interrupted(name, 'interrupted; nothing is left behind'));
  for (const name of SIGNALS) process.on(name, onSignal);
  let rig: Rig | undefined;
  try {
    const dir = await mkdtemp(join(await realpath(tmpdir()), 'vod-upload-demo-'));
    undo.push(() => rm(dir, { recursive: true, force: true }));
    const source =
      file === undefined ? await makeSample(dir, 'sample.mp4', SAMPLE_BYTES) : await givenFile(file);
    if (file === undefined) {
      context.err.write(`sample.mp4: ${formatBytes(SAMPLE_BYTES)} of made-up bytes in the form of an MP4\n`);
    }
    context.err.write('starting Redis, the emulator of VOD and a worker\n');
    rig = await startRig({ env: context.env, dir, sourceRoot: dirname(source), undo, signal });
    const outcome = await uploadTwice({ source, rig, context, signal, undo });
    context.out.write(summary({ source, ...outcome, totalMs: performance.now() - startedAt }));
    if (outcome.ours !== outcome.theirs) {
      throw new UploaderError('SHA_DIFFERS', 'the bytes that came back are not those of the file');
    }
    if (options.keep) {
      // The sample is in VOD by now: another one shows an upload.
      const another = file === undefined ? await makeSample(dir, 'another.mp4', ANOTHER_BYTES) : source;
      await keepUp({ rig, dir, another, undo, signal, context });
    }
    return EXIT.done;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // The end of a process is told with its last lines already.
    const told = error instanceof UploaderError && error.code === 'CHILD_FAILED';
    for (const line of (!told && rig?.workerLines()) || []) context.err.write(`worker: ${line}\n`);
    throw error;
  } finally {
    for (const step of undo.reverse()) await step().catch(() => {});
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

async function makeSample(dir: string, name: string, bytes: number): Promise<string> {
  const source = join(dir, 'videos', name);
  await mkdir(dirname(source), { recursive: true });
  await writeSample(source, bytes);
  return source;
}

/** @throws {SourceError} when it can't be uploaded */
async function givenFile(file: string): Promise<string> {
  const source = await realpath(file).catch(() => file);
  await inspectFile(source, ['/']);
  return source;
}
