import { describe, expect, onTestFinished, test } from 'vitest';
import { createApiClient, type VodApiClient } from '../../../src/vod/api-client.ts';
import { always, CREDENTIALS, failure, OK, type Seen, serve } from './servers.ts';

function apiFor(endpoint: string, responseMs?: number): VodApiClient {
  const timeouts = responseMs === undefined ? {} : { responseMs };
  const client = createApiClient({ endpoint, credentials: CREDENTIALS, timeouts });
  onTestFinished(() => client.close());
  return client;
}

describe('pullEvents', () => {
  test('returns each event with its handle, an object or JSON as a string, fileIds with all digits', async () => {
    const list = [
      '{"msgHandle":"h1","eventContent":{"eventType":"NewFileUpload","data":{"fileId":14508071098244931831}}}',
      '{"msgHandle":"h2","eventContent":"{\\"eventType\\":\\"X\\",\\"data\\":{\\"FileId\\":14508071098244931831}}"}',
      '{"msgHandle":"h3","eventContent":"no JSON"}',
      '{"msgHandle":"h4"}',
    ];
    const server = await serve(always(`{"code":0,"message":"","eventList":[${list.join(',')}]}`));
    const { events, unreadable } = await apiFor(server.endpoint).pullEvents();
    expect(unreadable).toBe(0);
    expect(events).toEqual([
      { msgHandle: 'h1', content: { eventType: 'NewFileUpload', data: { fileId: '14508071098244931831' } } },
      { msgHandle: 'h2', content: { eventType: 'X', data: { FileId: '14508071098244931831' } } },
      { msgHandle: 'h3', content: 'no JSON' },
      { msgHandle: 'h4', content: undefined },
    ]);
    expect(server.seen).toMatchObject([{ method: 'GET', params: { Action: 'PullEvent' } }]);
  });

  test.each([['{"code":0}'], ['{"code":0,"eventList":null}'], ['{"code":0,"eventList":[]}']])(
    '%s has no events',
    async (reply) => {
      const server = await serve(always(reply));
      expect(await apiFor(server.endpoint).pullEvents()).toEqual({ events: [], unreadable: 0 });
    },
  );

  test.each([
    ['{"code":0,"eventList":{}}', 'MALFORMED_REPLY', 'retryable'],
    ['{"code":4100,"message":"no"}', '4100', 'account'],
    ['{"code":4400,"message":"slow down"}', '4400', 'quota'],
  ])('%s is refused as %s', async (reply, code, kind) => {
    const server = await serve(always(reply));
    const error = await failure(apiFor(server.endpoint).pullEvents());
    expect(error).toMatchObject({ action: 'PullEvent', code, kind });
  });

  test('returns valid events next to odd ones: without a handle, a numeric handle, not an entry, nested too deeply', async () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const list = [
      '{"msgHandle":"h1","eventContent":{"data":{"srcFileId":14508071098244931831}}}',
      '{"eventContent":{"eventType":"X"}}',
      '{"msgHandle":98765432109876543210,"eventContent":{}}',
      'null',
      '"text"',
      `{"msgHandle":"h6","eventContent":${deep}}`,
    ];
    const server = await serve(always(`{"code":0,"message":"","eventList":[${list.join(',')}]}`));
    const { events, unreadable } = await apiFor(server.endpoint).pullEvents();
    expect(unreadable).toBe(2);
    expect(events.map(({ msgHandle }) => msgHandle)).toEqual(['h1', undefined, '98765432109876543210', 'h6']);
    expect(events[0]?.content).toEqual({ data: { srcFileId: '14508071098244931831' } });
  });

  test('times out without a reply', async () => {
    const server = await serve(() => {});
    expect(await failure(apiFor(server.endpoint, 20).pullEvents())).toMatchObject({ code: 'TIMEOUT' });
  });
});

test('confirmEvents numbers the handles', async () => {
  const server = await serve(always(OK));
  await apiFor(server.endpoint).confirmEvents(['a', 'b c']);
  const [{ params }] = server.seen as [Seen];
  expect(params).toMatchObject({ Action: 'ConfirmEvent', 'msgHandle.1': 'a', 'msgHandle.2': 'b c' });
});

describe('convertFile', () => {
  const convert = async (reply: string) => {
    const server = await serve(always(reply));
    const api = apiFor(server.endpoint);
    return { server, call: () => api.convertFile({ fileId: '14508071098244931831', screenshot: true }) };
  };

  test('sends the file and only the given options', async () => {
    const { server, call } = await convert('{"code":0,"message":"","vodTaskId":"transcode-7"}');
    expect(await call()).toEqual({ vodTaskId: 'transcode-7' });
    const [{ params }] = server.seen as [Seen];
    expect(params).toMatchObject({
      Action: 'ConvertVodFile',
      fileId: '14508071098244931831',
      isScreenshot: '1',
    });
    expect(params).not.toHaveProperty('isWatermark');
  });

  test.each(['{"code":0}', '{"code":0,"vodTaskId":""}', '{"code":0,"vodTaskId":7}'])(
    '%s is accepted without the id of a transcoding',
    async (reply) => expect(await (await convert(reply)).call()).toEqual({}),
  );

  test.each([
    [1, 'retryable'],
    [1001, 'retryable'],
    [2000, 'retryable'],
    [10_009, 'retryable'],
    [1000, 'permanent'],
    [4100, 'account'],
    [4400, 'quota'],
    [6100, 'permanent'],
  ])('code %i is %s', async (code, kind) => {
    const { call } = await convert(JSON.stringify({ code, message: 'because' }));
    const error = await failure(call());
    expect(error).toMatchObject({
      action: 'ConvertVodFile',
      code: String(code),
      kind,
      outcomeUnknown: false,
    });
  });
});
