import { expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { useWorld } from '../support/use-world.ts';
import { memoryContext } from '../unit/cli/memory-output.ts';

const { world, source } = useWorld();

/** Variables that an operator may set for all pods. */
const GRPC = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };

it('everything works with a tracing protocol that is not supported', async () => {
  const worker = await world().worker(GRPC).ready();
  const warned = worker.lines.find(({ msg }) => msg === 'invalid setting ignored');
  expect(warned).toMatchObject({
    level: 'warn',
    warning: expect.stringContaining('PROTOCOL must be http/protobuf'),
  });
  const path = await source('traced.mp4', 1000);
  const { redisUrl: REDIS_URL, prefix: QUEUE_PREFIX, sources: SOURCE_ROOTS } = world();
  const context = memoryContext({ REDIS_URL, QUEUE_PREFIX, SOURCE_ROOTS, ...GRPC });
  expect(await runCli(['add', path, '--wait', '--json'], context)).toBe(0);
  expect(JSON.parse(context.out.text)).toMatchObject({ outcome: 'completed' });
  expect(context.err.text).toMatch(
    /^vod-upload: OTEL_EXPORTER_OTLP_PROTOCOL must be http\/protobuf.*; nothing is traced\n$/,
  );
});
