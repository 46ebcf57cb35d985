import { PART_SIZES } from '../../vod/wire/protocol.ts';

/** Priority levels of uploads: 1 goes first, 10 last. */
export const PRIORITY = { first: 1, normal: 5, last: 10 } as const;

/** Parts of all uploads of a level interleave by index, so that a clip does not wait for a film enqueued before it. */
export const PART_INDICES_PER_LEVEL = 2 ** 17;

/** Priority of a part job. Within BullMQ's limit of 2^21 − 1 for every level and index. */
export function partPriority(level: number, index: number): number {
  return level * PART_INDICES_PER_LEVEL + Math.min(index + 1, PART_INDICES_PER_LEVEL - 1);
}

/** Priority of a hash job: that of the file's last part, so that smaller files are hashed first. */
export function hashPriority(level: number, fileSize: number, partSize: number = PART_SIZES[1]): number {
  return partPriority(level, Math.floor(fileSize / partSize));
}
