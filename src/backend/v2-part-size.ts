import { receivedIndices, tooManyParts } from '../upload/plan.ts';
import { PART_SIZES, type PartSize, type ReceivedPart } from '../vod/wire/protocol.ts';

/**
 * The part size that applies after InitUpload: the one that the service reported, else the one that fits most of the
 * received parts, else the requested one.
 */
export function bindingPartSize(args: {
  readonly fileSize: number;
  readonly requested: PartSize;
  readonly reported?: PartSize | undefined;
  readonly received: readonly ReceivedPart[];
}): PartSize {
  if (args.reported !== undefined) return args.reported;
  let best = args.requested;
  let bestFits = receivedIndices({ ...args, partSize: best }).length;
  for (const partSize of PART_SIZES) {
    // A file of this size can't have been started with such small parts.
    if (tooManyParts(args.fileSize, partSize) !== undefined) continue;
    const fits = receivedIndices({ ...args, partSize }).length;
    if (fits > bestFits) [best, bestFits] = [partSize, fits];
  }
  return best;
}
