import type { UploadBackend } from '../src/backend/backend.ts';
import { UploaderError } from '../src/base/errors.ts';
import type { HashCache } from '../src/flow/hash-cache.ts';
import type { ProgressWriter } from '../src/flow/progress-writer.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { HashData, Hashed } from '../src/queue/jobs/hash.ts';
import type { Disk } from '../src/source/disk.ts';
import type { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { FileSource } from '../src/source/source.ts';
import { sameVersion } from '../src/source/version.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import type { Hasher } from '../src/upload/hash.ts';

/** Checks the file, and computes its SHA-1 if that is needed and not known for this version of the file. */
export function hashProcessor(deps: {
  readonly backend: Pick<UploadBackend, 'needsSha1' | 'sizeProblem'>;
  readonly disk: Disk;
  readonly roots: readonly string[];
  readonly files: OpenFileCache;
  readonly hasher: Hasher;
  readonly cache: HashCache;
  readonly progress: ProgressWriter;
  readonly metrics: WorkerMetrics;
}): (data: HashData, attempt: JobContext) => Promise<Hashed> {
  return async (data, { signal }) => {
    const source = await deps.disk.open(data.source, { roots: deps.roots, signal });
    try {
      const problem = deps.backend.sizeProblem(source.size);
      if (problem !== undefined)
        throw new UploaderError('TOO_MANY_PARTS', `${data.source} is too large: ${problem}`);
      const hashed = await hashOf(source, data, signal);
      deps.files.add(source);
      return hashed;
    } catch (error) {
      void source.close();
      throw error;
    }
  };

  async function hashOf(source: FileSource, data: HashData, signal: AbortSignal): Promise<Hashed> {
    if (!deps.backend.needsSha1 && !data.hash) return { version: source.version };
    const known = data.rehash ? undefined : await findKnown(source, data);
    if (known !== undefined) return known;
    const startedAt = performance.now();
    const fileSha = await deps.hasher.hash(source, {
      signal,
      onProgress: (bytesHashed) => deps.progress.hashing(data, bytesHashed, source.size),
    });
    deps.metrics.hashBytes.inc(source.size);
    deps.metrics.hashSeconds.inc((performance.now() - startedAt) / 1000);
    const hashed = { fileSha, version: source.version };
    await deps.cache.keep(data.source, hashed);
    return hashed;
  }

  /** The SHA-1 that an earlier attempt of this upload, or another upload, computed. */
  async function findKnown(
    { version }: FileSource,
    { source, known }: HashData,
  ): Promise<Hashed | undefined> {
    if (known?.fileSha !== undefined && sameVersion(known.version, version, 'content')) {
      return { fileSha: known.fileSha, version };
    }
    return await deps.cache.find(source, version);
  }
}
