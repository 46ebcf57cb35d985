import { execFile } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { Disk } from '../../src/source/disk.ts';
import { createHasher } from '../../src/upload/hash.ts';
import { sha1Of, writeRandomFile } from '../support/files.ts';
import { type Benchmark, judged, medianRatio } from './benchmark.ts';
import { withRig } from './rig.ts';

const run = promisify(execFile);

/** SHA-1 of a file in the page cache, compared to openssl. */
export const hash: Benchmark = {
  name: 'hash',
  title: 'SHA-1 of a cached file, compared to `openssl dgst -sha1`',
  run: ({ program, full, samples, onStep }) =>
    withRig({ program }, async ({ sources }) => {
      const size = full ? 2 ** 30 : 2 ** 28;
      const path = await writeRandomFile(`${sources}/hash.bin`, size, 1);
      const expected = await sha1Of(path);
      const disk = new Disk();
      const hasher = createHasher();
      const ours: number[] = [];
      const openssl: number[] = [];
      const lagMs: number[] = [];
      for (let sample = 0; sample <= samples; sample++) {
        onStep(`hash ${sample}/${samples}`);
        const lag = monitorEventLoopDelay({ resolution: 1 });
        const source = await disk.open(path, { roots: [sources] });
        lag.enable();
        let startedAt = performance.now();
        const fileSha = await hasher.hash(source);
        const oursMs = performance.now() - startedAt;
        lag.disable();
        await source.close();
        startedAt = performance.now();
        const { stdout } = await run('openssl', ['dgst', '-sha1', path]);
        const opensslMs = performance.now() - startedAt;
        if (fileSha !== expected || !stdout.includes(expected)) throw new Error('different SHA-1');
        // The first sample warms up.
        if (sample === 0) continue;
        ours.push(size / 1e3 / oursMs);
        openssl.push(size / 1e3 / opensslMs);
        lagMs.push(lag.max / 1e6);
      }
      await hasher.close();
      await disk.close();
      const speeds = { 'ours MB/s': ours, 'openssl MB/s': openssl };
      return [
        judged('speed, ours ÷ openssl', medianRatio(ours, openssl), { atLeast: 1 }, { samples: speeds }),
        judged(
          'longest block of the event loop, worst sample',
          Math.max(...lagMs),
          { atMost: 20 },
          { unit: ' ms', digits: 1, samples: { 'lag ms': lagMs } },
        ),
      ];
    }),
};
