import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Api3ClientOptions, createApi3Client } from '../../../../src/vod/api3/client.ts';
import { API3_MEANINGS, api3Meaning } from '../../../../src/vod/api3/codes.ts';
import type { VodObservation } from '../../../../src/vod/requests.ts';
import type { FailureKind } from '../../../../src/vod/wire/vod-error.ts';
import { always, CREDENTIALS, failure, type Responder, type Seen, serve } from '../servers.ts';

const NOW = Date.UTC(2030, 0, 2, 3, 4, 5);
const HOUR_MS = 3_600_000;

const CERTIFICATE = {
  SecretId: 'AKIDtemporaryTemporaryTemporary00001',
  SecretKey: 'temporaryKey/+=temporaryKeyTemporary',
  Token: 'tokenTokenTokenTokenTokenToken',
  ExpiredTime: 1_900_000_000,
};
const APPLIED = {
  StorageBucket: 'xadacq111211-100922',
  StorageRegion: 'ap-chongqing',
  VodSessionKey: 'vodSessionKeyVodSessionKey==',
  MediaStoragePath: '/dir/name 1.mp4',
  CoverStoragePath: null,
  TempCertificate: CERTIFICATE,
};

function reply(response: object): string {
  return JSON.stringify({ Response: { ...response, RequestId: 'request-7' } });
}

function refusal(code: string, message = 'because'): string {
  return reply({ Error: { Code: code, Message: message } });
}

async function api(respond: Responder | string, options: Partial<Api3ClientOptions> = {}) {
  const server = await serve(typeof respond === 'string' ? always(respond) : respond);
  const endpoint = `http://127.0.0.1:${server.port}/`;
  const client = createApi3Client({ endpoint, credentials: CREDENTIALS, clock: () => NOW, ...options });
  onTestFinished(() => client.close());
  const sent = () => server.seen.map(({ body }) => JSON.parse(body.toString()) as unknown);
  return { server, client, sent };
}

describe('every request', () => {
  test('is a signed POST of JSON with the headers of API 3.0', async () => {
    const { server, client, sent } = await api(reply({ EventSet: [] }), {
      region: 'ap-guangzhou',
      subAppId: 251,
    });
    await client.pullEvents();
    const [{ method, url, headers }] = server.seen as [Seen];
    expect({ method, url }).toEqual({ method: 'POST', url: '/' });
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-tc-action': 'PullEvents',
      'x-tc-version': '2018-07-17',
      'x-tc-timestamp': String(NOW / 1000),
      'x-tc-region': 'ap-guangzhou',
    });
    expect(headers.authorization).toMatch(
      /^TC3-HMAC-SHA256 Credential=AKIDplanted\w+\/2030-01-02\/vod\/tc3_request, SignedHeaders=content-type;host, Signature=[0-9a-f]{64}$/,
    );
    expect(sent()).toEqual([{ SubAppId: 251 }]);
  });

  test('asks for the credentials anew; without region and application nothing is sent for them', async () => {
    let asked = 0;
    const { server, client, sent } = await api(reply({}), {
      credentials: () => ({ secretId: `AKIDnumber${++asked}`, secretKey: 'key' }),
    });
    await client.pullEvents();
    await client.pullEvents();
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      expect.stringContaining('AKIDnumber1/'),
      expect.stringContaining('AKIDnumber2/'),
    ]);
    expect(server.seen[0]?.headers).not.toHaveProperty('x-tc-region');
    expect(sent()).toEqual([{}, {}]);
  });

  test('is observed', async () => {
    const observed: VodObservation[] = [];
    const { client } = await api(refusal('InternalError'), { onRequest: (one) => observed.push(one) });
    await failure(client.commitUpload('any'));
    await client.checkKey();
    expect(observed).toMatchObject([
      { action: 'CommitUpload', result: 'vod_error', code: 'InternalError', retryable: true },
      { action: 'check', result: 'ok' },
    ]);
  });
});

