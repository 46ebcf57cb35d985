/** The actions of COS's XML API that the emulator has, by the names in its document. */
export const COS_ACTIONS = [
  'InitiateMultipartUpload',
  'UploadPart',
  'ListParts',
  'CompleteMultipartUpload',
  'AbortMultipartUpload',
  'ListMultipartUploads',
  'PutObject',
  'HeadObject',
  'GetObject',
  'HeadBucket',
] as const;
export type CosAction = (typeof COS_ACTIONS)[number];
