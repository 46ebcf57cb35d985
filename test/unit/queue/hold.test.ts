import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHold } from '../../../src/queue/hold.ts';

describe('parseHold', () => {
  it('reads a hold, and nothing else that may be in Redis', () => {
    const hold = { kind: 'outage', since: 1, code: 'NETWORK', message: 'm' };
    expect(parseHold(JSON.stringify(hold))).toEqual(hold);
    expect(parseHold(null)).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (value) => {
        expect(parseHold(value)).toBeUndefined();
      }),
    );
  });
});
