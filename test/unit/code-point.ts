import fc from 'fast-check';

/**
 * Any character of Unicode, a third of them ASCII, control characters included. Strings have it for their unit:
 * fast-check's own, `binary`, takes most of a second to be made ready.
 */
export const codePoint: fc.Arbitrary<string> = fc
  .oneof(fc.nat(0x7f), fc.integer({ min: 0x80, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code));
