import { describe, expect, it } from 'vitest';
import { hasCanRetry, parseAction } from '../../../../src/emulator/protocol/actions.ts';
import { parseQuery } from '../../../../src/emulator/protocol/query.ts';
import { refusalOf } from '../support.ts';

describe('actions', () => {
  it.each(['DescribeInstances', 'toString'])('refuses %s, which it does not have', (name) => {
    expect(refusalOf(() => parseAction(parseQuery(`Action=${name}`)))).toMatchObject({ code: 6100 });
  });

  it('refuses a request without Action', () => {
    expect(refusalOf(() => parseAction(parseQuery('Region=gz')))).toMatchObject({ code: -10001 });
  });

  it.each([
    ['UploadPart', true],
    ['PullEvent', false],
  ] as const)('parses %s; its replies have canRetry: %s', (name, canRetry) => {
    expect(parseAction(parseQuery(`Action=${name}`))).toBe(name);
    expect(hasCanRetry(name)).toBe(canRetry);
  });
});
