/**
 * vod-upload-worker: the producer API. Enqueue uploads here; workers (`vod-upload worker`) process them.
 *
 * Glossary:
 * - upload: the transfer of one file to VOD; a BullMQ job, which survives restarts of every process.
 * - part: a byte range of a file, identified by its offset; sent with one job and one request.
 * - attempt: one try of an upload, from start to end; a retry after a failure is the next attempt.
 * - event: a notification from VOD about a video, such as the end of its transcoding.
 */

export type { TranscodeOptions } from './backend/media.ts';
export { UploaderError } from './base/errors.ts';
export { KeyConflictError } from './client/key-conflict.ts';
export type { ListOptions } from './client/list-options.ts';
export type { Transcoding } from './client/transcodings.ts';
export type { Upload } from './client/upload.ts';
export { InvalidUploadError, type UploadOptions } from './client/upload-options.ts';
export { VodUploads } from './client/vod-uploads.ts';
export type { VodUploadsOptions } from './client/vod-uploads-options.ts';
export { ConfigError } from './config/config-error.ts';
export type { ReceivedEvent } from './events/vod-event-log.ts';
export { EventsMissedError } from './notify/missed-events.ts';
export type { Subscriber } from './notify/subscriber.ts';
export type {
  UploadCompletedEvent,
  UploadFailedEvent,
  UploadProgressEvent,
} from './notify/subscriber-events.ts';
export type { Subscription } from './notify/subscription.ts';
export { type ReceivedWebhook, verifyWebhook, WebhookVerificationError } from './notify/webhook/verify.ts';
export type { Failure } from './queue/failure.ts';
export type { UploadResult } from './queue/jobs/upload-result.ts';
export type { WebhookPayload } from './queue/jobs/webhook-payload.ts';
export type { Hold } from './quota/hold.ts';
export { RedisUnavailableError } from './redis/errors.ts';
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
  ProcedureStateChangedData,
  ProcedureTask,
  TranscodeCompleteData,
  TranscodedVideo,
  VodEvent,
} from './vod/wire/events.ts';
export type { PartSize } from './vod/wire/protocol.ts';
