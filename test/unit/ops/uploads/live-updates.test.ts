import { Hono } from 'hono';
import { expect, it, onTestFinished } from 'vitest';
import { LiveUpdates } from '../../../../src/ops/uploads/live-updates.ts';
import { PacedReads } from '../../../../src/ops/uploads/paced-reads.ts';

const MOST_VIEWERS = 32;

/** Pages whose content is another each time that it is read. */
function pages(takenWithinMs?: number) {
  const live = new LiveUpdates(new PacedReads(undefined, async () => {}), takenWithinMs);
  let version = 0;
  const app = new Hono();
  app.get('/live', (context) => live.stream(context, 'page', async () => `version ${++version}`));
  const open = async () => {
    const response = await app.request('/live');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    onTestFinished(() => reader.cancel());
    return reader;
  };
  const firstEvent = async (): Promise<string> => {
    const reader = await open();
    const { value } = await reader.read();
    await reader.cancel();
    return new TextDecoder().decode(value).split('\n')[0] ?? '';
  };
  return { app, open, firstEvent };
}

it('answers HEAD without a stream, however often', async () => {
  const { app, firstEvent } = pages();
  for (let index = 0; index <= MOST_VIEWERS; index++) {
    const response = await app.request('/live', { method: 'HEAD' });
    expect([response.status, response.body]).toEqual([200, null]);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
  }
  expect(await firstEvent()).toBe('event: update');
});

it('refuses a viewer too many, and takes one when another leaves', async () => {
  const { open, firstEvent } = pages();
  const viewers = await Promise.all(Array.from({ length: MOST_VIEWERS }, open));
  expect(await firstEvent()).toBe('event: refused');
  await viewers[0]?.cancel();
  expect(await firstEvent()).toBe('event: update');
});

it('gives the place of a viewer that takes nothing to another', async () => {
  const { open, firstEvent } = pages(1);
  await Promise.all(Array.from({ length: MOST_VIEWERS }, open));
  await expect.poll(firstEvent, { timeout: 30_000 }).toBe('event: update');
});
