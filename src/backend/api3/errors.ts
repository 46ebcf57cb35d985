import type { VodAction } from '../../vod/wire/protocol.ts';
import { VodError } from '../../vod/wire/vod-error.ts';

/** The session of an upload is over: the upload begins anew. */
export function sessionError(action: VodAction, code: string, reason: string): VodError {
  return new VodError(`${action}: ${reason}; the upload begins anew`, {
    ...{ action, code, kind: 'session', reason: 'vod' },
  });
}

/** VOD has something else than was sent: the parts are compared with the file. */
export function partsError(code: string, reason: string): VodError {
  return new VodError(`CompleteMultipartUpload not called: ${reason}`, {
    ...{ action: 'CompleteMultipartUpload', code, kind: 'permanent', reason: 'vod' },
  });
}

/** Repeating the request can help. */
export function passingError(action: VodAction, code: string, reason: string): VodError {
  return new VodError(`${action}: ${reason}`, { action, code, kind: 'retryable', reason: 'vod' });
}

/** Whether the session's credentials have no right to a call although they are valid. */
export function isRefused(error: unknown): boolean {
  return error instanceof VodError && (error.code === 'AccessDenied' || error.code === 'MethodNotAllowed');
}

export function isNoSuchUpload(error: unknown): boolean {
  return error instanceof VodError && error.code === 'NoSuchUpload';
}

export function isUnknownSession(error: unknown): boolean {
  return error instanceof VodError && error.code === 'InvalidParameterValue.VodSessionKey';
}

export function isSessionOver(error: unknown): boolean {
  return error instanceof VodError && error.kind === 'session';
}
