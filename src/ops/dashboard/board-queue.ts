import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { STAGES, type Stage } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { dataOf, nameOf, progressOf, resultOf } from './formatters.ts';

export interface BoardOptions {
  readonly readOnly: boolean;
  readonly uploadsPath: string;
}

/** Bull Board's overview sorts by name, hence the numbers. */
const TITLES: Readonly<Record<Stage, { readonly displayName: string; readonly description: string }>> = {
  upload: {
    displayName: '1 Uploads',
    description: 'One job per upload. It decides the next step, and waits for its jobs in the other queues.',
  },
  hash: { displayName: '2 SHA-1', description: 'One job per upload: the SHA-1 of its file.' },
  init: {
    displayName: '3 InitUpload',
    description: 'One job per upload: asks VOD which parts it has. Limited by the account’s quota.',
  },
  part: {
    displayName: '4 Parts',
    description: 'One job per part of a file that VOD does not have. Limited by the account’s quota.',
  },
  finish: {
    displayName: '5 FinishUpload',
    description: 'One job per upload whose parts are all in VOD. Limited by the account’s quota.',
  },
  transcode: {
    displayName: '6 Transcoding',
    description: 'One job per video to transcode after its upload. Limited by the account’s quota.',
  },
  webhook: {
    displayName: '7 Webhooks',
    description: 'One job per ended upload and receiver. A failed one can be retried by itself.',
  },
  events: {
    displayName: '8 Events',
    description: 'One job per event from VOD, pulled or by callback: finds the uploads it is about.',
  },
};

/** The queues as Bull Board shows them, in processing order. */
export function boardQueues(queues: Queues, options: BoardOptions): BoardQueue[] {
  return STAGES.map((stage) => new BoardQueue(stage, queues, options));
}

/** The fields of a job that say which upload it belongs to. */
interface UploadJob {
  readonly id?: string | number | null | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: BullMQ's type; the data may be anything
  readonly data: any;
}

/** @returns undefined when the job belongs to no upload */
export function uploadIdOf(stage: Stage, { id, data }: UploadJob): string | undefined {
  const uploadId = stage === 'upload' ? id : data?.uploadId;
  return typeof uploadId === 'string' ? uploadId : undefined;
}

class BoardQueue extends BullMQAdapter {
  /** A completed upload has its video: nothing to retry. */
  override readonly allowCompletedRetries = false;

  constructor(stage: Stage, queues: Queues, { readOnly, uploadsPath }: BoardOptions) {
    super(queues[stage], {
      ...TITLES[stage],
      readOnlyMode: readOnly,
      externalJobUrl: (job) => {
        const uploadId = uploadIdOf(stage, job);
        if (uploadId === undefined) return { href: uploadsPath, displayText: 'all uploads' };
        return { href: `${uploadsPath}/${encodeURIComponent(uploadId)}`, displayText: 'upload page' };
      },
    });
    this.setFormatter('data', dataOf);
    if (stage !== 'upload') return;
    this.setFormatter('name', nameOf);
    this.setFormatter('progress', progressOf);
    this.setFormatter('returnValue', resultOf);
  }

  /** The workers set the limits, from the account's quota; false hides the button. */
  override get supportsGlobalRateLimit(): boolean {
    return false;
  }
}
