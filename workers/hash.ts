import { UploaderError } from '../src/errors.ts';
import type { Metrics } from '../src/metrics.ts';
import type { Attempt } from '../src/queue/consumer.ts';
import type { HashCache } from '../src/queue/hash-cache.ts';
import type { HashData, Hashed } from '../src/queue/jobs.ts';
import type { ProgressWriter } from '../src/queue/progress.ts';
import { openFile } from '../src/source/file.ts';
import type { OpenFiles } from '../src/source/open-files.ts';
import type { FileSource } from '../src/source/source.ts';
import { sameVersion } from '../src/source/version.ts';
import type { Hasher } from '../src/upload/hash.ts';
import { tooManyParts } from '../src/upload/plan.ts';
import { PART_SIZES } from '../src/vod/protocol.ts';

/** SHA-1 of the whole file; not computed when it is known of this very version of the file. */
export function hashProcessor(deps: {
  readonly roots: readonly string[];
  readonly files: OpenFiles;
  readonly hasher: Hasher;
  readonly cache: HashCache;
  readonly progress: ProgressWriter;
  readonly metrics: Metrics;
}): (data: HashData, attempt: Attempt) => Promise<Hashed> {
  return async (data, { signal }) => {
    const source = await openFile(data.source, { roots: deps.roots });
    try {
      // As few parts as it can have: with smaller ones it is refused when VOD has told their size.
      const problem = tooManyParts(source.size, PART_SIZES[1]);
      if (problem !== undefined)
        throw new UploaderError('TOO_MANY_PARTS', `${data.source} is too large: ${problem}`);
      const hashed = await hashOf(source, data, signal);
      deps.files.keep(source);
      return hashed;
    } catch (error) {
      await source.close();
      throw error;
    }
  };

  async function hashOf(source: FileSource, data: HashData, signal: AbortSignal): Promise<Hashed> {
    if (data.known !== undefined && sameVersion(data.known.version, source.version)) return data.known;
    const cached = await deps.cache.find(data.source, source.version);
    if (cached !== undefined) return cached;
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
}
