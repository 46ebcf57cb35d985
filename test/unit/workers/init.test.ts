import { expect, test } from 'vitest';
import type { BeginRequest, UploadBackend } from '../../../src/backend/backend.ts';
import type { ContentIndex } from '../../../src/flow/content-index.ts';
import type { JobContext } from '../../../src/queue/consumer.ts';
import { type InitData, parseInitData } from '../../../src/queue/jobs/init.ts';
import { SCHEMA_VERSION } from '../../../src/queue/jobs/schema.ts';
import type { Disk } from '../../../src/source/disk.ts';
import { initProcessor } from '../../../workers/init.ts';
import { VodCall } from '../../../workers/vod-call.ts';

const signal = new AbortController().signal;

/** Runs a job, and returns what the backend is asked. */
async function requestOf(more: Partial<InitData>, disk: Partial<Disk> = {}): Promise<BeginRequest> {
  const requests: BeginRequest[] = [];
  const backend = {
    knowsContents: true,
    async begin(request: BeginRequest) {
      requests.push(request);
      return { kind: 'exists', fileId: '12345678901234567', url: null };
    },
  } as unknown as UploadBackend;
  const process = initProcessor({
    backend,
    contents: {} as ContentIndex,
    call: new VodCall({
      queue: { rateLimit: async () => {} },
      breaker: { recordAnswer: async () => {} },
      quota: undefined,
      minuteMs: 60_000,
    }),
    disk: disk as Disk,
    roots: ['/srv'],
  });
  const data = parseInitData({
    ...{ schema: SCHEMA_VERSION, uploadId: 'u1', run: { attempt: 1, round: 0 } },
    hashed: { version: { size: 1, mtimeNs: '1', inode: '1' } },
    video: { name: 'a', type: 'mp4' },
    ...more,
  });
  await process(data, { signal, save: async () => {} } as unknown as JobContext);
  return requests[0] as BeginRequest;
}

test('a backend gets the options of the video, and no cover if there is none', async () => {
  const video = {
    name: 'a',
    type: 'mp4',
    procedure: 'P',
    storagePath: '/a',
    expireTime: '2031-01-01T00:00:00Z',
  };
  const request = await requestOf({ video });
  expect(request.video).toEqual(video);
  expect(request).not.toHaveProperty('readCover');
});

test('a backend reads the cover when it needs it, within the roots', async () => {
  const opened: unknown[] = [];
  const open: Disk['open'] = async (path, options) => {
    opened.push(path, options.roots);
    throw new Error('stop here');
  };
  const { readCover } = await requestOf({ cover: '/srv/poster.jpg' }, { open });
  expect(opened).toEqual([]);
  await expect(readCover?.(signal)).rejects.toThrow('stop here');
  expect(opened).toEqual(['/srv/poster.jpg', ['/srv']]);
});