describe('applyUpload', () => {
  test('sends what is given, and returns the session', async () => {
    const { client, sent } = await api(reply(APPLIED));
    expect(
      await client.applyUpload({ mediaType: 'mp4', mediaName: 'é中🎬', classId: 0, sourceContext: 'u1' }),
    ).toEqual({
      bucket: 'xadacq111211-100922',
      region: 'ap-chongqing',
      sessionKey: APPLIED.VodSessionKey,
      mediaPath: 'dir/name 1.mp4',
      credentials: {
        secretId: CERTIFICATE.SecretId,
        secretKey: CERTIFICATE.SecretKey,
        token: CERTIFICATE.Token,
        expiresAtMs: 1_900_000_000_000,
      },
    });
    expect(sent()).toEqual([{ MediaType: 'mp4', MediaName: 'é中🎬', ClassId: 0, SourceContext: 'u1' }]);
  });

  test('sends every option, and returns the path of the cover', async () => {
    const { client, sent } = await api(reply({ ...APPLIED, CoverStoragePath: '/dir/cover.png' }));
    const request = {
      ...{
        mediaType: 'mp4',
        mediaName: 'a',
        coverType: 'png',
        procedure: 'P',
        classId: 7,
        sourceContext: 'u1',
      },
      ...{ expireTime: '2031-01-01T00:00:00Z', storageRegion: 'ap-beijing', mediaStoragePath: '/a/b.mp4' },
    };
    expect(await client.applyUpload(request)).toMatchObject({ coverPath: 'dir/cover.png' });
    expect(sent()).toEqual([
      {
        ...{
          MediaType: 'mp4',
          MediaName: 'a',
          CoverType: 'png',
          Procedure: 'P',
          ClassId: 7,
          SourceContext: 'u1',
        },
        ...{ ExpireTime: '2031-01-01T00:00:00Z', StorageRegion: 'ap-beijing', MediaStoragePath: '/a/b.mp4' },
      },
    ]);
  });

  test.each<[string, object, string]>([
    ['no credentials', { TempCertificate: null }, 'TempCertificate'],
    [
      'credentials without a token',
      { TempCertificate: { ...CERTIFICATE, Token: '' } },
      'TempCertificate.Token',
    ],
    [
      'no end of the credentials',
      { TempCertificate: { ...CERTIFICATE, ExpiredTime: 0 } },
      'TempCertificate.Expired',
    ],
    ['no session key', { VodSessionKey: undefined }, 'VodSessionKey'],
    ['a bucket that is no part of a host name', { StorageBucket: 'a.evil.com/x' }, 'StorageBucket'],
    ['a region that is no part of a host name', { StorageRegion: 'x@y' }, 'StorageRegion'],
    ['no path', { MediaStoragePath: '/' }, 'MediaStoragePath'],
    ['a path that a URL changes', { MediaStoragePath: '/a/../b.mp4' }, 'MediaStoragePath'],
  ])(
    '%s: MALFORMED_REPLY that names the field and the request, and shows no secret',
    async (_, fields, name) => {
      const { client } = await api(reply({ ...APPLIED, ...fields }));
      const error = await failure(client.applyUpload({ mediaType: 'mp4' }));
      expect(error).toMatchObject({ action: 'ApplyUpload', code: 'MALFORMED_REPLY', outcomeUnknown: true });
      expect(error.message).toContain(`the reply has no valid ${name}`);
      expect(error.message).toContain('request id: request-7');
      for (const secret of [...Object.values(CERTIFICATE), APPLIED.VodSessionKey]) {
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(String(secret));
      }
    },
  );

  test('a reply that is cut shows no secret', async () => {
    const { client } = await api(reply(APPLIED).slice(0, -20));
    const shown = inspect(await failure(client.applyUpload({ mediaType: 'mp4' })), {
      depth: 9,
      showHidden: true,
    });
    expect(shown).toContain('the reply is not JSON');
    for (const secret of [...Object.values(CERTIFICATE), APPLIED.VodSessionKey])
      expect(shown).not.toContain(secret);
  });
});

describe('commitUpload', () => {
  test.each([
    ['"FileId":"5285890784246869930","MediaUrl":"http://a/f0.mp4","CoverUrl":""', 'http://a/f0.mp4'],
    ['"FileId":5285890784246869930,"MediaUrl":null', null],
  ])('%s', async (fields, url) => {
    const { client, sent } = await api(`{"Response":{${fields}}}`);
    expect(await client.commitUpload('key')).toEqual({ fileId: '5285890784246869930', url, coverUrl: null });
    expect(sent()).toEqual([{ VodSessionKey: 'key' }]);
  });

  test('of a session that is over is refused as such, with the id of the request', async () => {
    const { client } = await api(refusal('InvalidParameterValue.VodSessionKey', 'no session sessionKey1234'));
    const error = await failure(client.commitUpload('sessionKey1234'));
    expect(error).toMatchObject({
      name: 'VodError',
      kind: 'session',
      retryable: false,
      systemicCause: undefined,
    });
    expect(error.message).toBe(
      'CommitUpload refused with code InvalidParameterValue.VodSessionKey ' +
        '(the upload\'s session is unknown, expired or committed): "no session [redacted]". Request id: request-7.',
    );
  });
});

