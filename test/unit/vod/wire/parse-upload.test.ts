import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFinishReply, parseInitReply, parsePartReply } from '../../../../src/vod/wire/parse-upload.ts';
import type { FinishResult, InitResult } from '../../../../src/vod/wire/protocol.ts';
import type { Redact } from '../../../../src/vod/wire/redact.ts';
import type { Reply } from '../../../../src/vod/wire/reply.ts';
import { VodError, VodTransportError } from '../../../../src/vod/wire/vod-error.ts';
import { codePoint } from '../../code-point.ts';

const MD5 = '0123456789abcdef0123456789abcdef';
const URL = 'http://1251.vod2.myqcloud.com/f0.mp4';
const SHA1 = 'a'.repeat(40);

const PARSERS = { InitUpload: parseInitReply, UploadPart: parsePartReply, FinishUpload: parseFinishReply };
type Action = keyof typeof PARSERS;
const ACTIONS = Object.keys(PARSERS) as Action[];

const reply = (action: Action, text: string, redact: Redact = (text) => text): Reply => ({
  action,
  text,
  redact,
});
const parse = (action: Action, text: string, redact?: Redact) => PARSERS[action](reply(action, text, redact));
const init = (fields: unknown) => parse('InitUpload', JSON.stringify(fields));

function thrownBy(action: () => unknown): VodError {
  try {
    action();
  } catch (error) {
    if (error instanceof VodError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parseInitReply', () => {
  test('code 0 is created', () => {
    expect(init({ code: 0, message: '', codeDesc: 'Success', canRetry: 0, extra: [1] })).toEqual({
      kind: 'created',
    });
  });

  test("the document's example of code 1: one entry has dataSha, and no dataSize at the top", () => {
    const listParts = [
      { offset: 0, dataSize: 524288, dataMd5: MD5 },
      { offset: 524288, dataSize: 524288, dataSha: MD5.toUpperCase() },
    ];
    expect(init({ code: 1, message: 'part exists', listParts })).toEqual({
      kind: 'resumable',
      received: [
        { offset: 0, dataSize: 524288, dataMd5: MD5 },
        { offset: 524288, dataSize: 524288, dataMd5: MD5 },
      ],
    });
  });

  test.each([
    [1048576, 1048576],
    ['524288', 524288],
  ])('dataSize %j is read as %i', (dataSize, size) => {
    expect(init({ code: 1, dataSize, listParts: [] })).toEqual({
      kind: 'resumable',
      received: [],
      dataSize: size,
    });
  });

  test.each([[0], [1000], [-1], ['x'], [null], [{}], [524288.5]])('dataSize %j is ignored', (dataSize) => {
    expect(init({ code: 1, dataSize, listParts: [] })).toEqual({ kind: 'resumable', received: [] });
  });

  test.each([[{ code: 1 }], [{ code: 1, listParts: null }], [{ code: 1, listParts: [] }], [{ code: '1' }]])(
    '%j has no parts',
    (fields) => {
      expect(init(fields)).toEqual({ kind: 'resumable', received: [] });
    },
  );

  test('numbers may be strings', () => {
    expect(init({ code: '1', listParts: [{ offset: '0', dataSize: '5', dataMd5: MD5 }] })).toEqual({
      kind: 'resumable',
      received: [{ offset: 0, dataSize: 5, dataMd5: MD5 }],
    });
    expect(init({ code: '0' })).toEqual({ kind: 'created' });
  });

  test.each([
    [null],
    [7],
    [[]],
    [{}],
    [{ offset: 0 }],
    [{ offset: -1, dataSize: 5 }],
    [{ offset: 0, dataSize: 0 }],
    [{ offset: 0, dataSize: -5 }],
    [{ offset: 0.5, dataSize: 5 }],
    [{ offset: 0, dataSize: 1e300 }],
    [{ offset: Number.MAX_SAFE_INTEGER, dataSize: 1 }],
    [{ offset: '1e3', dataSize: 5 }],
    [{ offset: '', dataSize: 5 }],
  ])('the invalid entry %j is left out, the others stay', (entry) => {
    const good = { offset: 0, dataSize: 5, dataMd5: MD5 };
    expect(init({ code: 1, listParts: [good, entry, good] })).toEqual({
      kind: 'resumable',
      received: [good, good],
    });
  });

  test.each([[SHA1], [''], [5], [null], ['g'.repeat(32)]])(
    '%j is not an MD5: the entry has none',
    (dataMd5) => {
      expect(init({ code: 1, listParts: [{ offset: 0, dataSize: 5, dataMd5 }] })).toEqual({
        kind: 'resumable',
        received: [{ offset: 0, dataSize: 5 }],
      });
    },
  );

  test('code 2 is exists', () => {
    const fields = { code: 2, fileId: '5285890784246869930', url: URL };
    expect(init(fields)).toEqual({ kind: 'exists', fileId: '5285890784246869930', url: URL });
  });

  test.each([undefined, null, '', 5, {}])('a url %j becomes null, and the video exists', (url) => {
    const fileId = '5285890784246869930';
    expect(init({ code: 2, fileId, url })).toEqual({ kind: 'exists', fileId, url: null });
    expect(parse('FinishUpload', JSON.stringify({ code: 0, fileId, url }))).toEqual({ fileId, url: null });
  });

  test('a fileId without quotes keeps all its digits', () => {
    const text = `{"code":2,"fileId" : 5285890784246869931,"url":"${URL}"}`;
    expect(Number('5285890784246869931').toFixed(0)).not.toBe('5285890784246869931');
    expect(parse('InitUpload', text)).toEqual({ kind: 'exists', fileId: '5285890784246869931', url: URL });
  });

  test.each([
    ['""'],
    ['"12a"'],
    ['null'],
    ['true'],
    ['1.5'],
    ['-5'],
    ['5.2e18'],
    ['{}'],
    [`"${'1'.repeat(33)}"`],
    ['["5285890784246869930"]'],
  ])('fileId %s is malformed', (fileId) => {
    const error = thrownBy(() => parse('InitUpload', `{"code":2,"fileId":${fileId},"url":"${URL}"}`));
    expect(error).toBeInstanceOf(VodTransportError);
    expect(error).toMatchObject({ code: 'MALFORMED_REPLY', retryable: true, outcomeUnknown: true });
    expect(error.message).toContain('fileId');
  });
});

describe('refusals', () => {
  test.each(ACTIONS)("%s: a negative code is a VodError with the service's message", (action) => {
    const error = thrownBy(() => parse(action, '{"code":-10004,"message":"cache","canRetry":1}'));
    expect(error).not.toBeInstanceOf(VodTransportError);
    expect(error).toMatchObject({ action, code: '-10004', canRetry: 1, kind: 'retryable' });
    expect(error.message).toContain('cache');
  });

  test.each([
    ['1', 1],
    ['"1"', 1],
    ['true', 1],
    ['0', 0],
    ['"0"', 0],
    ['false', 0],
    ['2', undefined],
    ['"yes"', undefined],
    ['null', undefined],
    ['[1]', undefined],
  ])('canRetry %s is read as %s', (canRetry, read) => {
    const error = thrownBy(() =>
      parse('UploadPart', `{"code":"-1","canRetry":${canRetry},"message":7,"codeDesc":null}`),
    );
    expect(error).toMatchObject({ canRetry: read, code: '-1', retryable: read === 1 });
  });

  test.each([
    ['UploadPart', '{"code":1}'],
    ['UploadPart', '{"code":2}'],
    ['FinishUpload', '{"code":1}'],
    ['FinishUpload', '{"code":2,"fileId":"1","url":"u"}'],
    ['InitUpload', '{"code":3}'],
  ])('%s: a code that only another call documents is a refusal', (action, text) => {
    expect(thrownBy(() => parse(action as Action, text))).toMatchObject({
      name: 'VodError',
      action,
      kind: 'permanent',
    });
  });

  test('quotes from a reply are redacted', () => {
    const redact = (text: string) => text.replaceAll('hidden', '***');
    const refused = thrownBy(() =>
      parse('UploadPart', '{"code":-1,"message":"a hid\\u0064en b","codeDesc":"hidden"}', redact),
    );
    expect(refused.message).toContain('"***: a *** b"');
    expect(thrownBy(() => parse('UploadPart', '<html>hidden', redact)).message).toContain('<html>***');
  });
});

describe('malformed replies', () => {
  test.each([
    ['empty', ''],
    ['blank', ' \n'],
    ['HTML', '<html><body><h1>502 Bad Gateway</h1></body></html>'],
    ['truncated', '{"code":0,"mess'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '0'],
    ['without code', '{"message":"ok"}'],
    ['with code null', '{"code":null}'],
    ['with a fraction as code', '{"code":0.5}'],
    ['with a word as code', '{"code":"ok"}'],
    ['with an empty code', '{"code":""}'],
    ['with a huge code', '{"code":1e400}'],
    ['nested deep in objects', '{"a":'.repeat(200_000)],
  ])('%s: MALFORMED_REPLY from each call', (_, text) => {
    for (const action of ACTIONS) {
      const error = thrownBy(() => parse(action, text));
      expect(error).toMatchObject({ name: 'VodTransportError', code: 'MALFORMED_REPLY', retryable: true });
      expect(error.message.length).toBeLessThan(400);
    }
  });

  test('the depth of an unused field does not matter', () => {
    const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`;
    expect(parse('InitUpload', `{"code":0,"x":${deep}}`)).toEqual({ kind: 'created' });
  });

  test('listParts must be a list', () => {
    expect(thrownBy(() => init({ code: 1, listParts: 'x' })).message).toContain('no valid listParts');
  });
});

describe('any input', () => {
  const values = fc.oneof(
    fc.constantFrom(
      0,
      1,
      2,
      -1,
      -10004,
      4400,
      '0',
      '1',
      '2',
      524288,
      1048576,
      '5285890784246869930',
      MD5,
      URL,
      null,
    ),
    fc.jsonValue(),
  );
  const keys = ['code', 'message', 'codeDesc', 'canRetry', 'dataSize', 'listParts', 'fileId', 'url'];
  const entries = fc.array(
    fc.oneof(
      values,
      fc.record({ offset: values, dataSize: values, dataMd5: values, dataSha: values }, { requiredKeys: [] }),
    ),
  );
  const replies = fc.record(
    Object.fromEntries(keys.map((key) => [key, key === 'listParts' ? fc.oneof(entries, values) : values])),
    { requiredKeys: [] },
  );

  /** Each parser throws a VodError or returns a result that matches its type. */
  function check(text: string): void {
    for (const action of ACTIONS) {
      try {
        const result = parse(action, text) as InitResult | FinishResult | undefined;
        if (result === undefined) expect(action).toBe('UploadPart');
        else if ('fileId' in result) {
          expect(result.fileId).toMatch(/^\d{1,32}$/);
          expect(result.url).not.toBe('');
        } else if (result.kind === 'resumable') {
          expect([undefined, 524288, 1048576]).toContain(result.dataSize);
          for (const { offset, dataSize, dataMd5 } of result.received) {
            expect(offset >= 0 && dataSize > 0 && Number.isSafeInteger(offset + dataSize)).toBe(true);
            expect(dataMd5 ?? MD5).toMatch(/^[0-9a-f]{32}$/);
          }
        } else expect(result).toEqual({ kind: 'created' });
      } catch (error) {
        if (!(error instanceof VodError)) throw error;
      }
    }
  }

  test('replies with any values in the known fields', () => {
    fc.assert(
      fc.property(replies, (fields) => check(JSON.stringify(fields))),
      { numRuns: 300 },
    );
  });
  test('any JSON and any text', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string({ unit: codePoint })), check), { numRuns: 500 });
  });
  test('a truncated reply is always malformed', () => {
    const text = JSON.stringify({ code: 2, fileId: '5285890784246869930', url: URL });
    for (let length = 0; length < text.length; length += 1) {
      expect(thrownBy(() => parse('InitUpload', text.slice(0, length))).code).toBe('MALFORMED_REPLY');
    }
  });
});
