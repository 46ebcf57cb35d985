import { expect, it } from 'vitest';
import { expiredValue, PART_SKIPPED, parsePartValue, partValue } from '../../../../src/queue/jobs/part.ts';

it.each([
  [partValue('sent', undefined), { outcome: 'sent' }],
  [partValue('same', undefined), { outcome: 'same' }],
  [partValue('sent', '00ff'), { outcome: 'sent', checksum: '00ff' }],
  [partValue('same', '00ff'), { outcome: 'same', checksum: '00ff' }],
  [PART_SKIPPED, { outcome: 'skipped' }],
  [expiredValue('InvalidParameterValue.X'), { outcome: 'expired', code: 'InvalidParameterValue.X' }],
  ['expired', { outcome: 'expired', code: 'SESSION_EXPIRED' }],
  // As workers of older versions return for a part that was sent, and as BullMQ stores it.
  [null, { outcome: 'sent' }],
])('the result %j of a part is read as it was meant', (value, expected) => {
  expect(parsePartValue(value)).toEqual(expected);
});