describe('events', () => {
  test('are returned without their handle; odd ones next to them are counted', async () => {
    const { client } = await api(
      `{"Response":{"EventSet":[{"EventHandle":"h1","EventType":"NewFileUpload","FileUploadEvent":{"FileId":14508071098244931831}},
        {"EventType":"X"},{"EventHandle":7},null,"text",{"EventHandle":"h6","deep":${'['.repeat(5000)}${']'.repeat(5000)}}]}}`,
    );
    const { events, unreadable } = await client.pullEvents();
    expect(unreadable).toBe(2);
    expect(events).toEqual([
      {
        msgHandle: 'h1',
        content: { EventType: 'NewFileUpload', FileUploadEvent: { FileId: '14508071098244931831' } },
      },
      { msgHandle: undefined, content: { EventType: 'X' } },
      { msgHandle: undefined, content: {} },
      { msgHandle: 'h6', content: expect.stringContaining('too many levels') },
    ]);
  });

  test.each([reply({}), reply({ EventSet: null }), reply({ EventSet: [] }), refusal('ResourceNotFound')])(
    '%s: there are none',
    async (text) => {
      expect(await (await api(text)).client.pullEvents()).toEqual({ events: [], unreadable: 0 });
    },
  );

  test('are confirmed, at most 16 at a time', async () => {
    const { client, sent } = await api(reply({}));
    await client.confirmEvents(['a', 'b']);
    expect(sent()).toEqual([{ EventHandles: ['a', 'b'] }]);
    await expect(client.confirmEvents(Array(17).fill('a'))).rejects.toThrow(RangeError);
  });
});

describe('stored videos', () => {
  test('processMediaByProcedure', async () => {
    const { client, sent } = await api(reply({ TaskId: 'task-1' }));
    expect(
      await client.processMediaByProcedure({ fileId: '7', procedure: 'P', sessionContext: 'c' }),
    ).toEqual({
      taskId: 'task-1',
    });
    expect(sent()).toEqual([{ FileId: '7', ProcedureName: 'P', SessionContext: 'c' }]);
  });

  test.each([
    [{ MediaInfoSet: [{ FileId: '7', BasicInfo: { MediaUrl: 'http://a' } }] }, { url: 'http://a' }],
    [{ MediaInfoSet: [{ FileId: '7', BasicInfo: null }], NotExistFileIdSet: null }, { url: null }],
    [{ MediaInfoSet: [], NotExistFileIdSet: ['7'] }, undefined],
  ])('describeMedia: %j', async (fields, expected) => {
    const { client, sent } = await api(reply(fields));
    expect(await client.describeMedia('7')).toEqual(expected);
    expect(sent()).toEqual([{ FileIds: ['7'], Filters: ['basicInfo'] }]);
  });

  test('describeMedia without a word about the video is malformed', async () => {
    const { client } = await api(reply({ MediaInfoSet: [{ FileId: '8' }] }));
    expect(await failure(client.describeMedia('7'))).toMatchObject({ code: 'MALFORMED_REPLY' });
  });

  test('searchMedia picks exact matches only', async () => {
    const media = (id: string, context: string | null) => ({
      FileId: id,
      BasicInfo: { MediaUrl: `http://${id}`, SourceInfo: { SourceType: 'Upload', SourceContext: context } },
    });
    const { client, sent } = await api(
      reply({
        MediaInfoSet: [media('1', 'u1'), media('2', 'u10'), media('3', null), { FileId: '4' }, 'odd'],
      }),
    );
    expect(
      await client.searchMedia({ sourceContext: 'u1', mediaName: 'a', createdAfterMs: NOW + 7 }),
    ).toEqual([{ fileId: '1', url: 'http://1', sourceContext: 'u1' }]);
    expect(sent()).toEqual([
      {
        Names: ['a'],
        CreateTime: { After: '2030-01-02T03:04:05Z', Before: '2030-01-03T03:04:05Z' },
        Sort: { Field: 'CreateTime', Order: 'Desc' },
        ...{ Filters: ['basicInfo'], Offset: 0, Limit: 1000 },
      },
    ]);
    expect(await client.searchMedia({ sourceContext: 'other' })).toEqual([]);
  });
});

