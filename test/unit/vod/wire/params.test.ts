import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  commonParams,
  confirmGroups,
  confirmParams,
  initParams,
  initQueryBytes,
} from '../../../../src/vod/wire/params.ts';
import { encodeQuery } from '../../../../src/vod/wire/sign.ts';

/** Of maximum length. */
const COMMON = {
  ...commonParams('ConfirmEvent', 'A'.repeat(64), {
    ...{ region: 'ap-guangzhou-open', signatureMethod: 'HmacSHA256', nowMs: 99_999_999_999_000 },
  }),
  Signature: '='.repeat(44),
};

it('the estimated length of a query of InitUpload is an upper bound', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 32 }), fc.nat(), (tags, fileSize) => {
      const request = { fileName: '视频', fileType: 'mp4', dataSize: 1048576, tags, classId: 7 } as const;
      const query = encodeQuery({
        ...initParams({ ...request, fileSize, fileSha: 'a'.repeat(40) }),
        ...COMMON,
      });
      const estimate = initQueryBytes(request);
      expect(estimate).toBeGreaterThanOrEqual(query.length);
      expect(estimate - query.length).toBeLessThan(400);
    }),
  );
});

it('events are confirmed in groups that fit into a URL each, without omissions', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 3000 }), { maxLength: 40 }), (handles) => {
      const groups = [...confirmGroups(handles)];
      expect(groups.flat()).toEqual(handles);
      for (const group of groups) {
        expect(group.length).toBeLessThanOrEqual(16);
        const { length } = encodeQuery({ ...confirmParams(group), ...COMMON });
        // A single handle is sent whatever its length.
        if (group.length > 1) expect(length).toBeLessThanOrEqual(8000);
      }
    }),
  );
});
