import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../../../src/emulator/protocol/query.ts';
import { parseInit, parsePart } from '../../../../src/emulator/protocol/upload-parameters.ts';
import { refusalOf } from '../support.ts';

const sha = 'b4a5c70c76e79e01ab3a5c306de3d9eedeadeca9';
const init: Record<string, string> = {
  fileName: 'test',
  fileSha: sha,
  fileSize: '20350000',
  dataSize: '1048576',
  fileType: 'mp4',
};
const part: Record<string, string> = {
  fileSha: sha,
  offset: '0',
  dataSize: '5',
  dataMd5: '0bee89b07a248e27c83fc3d5951213c1',
};

function paramsOf(base: Record<string, string>, change: Record<string, string | undefined>) {
  const entries = Object.entries({ ...base, ...change }).filter(([, value]) => value !== undefined);
  return new Map(entries as [string, string][]);
}

describe('InitUpload parameters', () => {
  it('reads the document example', () => {
    const query = `fileName=test&fileSha=${sha}&fileSize=20350000&dataSize=1048576&fileType=mp4&tags.1=foo&tags.2=bar&isTranscode=1&isScreenshot=1&isWatermark=0&classId=12`;
    expect(parseInit(parseQuery(query))).toEqual({
      dataSize: 1048576,
      properties: {
        fileSha: sha,
        fileSize: 20350000,
        fileName: 'test',
        fileType: 'mp4',
        tags: ['foo', 'bar'],
        classId: 12,
        isTranscode: true,
        isScreenshot: true,
        isWatermark: false,
      },
    });
  });

  it('accepts tag.n sorted by n, and DataSize as in the table', () => {
    const params = paramsOf(init, { 'tag.10': 'c', 'tag.2': 'b', 'tags.1': 'a', dataSize: undefined });
    params.set('DataSize', '524288');
    expect(parseInit(params)).toMatchObject({ dataSize: 524288, properties: { tags: ['a', 'b', 'c'] } });
  });

  it.each(['a', 'x'.repeat(40), '视'.repeat(13), 'with space & more'])('accepts the name %s', (fileName) => {
    expect(parseInit(paramsOf(init, { fileName })).properties.fileName).toBe(fileName);
  });

  const refused: [string, Record<string, string | undefined>, number, RegExp][] = [
    ['41 bytes', { fileName: 'x'.repeat(41) }, -10003, /41 bytes/],
    ['42 bytes in 14 characters', { fileName: '视'.repeat(14) }, -10003, /42 bytes/],
    ['an empty name', { fileName: '' }, -10003, /fileName is missing/],
    ...[...'\\/:*?"<>'].map((character): [string, Record<string, string>, number, RegExp] => [
      `${character} in the name`,
      { fileName: `a${character}b` },
      -10003,
      /forbidden/,
    ]),
    ['no fileSha', { fileSha: undefined }, -10003, /fileSha is missing/],
    ['an upper-case fileSha', { fileSha: sha.toUpperCase() }, -10003, /lower-case/],
    ['a short fileSha', { fileSha: sha.slice(1) }, -10003, /40/],
    ['fileSize 0', { fileSize: '0' }, -10003, /fileSize is 0/],
    ['fileSize -1', { fileSize: '-1' }, -10003, /fileSize/],
    ['fileSize 1.5', { fileSize: '1.5' }, -10003, /not an integer/],
    ['fileSize 1e3', { fileSize: '1e3' }, -10003, /not an integer/],
    ['fileSize beyond integers', { fileSize: '9007199254740993' }, -10003, /not an integer/],
    ['no fileSize', { fileSize: undefined }, -10003, /fileSize is missing/],
    ['another dataSize', { dataSize: '524289' }, -10006, /524288, 1048576/],
    ['no dataSize', { dataSize: undefined }, -10003, /is missing/],
    ['no fileType', { fileType: undefined }, -10003, /fileType is missing/],
    ['a fileType with a dot', { fileType: '.mp4' }, -10003, /fileType/],
    ['isTranscode 2', { isTranscode: '2' }, -10003, /isTranscode/],
    ['isScreenshot true', { isScreenshot: 'true' }, -10003, /isScreenshot/],
    ['isWatermark empty', { isWatermark: '' }, -10003, /isWatermark/],
    ['classId abc', { classId: 'abc' }, -10003, /classId/],
    ['an empty tag', { 'tags.1': '' }, -10003, /tags.1/],
  ];
  it.each(refused)('refuses %s', (_, change, code, message) => {
    const refusal = refusalOf(() => parseInit(paramsOf(init, change)));
    expect(refusal).toMatchObject({ code, canRetry: 0, message: expect.stringMatching(message) });
  });
});

describe('UploadPart parameters', () => {
  it('reads a part', () => {
    expect(parsePart(paramsOf(part, {}))).toEqual({
      fileSha: sha,
      offset: 0,
      dataSize: 5,
      dataMd5: '0bee89b07a248e27c83fc3d5951213c1',
    });
  });

  const refused: [string, Record<string, string | undefined>, RegExp][] = [
    ['a negative offset', { offset: '-524288' }, /offset/],
    ['no offset', { offset: undefined }, /offset is missing/],
    ['no dataSize', { dataSize: undefined }, /dataSize is missing/],
    ['no dataMd5', { dataMd5: undefined }, /dataMd5 is missing/],
    ['an upper-case dataMd5', { dataMd5: '0BEE89B07A248E27C83FC3D5951213C1' }, /lower-case/],
    ['no fileSha', { fileSha: undefined }, /fileSha is missing/],
  ];
  it.each(refused)('refuses %s', (_, change, message) => {
    const refusal = refusalOf(() => parsePart(paramsOf(part, change)));
    expect(refusal).toMatchObject({ code: -10003, canRetry: 0, message: expect.stringMatching(message) });
  });
});