const CODES: [string, FailureKind, string?][] = [
  ['AuthFailure', 'account', 'account'],
  ['AuthFailure.SignatureFailure', 'account', 'account'],
  ['AuthFailure.SecretIdNotFound', 'account', 'account'],
  ['AuthFailure.TokenFailure', 'account', 'account'],
  ['AuthFailure.SignatureExpire', 'resign'],
  ['UnauthorizedOperation', 'account', 'account'],
  ['UnauthorizedOperation.Anything', 'account', 'account'],
  ['OperationDenied', 'account', 'account'],
  ['IpInBlacklist', 'account', 'account'],
  ['IpNotInWhitelist', 'account', 'account'],
  ['FailedOperation.InvalidVodUser', 'account', 'account'],
  ['FailedOperation.InvalidAccount', 'account', 'account'],
  ['InvalidParameterValue.SubAppId', 'account', 'account'],
  ['RequestLimitExceeded', 'quota'],
  ['RequestLimitExceeded.UinLimitExceeded', 'quota'],
  ['LimitExceeded', 'quota'],
  ['LimitExceeded.Anything', 'quota'],
  ['InternalError', 'retryable'],
  ['InternalError.DBError', 'retryable'],
  ['FailedOperation', 'retryable'],
  ['FailedOperation.Anything', 'retryable'],
  ['FailedOperation.MediaTypeNotSupport', 'permanent'],
  ['ResourceUnavailable', 'retryable'],
  ['ResourceInsufficient', 'retryable'],
  ['ResourceInUse', 'retryable'],
  ['ServiceUnavailable', 'retryable', 'outage'],
  ['InvalidParameterValue.VodSessionKey', 'session'],
  ['InvalidParameter', 'permanent'],
  ['InvalidParameter.ExpireTime', 'permanent'],
  ['InvalidParameterValue', 'permanent'],
  ['InvalidParameterValue.MediaType', 'permanent'],
  ['MissingParameter', 'permanent'],
  ['UnknownParameter', 'permanent'],
  ['UnsupportedOperation', 'permanent'],
  ['ResourceNotFound', 'permanent'],
  ['RequestSizeLimitExceeded', 'permanent'],
  ['ResponseSizeLimitExceeded', 'permanent'],
  ['ActionOffline', 'permanent'],
  ['InvalidAction', 'permanent'],
  ['InvalidRequest', 'permanent'],
  ['NoSuchProduct', 'permanent'],
  ['NoSuchVersion', 'permanent'],
  ['UnsupportedProtocol', 'permanent'],
  ['UnsupportedRegion', 'permanent'],
  ['SomethingNew.Tail', 'retryable'],
  ['toString', 'retryable'],
];

describe('codes', () => {
  test.each(CODES)('%s is %s', async (code, kind, systemicCause) => {
    const { client } = await api(refusal(code), { clock: Date.now });
    const error = await failure(client.applyUpload({ mediaType: 'mp4' }));
    expect(error).toMatchObject({ name: 'VodError', action: 'ApplyUpload', code, kind, systemicCause });
    expect(error.retryable).toBe(['retryable', 'resign', 'quota'].includes(kind));
    expect(error.holdMs).toBe(kind === 'quota' ? api3Meaning(code).holdMs : undefined);
    expect(error.outcomeUnknown).toBe(false);
    expect(error.message).toContain('Request id: request-7.');
  });

  test('each row of the table is tested', () => {
    expect(CODES.map(([code]) => code)).toEqual(expect.arrayContaining(Object.keys(API3_MEANINGS)));
  });

  test.each<[string, Responder | string]>([
    ['a code that is no name', refusal('<b>')],
    ['no Response', '{"code":0}'],
    ['HTML', '<html>login</html>'],
    ['nothing', ''],
  ])('%s is MALFORMED_REPLY', async (_, respond) => {
    const { client } = await api(respond);
    expect(await failure(client.pullEvents())).toMatchObject({
      code: 'MALFORMED_REPLY',
      systemicCause: 'blocked',
      outcomeUnknown: true,
    });
  });

  test('an HTTP error is no answer, whatever its text', async () => {
    const { client } = await api((response) => response.writeHead(500).end(reply({})));
    expect(await failure(client.pullEvents())).toMatchObject({ name: 'VodTransportError', code: 'HTTP_500' });
  });
});

