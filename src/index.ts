/**
 * vod-upload-worker: the producer's side. Enqueue uploads here; workers (`vod-upload worker`) carry them out.
 *
 * Glossary:
 * - upload: one file on its way into VOD; a job that outlives every process.
 * - part: a byte range of a file, identified by its offset; one job, one request.
 * - attempt: the try of an upload from its start to its end; a retry after a failure is the next.
 * - event: what VOD tells of a video by itself, such as that it has been transcoded.
 */

export { UploaderError } from './base/errors.ts';
export { KeyConflictError } from './client/key-conflict.ts';
export type { TranscodeOptions, Transcoding } from './client/transcodings.ts';
export { InvalidUploadError, type UploadOptions } from './client/upload-options.ts';
export { type ListOptions, type Upload, VodUploads, type VodUploadsOptions } from './client/vod-uploads.ts';
export { ConfigError } from './config/config.ts';
export type { ReceivedEvent } from './events/vod-event-log.ts';
export { EventsMissedError } from './notify/missed-events.ts';
export type {
  UploadCompletedEvent,
  UploadFailedEvent,
  UploadProgressEvent,
} from './notify/subscriber-events.ts';
export type { Subscriber, Subscription } from './notify/subscription.ts';
export { type ReceivedWebhook, verifyWebhook, WebhookVerificationError } from './notify/webhook/verify.ts';
export type { Failure } from './queue/failure.ts';
export type { UploadResult } from './queue/jobs/upload-result.ts';
export type { WebhookPayload } from './queue/jobs/webhook-payload.ts';
export type { Hold } from './quota/hold.ts';
export { RedisUnavailableError } from './redis/connection.ts';
export type { RedisCluster, RedisLocation, RedisSentinels } from './redis/location.ts';
export { SourceError } from './source/errors.ts';
export {
  UploadFailedError,
  type UploadProgress,
  type UploadState,
  type UploadStatus,
} from './status/status.ts';
export type {
  FileDeletedData,
  NewFileUploadData,
  TranscodeCompleteData,
  TranscodedVideo,
  VodEvent,
} from './vod/wire/events.ts';
export type { PartSize } from './vod/wire/protocol.ts';
