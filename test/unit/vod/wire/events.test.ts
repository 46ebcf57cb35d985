import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UploaderError } from '../../../../src/base/errors.ts';
import {
  canonicalJson,
  EVENT_TYPES,
  eventId,
  fileIdsOf,
  parseEvent,
} from '../../../../src/vod/wire/events.ts';

const FILE_ID = '14508071098244931831';

function event(eventType: string, data: unknown) {
  return parseEvent({ version: '4.0', eventType, data });
}

/** The same JSON with the keys of each object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, one]) => [name, reordered(one)]),
  );
}

describe('parseEvent', () => {
  test('the documents’ examples are typed, and keep unknown fields', () => {
    const uploaded = { fileId: FILE_ID, fileName: 'a', sourceType: 'ServerUpload', author: '', extra: [1] };
    expect(event('NewFileUpload', uploaded)).toEqual({
      type: 'NewFileUpload',
      eventType: 'NewFileUpload',
      data: uploaded,
    });
    const transcoded = {
      status: 0,
      message: '',
      vodTaskId: 'Transcode-1',
      fileId: FILE_ID,
      duration: 599,
      playSet: [{ url: 'http://v/f10.mp4', definition: 10, vbitrate: 149193, vheight: 240, vwidth: 320 }],
    };
    expect(event('TranscodeComplete', transcoded)).toMatchObject({
      type: 'TranscodeComplete',
      data: transcoded,
    });
    const failed = { status: -43001, message: '', fileId: FILE_ID, vodTaskId: 'Transcode-1' };
    expect(event('TranscodeComplete', failed)).toMatchObject({ type: 'TranscodeComplete', data: failed });
    const deleted = { status: 0, message: '', fileInfo: [{ fileId: FILE_ID }] };
    expect(event('FileDeleted', deleted)).toMatchObject({ type: 'FileDeleted', data: deleted });
  });

  test('an unknown type, and a known type of another form, are returned unchanged', () => {
    expect(event('ConcatComplete', { vodTaskId: 'c' })).toEqual({
      type: 'other',
      eventType: 'ConcatComplete',
      data: { vodTaskId: 'c' },
    });
    const odd = { fileId: FILE_ID, status: 'FINISH' };
    expect(event('TranscodeComplete', odd)).toEqual({
      type: 'other',
      eventType: 'TranscodeComplete',
      data: odd,
    });
    expect(parseEvent({ eventType: 'Bare' })).toEqual({ type: 'other', eventType: 'Bare', data: undefined });
    for (const name of ['constructor', 'toString', '__proto__']) {
      expect(event(name, 1)).toEqual({ type: 'other', eventType: name, data: 1 });
    }
  });

  test.each([
    [null],
    [1],
    ['text'],
    [[]],
    [{}],
    [{ eventType: 7 }],
    [{ eventType: 'a b' }],
    [{ eventType: '' }],
  ])('%j is not an event', (content) => {
    expect(() => parseEvent(content)).toThrow(UploaderError);
    expect(() => parseEvent(content)).toThrow('has no eventType');
  });

  test('any JSON is an event or an error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...EVENT_TYPES, 'Else'), (data, eventType) => {
        expect(EVENT_TYPES).toContain(event(eventType, data).type);
        for (const id of fileIdsOf(event(eventType, data))) expect(id).toMatch(/^\d{1,32}$/);
      }),
    );
  });
});

describe('fileIdsOf', () => {
  test.each([
    ['NewFileUpload', { fileId: '1' }, ['1']],
    ['TranscodeComplete', { fileId: '2', status: 0 }, ['2']],
    ['FileDeleted', { fileInfo: [{ fileId: '3' }, { fileId: '4' }] }, ['3', '4']],
    ['ProcedureStateChanged', { fileId: '5' }, ['5']],
    ['PullComplete', { FileId: '6' }, ['6']],
    ['ClipComplete', { srcFileId: '7', fileInfo: { fileId: '8' } }, ['7']],
    ['ConcatComplete', { fileId: 9 }, []],
    ['ConcatComplete', 'text', []],
    ['ConcatComplete', undefined, []],
  ])('of %s with %j', (eventType, data, expected) => {
    expect(fileIdsOf(event(eventType, data))).toEqual(expected);
  });
});

describe('eventId', () => {
  test('does not depend on the order of keys or on white space', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (content) => {
        const copy = JSON.parse(JSON.stringify(reordered(content), null, 2));
        expect(eventId(copy)).toBe(eventId(content));
      }),
    );
  });

  test('differs for different events, and is a valid job id', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(eventId(a) === eventId(b)).toBe(canonicalJson(a) === canonicalJson(b));
        expect(eventId(a)).toMatch(/^e[0-9a-f]{40}$/);
      }),
    );
    expect(eventId([1, 2])).not.toBe(eventId([2, 1]));
    expect(eventId({ a: { b: 1 } })).not.toBe(eventId({ a: {}, b: 1 }));
    expect(eventId('1')).not.toBe(eventId(1));
  });

  test('is equivalent JSON, of any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (content) => {
        expect(JSON.parse(canonicalJson(content))).toEqual(JSON.parse(JSON.stringify(content)));
      }),
    );
    const deep = JSON.parse(`${'['.repeat(2000)}${']'.repeat(2000)}`);
    expect(eventId(deep)).toBe(eventId(structuredClone(deep)));
  });
});
