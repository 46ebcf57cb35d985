import { UploaderError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { describeConflict } from '../client/key-conflict.ts';
import type { UploadJob } from '../client/upload-job.ts';
import { type Config, loadConfig } from '../config/config.ts';
import type { Upload, UploadProgress, UploadStatus, VodUploads } from '../index.ts';
import { firstStopSignal, type StopSignal } from '../process/stop-signals.ts';
import { SourceError } from '../source/errors.ts';
import { resolveRoots } from '../source/roots.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import { labelOf } from '../terminal/label.ts';
import { deriveName, isUsualType } from '../upload/name.ts';
import { type AddOptions, toUploadOptions } from './add-options.ts';
import { type Checked, checkAll } from './check.ts';
import { describeRoots } from './describe-roots.ts';
import { withProducer, withTracing } from './producer.ts';
import { hasFailed, jsonLine, pendingRecord, recordOf, type UploadRecord } from './record.ts';
import { printRefusals, refuseWrong } from './refuse.ts';
import { printEnd, printEnqueued } from './report.ts';
import { waitForEnds } from './wait.ts';

/** Enqueues all files, or none if one is wrong. @returns the exit code */
export async function addUploads(
  files: readonly string[],
  options: AddOptions,
  context: CliContext,
): Promise<number> {
  const json = options.json ?? false;
  /** With --json, an error that keeps all files out of the queue is printed as JSON too. */
  const orRefuseAll = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      if (json) printRefusals(files, error, context);
      throw error;
    }
  };
  const { config, roots } = await orRefuseAll(() => prepare(files, options, context));
  const many = files.map((file) => toUploadOptions(file, options));
  const checked = await checkAll(many, {
    api: config.vod.api,
    roots,
    allowPrivateWebhooks: config.webhooks.allowPrivate,
  });
  const refusal = refuseWrong(checked, { json, context });
  if (refusal !== undefined) {
    if (checked.some(isOutside))
      context.err.write(`vod-upload: ${describeRoots(context.env.SOURCE_ROOTS)}\n`);
    return refusal;
  }
  const jobs = checked.flatMap((one) => (one.ok ? [one.job] : []));
  if (options.name === undefined) noteShortenedNames(jobs, context);
  noteUnusualTypes(jobs, context);
  const stopping = options.wait ? firstStopSignal() : undefined;
  const enqueue = async (producer: VodUploads): Promise<number> => {
    const uploads = await orRefuseAll(() => producer.addMany(many));
    noteConflicts(uploads, jobs, context);
    if (stopping === undefined) return await print(uploads, jobs, json, context);
    return await waitAndPrint(uploads, jobs, options, stopping, context);
  };
  return await withTracing(config, context, () => withProducer(config, enqueue, roots));
}

async function prepare(
  files: readonly string[],
  options: AddOptions,
  { env }: CliContext,
): Promise<{ config: Config; roots: readonly string[] | undefined }> {
  for (const [flag, value] of Object.entries({
    '--name': options.name,
    '--key': options.key,
    '--storage-path': options.storagePath,
  })) {
    if (files.length > 1 && value !== undefined) {
      throw new UploaderError('INVALID_UPLOAD', `${flag} is for one file, and there are ${files.length}`);
    }
  }
  const config = loadConfig(env);
  // Unchecked files may be in directories that don't exist on this machine.
  const roots = options.checkSource ? await resolveRoots(config.sourceRoots, process.cwd()) : undefined;
  return { config, roots };
}

function isOutside(one: Checked): boolean {
  return !one.ok && one.error instanceof SourceError && one.error.code === 'SOURCE_OUTSIDE_ROOTS';
}

function noteShortenedNames(jobs: readonly UploadJob[], { err }: CliContext): void {
  for (const { data } of jobs) {
    const { name, altered } = deriveName(data.source);
    if (!altered) continue;
    err.write(
      `${labelOf(data)}: its name in VOD will be "${name}", because the file name does not fit; set another with --name\n`,
    );
  }
}

function noteUnusualTypes(jobs: readonly UploadJob[], { err }: CliContext): void {
  for (const { data } of jobs) {
    const { type } = data.video;
    if (isUsualType(type)) continue;
    err.write(
      `${labelOf(data)}: ${type} is not a usual video type, VOD may refuse it; set another with --type\n`,
    );
  }
}

function noteConflicts(uploads: readonly Upload[], jobs: readonly UploadJob[], { err }: CliContext): void {
  for (const [index, { differs }] of uploads.entries()) {
    const { data } = jobs[index] as UploadJob;
    if (differs.length === 0) continue;
    const conflict = printable(describeConflict(data.key ?? '', differs));
    err.write(`vod-upload: ${labelOf(data)}: ${conflict}; the existing upload is unchanged\n`);
  }
}

async function print(
  uploads: readonly Upload[],
  jobs: readonly UploadJob[],
  json: boolean,
  context: CliContext,
): Promise<number> {
  const records: UploadRecord[] = [];
  for (const [index, upload] of uploads.entries()) {
    const data = jobs[index]?.data;
    // An upload that existed before may have ended already.
    const record =
      upload.created && data !== undefined
        ? pendingRecord(upload, data)
        : recordOf(await upload.status(), upload);
    records.push(record);
  }
  printEnqueued(records, { json, context });
  return records.some(hasFailed) ? EXIT.failed : EXIT.done;
}

async function waitAndPrint(
  uploads: readonly Upload[],
  jobs: readonly UploadJob[],
  { json = false, delay = 0 }: AddOptions,
  stopping: StopSignal,
  context: CliContext,
): Promise<number> {
  const ended: UploadRecord[] = [];
  const lastProgress: UploadProgress[] = [];
  const waiting = uploads.map((upload, index) => ({
    upload,
    label: labelOf(jobs[index]?.data ?? { source: upload.id }),
  }));
  const onEnd = (status: UploadStatus, index: number): void => {
    const record = recordOf(status, uploads[index]);
    ended[index] = record;
    if (json) context.out.write(jsonLine(record));
  };
  try {
    const onProgress = (progress: UploadProgress, index: number): void => {
      lastProgress[index] = progress;
    };
    const stopSignal = stopping.received;
    await waitForEnds(waiting, { json, context, stopSignal, delay, onProgress, onEnd });
  } catch (error) {
    // Prints one object per file, also for uploads that are still running.
    for (const [index, upload] of json ? uploads.entries() : []) {
      const { data } = jobs[index] as UploadJob;
      if (ended[index] === undefined)
        context.out.write(jsonLine(pendingRecord(upload, data, lastProgress[index])));
    }
    throw error;
  } finally {
    stopping.ignore();
    // Printed after the bars, in the order of the files; also uploads that ended before a Ctrl-C.
    for (const record of Object.values(ended)) printEnd(record, { json, context });
  }
  return ended.some(hasFailed) ? EXIT.failed : EXIT.done;
}