describe('checkKey', () => {
  test.each(['InvalidParameterValue.VodSessionKey', 'InternalError', 'ResourceNotFound'])(
    '%s proves the key',
    async (code) => {
      const { client, sent } = await api(refusal(code));
      expect([await client.checkKey(), await client.checkKey()]).toEqual([code, code]);
      const [first, second] = sent();
      expect(first).toEqual({ VodSessionKey: expect.any(String) });
      expect(second).not.toEqual(first);
    },
  );

  test.each([
    'AuthFailure.SignatureFailure',
    'AuthFailure.SignatureExpire',
    'UnauthorizedOperation',
    'RequestLimitExceeded',
    'InvalidParameterValue.SubAppId',
    'ServiceUnavailable',
  ])('%s does not', async (code) => {
    expect(await failure((await api(refusal(code))).client.checkKey())).toMatchObject({ code });
  });
});

describe("a wrong clock, according to the reply's Date", () => {
  /** A service that refuses timestamps that are more than 5 minutes off its own time. */
  const strict =
    (serviceMs: () => number): Responder =>
    (response, { headers }) => {
      response.setHeader('date', new Date(serviceMs()).toUTCString());
      const offMs = Number(headers['x-tc-timestamp']) * 1000 - serviceMs();
      response.end(
        Math.abs(offMs) > 300_000 ? refusal('AuthFailure.SignatureExpire') : reply({ EventSet: [] }),
      );
    };

  test.each([
    [3 * HOUR_MS, /clock is 3 h ahead of VOD's/],
    [-25 * HOUR_MS, /clock is 25 h behind VOD's/],
  ])('%i ms costs one refusal; then the corrected time is signed', async (aheadMs, words) => {
    const { server, client } = await api(strict(() => NOW - aheadMs));
    const error = await failure(client.pullEvents());
    expect(error).toMatchObject({
      kind: 'clock',
      systemicCause: 'clock',
      reason: 'signature',
      retryable: true,
    });
    expect(error.message).toMatch(words);
    await client.pullEvents();
    expect(server.seen[1]?.headers['x-tc-timestamp']).toBe(String((NOW - aheadMs) / 1000));
  });

  test('that is set later costs one more', async () => {
    let now = NOW + HOUR_MS;
    const { client } = await api(
      strict(() => NOW),
      { clock: () => now },
    );
    await failure(client.pullEvents());
    await client.pullEvents();
    now = NOW;
    expect(await failure(client.pullEvents())).toMatchObject({ kind: 'clock' });
    await client.pullEvents();
  });

  test('of less than a minute, or without a Date, is not blamed', async () => {
    for (const dateMs of [NOW - 59_000, undefined]) {
      const { client } = await api((response) => {
        if (dateMs === undefined) response.sendDate = false;
        else response.setHeader('date', new Date(dateMs).toUTCString());
        response.end(refusal('AuthFailure.SignatureExpire'));
      });
      expect(await failure(client.pullEvents())).toMatchObject({ kind: 'resign', systemicCause: undefined });
    }
  });
});

test('no error shows the key, the signature or the session key', async () => {
  const { server, client } = await api((response, { headers, body }) =>
    response.end(refusal('InternalError', `${headers.authorization} ${body}`)),
  );
  const error = await failure(client.commitUpload('plantedSessionKey=='));
  const shown = inspect(error, { depth: 9, showHidden: true });
  const signature = /Signature=(\w+)/.exec(server.seen[0]?.headers.authorization ?? '')?.[1] ?? 'none';
  expect(signature).toHaveLength(64);
  for (const secret of [CREDENTIALS.secretId, CREDENTIALS.secretKey, signature, 'plantedSessionKey==']) {
    expect(shown).not.toContain(secret);
  }
});

test('an endpoint that is no URL is refused', () => {
  expect(() => createApi3Client({ endpoint: 'vod', credentials: CREDENTIALS })).toThrow(
    'The API 3.0 endpoint must be an absolute URL, like https://vod.tencentcloudapi.com/.',
  );
});
