import { Refusal } from './reply.ts';
import type { PartParameters } from './upload-parameters.ts';

/** Checks offset and size of a part against the file size and the part size of its upload. */
export function checkPartFits(part: PartParameters, fileSize: number, partSize: number): void {
  const { offset, dataSize } = part;
  if (offset % partSize !== 0) {
    throw new Refusal(-10003, `offset is ${offset}, no multiple of the part size ${partSize}`);
  }
  if (offset >= fileSize) throw new Refusal(-10003, `offset is ${offset}, beyond the fileSize ${fileSize}`);
  const expected = Math.min(partSize, fileSize - offset);
  if (dataSize !== expected) {
    throw new Refusal(-10006, `dataSize is ${dataSize}, but the part at ${offset} has ${expected} bytes`);
  }
}

/** Checks a part against the request body. A wrong MD5 is retryable: the bytes may have been damaged on the way. */
export function checkPartBody(part: PartParameters, bodyBytes: number, bodyMd5: string): void {
  if (bodyBytes !== part.dataSize) {
    throw new Refusal(-10006, `dataSize is ${part.dataSize}, but the body has ${bodyBytes} bytes`);
  }
  if (bodyMd5 !== part.dataMd5) {
    throw new Refusal(-10003, `dataMd5 is ${part.dataMd5}, but that of the body is ${bodyMd5}`, 1);
  }
}
