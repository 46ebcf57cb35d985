import { describe, expect, it } from 'vitest';
import { type CallOptions, callerOf, initParams, sendPart, start, videoOf } from './support.ts';

describe('requests of the official clients', () => {
  const clients: [string, string][] = [
    ['/v3/index.php', 'POST'],
    ['/v2/index.php', 'POST'],
    ['/v3/index.php', 'GET'],
    ['/v2/index.php', 'GET'],
  ];
  it.each(clients)('all three actions on %s, Init and Finish by %s', async (path, method) => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(524288 + 3);
    const extra = {
      contentLen: 0,
      RequestClient: 'PHP_1.0',
      name: 'clip.mp4',
      notifyUrl: 'http://example.com/cb?a=1&b=2',
      storeTime: 100,
      'extra.sourceContext': '{"a": "b+c"}',
      'tag.1': 'one',
      'tag.2': 'two & more',
    };
    const options: CallOptions = { path, method };
    expect((await call('InitUpload', { ...initParams(video), ...extra }, options)).json.code).toBe(0);
    for (const offset of video.offsets) {
      const { json } = await sendPart(call, video, offset, { contentLen: 5, name: 'clip' }, { path });
      expect(json.code).toBe(0);
    }
    const { json } = await call('FinishUpload', { fileSha: video.fileSha }, options);
    expect(json).toMatchObject({ code: 0, fileId: expect.stringMatching(/^\d{19}$/) });
    expect(emulator.control.stats().files).toMatchObject([{ tags: ['one', 'two & more'] }]);
  });

  const fileSha = 'a'.repeat(40);
  const accepted: [string, Record<string, string | number>, CallOptions][] = [
    ['a Timestamp in milliseconds', { Timestamp: Date.now() }, {}],
    ['values that are not encoded', { name: 'a+b/c=d:{"e":1}' }, { encode: (value) => value }],
    ['a percent sign that starts no escape', { name: '100%' }, { encode: (value) => value }],
    ['spaces as %20', { name: 'a b  c' }, {}],
    ['names with _, signed with .', { extra_name_1: 'x_y' }, {}],
    ['HmacSHA256', { SignatureMethod: 'HmacSHA256' }, { digest: 'sha256' }],
    ['HmacSHA1 by name', { SignatureMethod: 'HmacSHA1' }, {}],
    ['names and values beyond ASCII', { name: '视频 é' }, {}],
  ];
  it.each(accepted)('%s', async (_, params, options) => {
    const { json } = await callerOf(await start())('FinishUpload', { fileSha, ...params }, options);
    expect(json).toMatchObject({ code: -10005 });
  });

  it('a signature of the host with its port', async () => {
    const emulator = await start();
    const { host } = new URL(emulator.url);
    const { json } = await callerOf(emulator)('FinishUpload', { fileSha }, { signedHost: host });
    expect(json.code).toBe(-10005);
    const wrong = await callerOf(emulator)('FinishUpload', { fileSha }, { signedHost: 'vod2.qcloud.com' });
    expect(wrong.json.code).toBe(-10002);
  });

  it('refuses a + for a space, which was not signed', async () => {
    const encode = (value: string) => encodeURIComponent(value).replaceAll('%20', '+');
    const { json } = await callerOf(await start())('FinishUpload', { fileSha, name: 'a b' }, { encode });
    expect(json.code).toBe(-10002);
  });

  it('refuses an Action of another API with 6100 over HTTP 200', async () => {
    const emulator = await start();
    const { status, json } = await callerOf(emulator)('DescribeInstances');
    expect(status).toBe(200);
    expect(json).toMatchObject({ code: 6100, canRetry: 0 });
    expect(emulator.control.stats().requests.other).toEqual({ total: 1, byResult: { 6100: 1 } });
  });
});
