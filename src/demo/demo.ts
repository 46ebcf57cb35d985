import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import { inspectFile } from '../source/inspect-file.ts';
import { type CliContext, EXIT, Interrupted } from '../terminal/context.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import type { Cleanup } from './cleanup.ts';
import { keepRunning } from './keep-running.ts';
import { type DemoProcesses, startProcesses } from './processes.ts';
import { SAMPLE_BYTES, writeSample } from './sample.ts';
import { summary } from './summary.ts';
import { uploadTwice } from './upload-twice.ts';

/** Size of the second sample, for uploads with --keep. */
const ANOTHER_BYTES = 12 * 1024 * 1024;

/** SIGHUP: the terminal was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Uploads a file twice through real processes, prints a summary, and removes everything, also after an error or a
 * signal.
 * @param file default: a generated sample
 * @param options.keep keeps everything running, with web pages, until a signal
 * @returns the exit code: 0 when the emulator returns the same bytes
 */
export async function runDemo(
  file: string | undefined,
  options: { readonly keep?: boolean; readonly api: VodApi },
  context: CliContext,
): Promise<number> {
  const { api } = options;
  const startedAt = performance.now();
  const cleanups: Cleanup[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  // Later signals are ignored, because the cleanup is running and ends within seconds.
  const onSignal = (name: NodeJS.Signals): void =>
    stopping.abort(new Interrupted(name, 'interrupted; nothing is left behind'));
  for (const name of SIGNALS) process.on(name, onSignal);
  let processes: DemoProcesses | undefined;
  try {
    const dir = await mkdtemp(join(await realpath(tmpdir()), 'vod-upload-demo-'));
    cleanups.push(() => rm(dir, { recursive: true, force: true }));
    const source =
      file === undefined ? await makeSample(dir, 'sample.mp4', SAMPLE_BYTES) : await givenFile(file);
    if (file === undefined) {
      context.err.write(`sample.mp4: ${formatBytes(SAMPLE_BYTES)} of random bytes in an MP4 container\n`);
    }
    context.err.write('starting Redis, the VOD emulator and a worker\n');
    const sourceRoot = dirname(source);
    processes = await startProcesses({ api, env: context.env, dir, sourceRoot, cleanups, signal });
    const outcome = await uploadTwice({ api, source, processes, context, signal, cleanups });
    context.out.write(summary({ api, source, ...outcome, totalMs: performance.now() - startedAt }));
    if (outcome.fileSha !== outcome.urlSha) {
      throw new UploaderError('SHA_DIFFERS', 'the video at the url differs from the file');
    }
    if (options.keep) {
      // VOD has the first sample already; uploading another one shows the parts being sent.
      const another = file === undefined ? await makeSample(dir, 'another.mp4', ANOTHER_BYTES) : source;
      await keepRunning({ processes, dir, another, cleanups, signal, context });
    }
    return EXIT.done;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // CHILD_FAILED contains the last lines already.
    const hasLines = error instanceof UploaderError && error.code === 'CHILD_FAILED';
    for (const line of (!hasLines && processes?.workerLines()) || []) context.err.write(`worker: ${line}\n`);
    throw error;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup().catch(() => {});
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

async function makeSample(dir: string, name: string, bytes: number): Promise<string> {
  const source = join(dir, 'videos', name);
  await mkdir(dirname(source), { recursive: true });
  await writeSample(source, bytes);
  return source;
}

/** @throws {SourceError} when the file can't be uploaded */
async function givenFile(file: string): Promise<string> {
  const source = await realpath(file).catch(() => file);
  await inspectFile(source, ['/']);
  return source;
}
