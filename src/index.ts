/**
 * vod-upload-worker: the producer's side. Enqueue uploads here; workers (`vod-upload worker`) carry them out.
 *
 * Glossary:
 * - upload: one file on its way into VOD; a job that outlives every process.
 * - part: a byte range of a file, identified by its offset; one job, one request.
 * - attempt: the try of an upload from its start to its end; a retry after a failure is the next.
 * - event: what VOD tells of a video by itself, such as that it has been transcoded.
 */
export { ConfigError } from './config.ts';
export { UploaderError } from './errors.ts';
export { EventsMissedError } from './queue/catch-up.ts';
export { KeyConflictError } from './queue/conflict.ts';
export { RedisUnavailableError } from './queue/connection.ts';
export type { Failure } from './queue/failure.ts';
export type { Hold } from './queue/hold.ts';
export type { UploadResult } from './queue/jobs.ts';
export { type ListOptions, type Upload, VodUploads, type VodUploadsOptions } from './queue/producer.ts';
export type { ReceivedEvent } from './queue/received-events.ts';
export {
  UploadFailedError,
  type UploadProgress,
  type UploadState,
  type UploadStatus,
} from './queue/status.ts';
export type { Subscriber, Subscription } from './queue/subscription.ts';
export type { TranscodeOptions, Transcoding } from './queue/transcodings.ts';
export type { UploadCompletedEvent, UploadFailedEvent, UploadProgressEvent } from './queue/upload-events.ts';
export { InvalidUploadError, type UploadOptions } from './queue/upload-options.ts';
export type { RedisCluster, RedisLocation, RedisSentinels } from './redis-location.ts';
export { SourceError } from './source/errors.ts';
export type {
  FileDeletedData,
  NewFileUploadData,
  TranscodeCompleteData,
  TranscodedVideo,
  VodEvent,
} from './vod/events.ts';
export type { PartSize } from './vod/protocol.ts';
export type { WebhookPayload } from './webhook/payload.ts';
export { type ReceivedWebhook, verifyWebhook, WebhookVerificationError } from './webhook/verify.ts';
