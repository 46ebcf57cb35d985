import { describe, expect, onTestFinished, test } from 'vitest';
import { createApiClient } from '../../../src/vod/api-client.ts';
import type { VodObservation } from '../../../src/vod/client.ts';
import { always, CREDENTIALS, clientFor, failure, OK, type Responder, type Seen, serve } from './servers.ts';

const HOUR_MS = 3_600_000;

/** Answers with this text and a Date. */
function dated(text: string, dateMs: number): Responder {
  return (response) => response.writeHead(200, { date: new Date(dateMs).toUTCString() }).end(text);
}

describe('checkKey', () => {
  test('sends an empty UploadPart, each time for another file that does not exist', async () => {
    const server = await serve(always('{"code":-10005,"message":"no such upload","canRetry":0}'));
    const observed: VodObservation[] = [];
    const client = clientFor(server.endpoint, { onRequest: (one) => observed.push(one) });
    expect([await client.checkKey(), await client.checkKey()]).toEqual(['-10005', '-10005']);
    const [first, second] = server.seen as [Seen, Seen];
    expect(first).toMatchObject({
      method: 'POST',
      headers: { 'content-length': '0' },
      params: {
        Action: 'UploadPart',
        offset: '0',
        dataSize: '0',
        dataMd5: 'd41d8cd98f00b204e9800998ecf8427e',
        fileSha: expect.stringMatching(/^[0-9a-f]{40}$/),
      },
    });
    expect(second.params.fileSha).not.toBe(first.params.fileSha);
    // It is not counted as a part, and its refusal is not an error.
    expect(observed).toMatchObject([
      { action: 'check', result: 'ok' },
      { action: 'check', result: 'ok' },
    ]);
  });

  test('of the other host sends a ConvertVodFile for a video that does not exist', async () => {
    const server = await serve(always('{"code":1000,"message":"no such file"}'));
    const client = createApiClient({ endpoint: server.endpoint, credentials: CREDENTIALS });
    onTestFinished(() => client.close());
    expect(await client.checkKey()).toBe('1000');
    expect(server.seen).toMatchObject([{ params: { Action: 'ConvertVodFile', fileId: '0'.repeat(19) } }]);
  });

  test.each([
    [OK, '0'],
    ['{"code":-10003,"canRetry":0}', '-10003'],
    ['{"code":4400}', '4400'],
    ['{"code":6000}', '6000'],
  ])('%s proves the key', async (reply, code) => {
    const server = await serve(always(reply));
    expect(await clientFor(server.endpoint).checkKey()).toBe(code);
  });

  test.each([
    ['{"code":-10002,"canRetry":0}', 'account'],
    ['{"code":-10001,"canRetry":0}', 'account'],
    ['{"code":4100}', 'account'],
    ['{"code":4300}', 'account'],
    ['{"code":6200}', 'outage'],
    ['<html>maintenance</html>', 'blocked'],
    // It may be accepted with a new signature.
    ['{"code":4500}', undefined],
  ])('%s does not', async (reply, systemicCause) => {
    const server = await serve(always(reply));
    expect(await failure(clientFor(server.endpoint).checkKey())).toMatchObject({ systemicCause });
  });
});

describe("a wrong clock, according to the reply's Date", () => {
  const [now, reply] = [Date.UTC(2030, 0, 2, 3, 4, 5), '{"code":4500,"canRetry":0}'];

  test.each([
    [3 * HOUR_MS, /clock is 3 h ahead of VOD's/],
    [-25 * HOUR_MS, /clock is 25 h behind VOD's/],
  ])('%i ms is reported', async (aheadMs, words) => {
    const server = await serve(dated(reply, now - aheadMs));
    const error = await failure(clientFor(server.endpoint, { clock: () => now }).checkKey());
    expect(error).toMatchObject({ code: '4500', kind: 'clock', systemicCause: 'clock', retryable: true });
    expect(error.message).toMatch(words);
  });

  test('is not reported if the Date is the same, or missing', async () => {
    for (const respond of [
      dated(reply, now - 2000),
      ((response) => {
        response.sendDate = false;
        response.end(reply);
      }) as Responder,
    ]) {
      const server = await serve(respond);
      const error = await failure(clientFor(server.endpoint, { clock: () => now }).checkKey());
      expect(error).toMatchObject({ kind: 'resign', systemicCause: undefined });
    }
  });
});
