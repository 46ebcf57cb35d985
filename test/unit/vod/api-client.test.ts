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
  test('gives each event with its handle, an object or JSON in a text, fileIds with all their digits', async () => {
    const list = [
      '{"msgHandle":"h1","eventContent":{"eventType":"NewFileUpload","data":{"fileId":14508071098244931831}}}',
      '{"msgHandle":"h2","eventContent":"{\\"eventType\\":\\"X\\",\\"data\\":{\\"FileId\\":14508071098244931831}}"}',
      '{"msgHandle":"h3","eventContent":"no JSON"}',
      '{"msgHandle":"h4"}',
    ];
    const server = await serve(always(`{"code":0,"message":"","eventList":[${list.join(',')}]}`));
    expect(await apiFor(server.endpoint).pullEvents()).toEqual([
      { msgHandle: 'h1', content: { eventType: 'NewFileUpload', data: { fileId: '14508071098244931831' } } },
      { msgHandle: 'h2', content: { eventType: 'X', data: { FileId: '14508071098244931831' } } },
      { msgHandle: 'h3', content: 'no JSON' },
      { msgHandle: 'h4', content: undefined },
    ]);
    expect(server.seen).toMatchObject([{ method: 'GET', params: { Action: 'PullEvent' } }]);
  });

  test.each([['{"code":0}'], ['{"code":0,"eventList":null}'], ['{"code":0,"eventList":[]}']])(
    '%s is no event',
    async (reply) => {
      const server = await serve(always(reply));
      expect(await apiFor(server.endpoint).pullEvents()).toEqual([]);
    },
  );

  test.each([
    ['{"code":0,"eventList":[{"eventContent":{}}]}', 'MALFORMED_REPLY', 'retryable'],
    ['{"code":0,"eventList":{}}', 'MALFORMED_REPLY', 'retryable'],
    ['{"code":4100,"message":"no"}', '4100', 'account'],
    ['{"code":4400,"message":"slow down"}', '4400', 'quota'],
  ])('%s is refused as %s', async (reply, code, kind) => {
    const server = await serve(always(reply));
    const error = await failure(apiFor(server.endpoint).pullEvents());
    expect(error).toMatchObject({ action: 'PullEvent', code, kind });
  });

  test('no reply at all is given up', async () => {
    const server = await serve(() => {});
    expect(await failure(apiFor(server.endpoint, 50).pullEvents())).toMatchObject({ code: 'TIMEOUT' });
  });
});

test('confirmEvents numbers the handles', async () => {
  const server = await serve(always(OK));
  await apiFor(server.endpoint).confirmEvents(['a', 'b c']);
  const [{ params }] = server.seen as [Seen];
  expect(params).toMatchObject({ Action: 'ConfirmEvent', 'msgHandle.1': 'a', 'msgHandle.2': 'b c' });
});
