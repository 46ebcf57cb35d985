import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DOCUMENTED_CODE_LABELS, documentedCodeLabel } from '../../../src/vod/code-labels.ts';

describe('documentedCodeLabel', () => {
  test.each([
    ['-10004', '-10004'],
    ['4400', '4400'],
    ['5100', '5100'],
    ['5300', '5xxx'],
    ['TIMEOUT', 'TIMEOUT'],
    ['HTTP_502', 'HTTP_5xx'],
    ['HTTP_404', 'HTTP_4xx'],
    ['HTTP_413', 'HTTP_4xx'],
    ['HTTP_429', 'HTTP_429'],
    ['HTTP_304', 'other'],
    ['InvalidParameterValue.VodSessionKey', 'InvalidParameterValue.VodSessionKey'],
    ['InvalidParameterValue.MediaType', 'InvalidParameterValue'],
    ['AuthFailure.SignatureFailure', 'AuthFailure'],
    ['Unheard.Of', 'other'],
    ['toString.x', 'other'],
    ['NoSuchUpload', 'NoSuchUpload'],
    ['-123', 'other'],
    ['51000', 'other'],
    ['toString', 'other'],
    ['', 'other'],
  ])('%s is counted as %s', (code, label) => {
    expect(documentedCodeLabel(code)).toBe(label);
  });

  test('has only the listed values', () => {
    const labels = new Set([...DOCUMENTED_CODE_LABELS, 'other']);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (code) =>
        labels.has(documentedCodeLabel(code)),
      ),
    );
    expect(labels.size).toBeLessThan(110);
  });
});
