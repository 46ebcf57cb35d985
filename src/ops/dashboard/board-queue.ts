import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { STAGES, type Stage } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { dataOf, nameOf, progressOf, resultOf } from './formatters.ts';

export interface BoardOptions {
  readonly readOnly: boolean;
  readonly uploadsPath: string;
}

/** What people are told of each queue. Bull Board's overview sorts by name, hence the numbers. */
const TITLES: Readonly<Record<Stage, { readonly displayName: string; readonly description: string }>> = {
  upload: {
    displayName: '1 Uploads',
    description:
      'One job per upload. It decides what comes next, and waits for its jobs in the other queues.',
  },
  hash: { displayName: '2 SHA-1', description: 'One job per upload: the SHA-1 of its file.' },
  init: {
    displayName: '3 InitUpload',
    description: 'One job per upload: what does VOD have of it? Bound by the account’s quota.',
  },
  part: {
    displayName: '4 Parts',
    description: 'One job per part of a file that VOD lacks. Bound by the account’s quota.',
  },
  finish: {
    displayName: '5 FinishUpload',
    description: 'One job per upload whose parts are all there. Bound by the account’s quota.',
  },
  transcode: {
    displayName: '6 ConvertVodFile',
    description: 'One job per video that is to be transcoded after its upload. Bound by the account’s quota.',
  },
  webhook: {
    displayName: '7 Webhooks',
    description:
      'One job per end of an upload and receiver that is told of it. A failed one can be retried by itself.',
  },
  events: {
    displayName: '8 Events',
    description:
      'One job per event that VOD has told, by PullEvent or by callback: which uploads is it about?',
  },
};

/** The queues as Bull Board shows them, in the order of work. */
export function boardQueues(queues: Queues, options: BoardOptions): BoardQueue[] {
  return STAGES.map((stage) => new BoardQueue(stage, queues, options));
}

/** The fields of a job that tell which upload it is of. */
interface Belongs {
  readonly id?: string | number | null | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as BullMQ has it; anybody may have written it
  readonly data: any;
}

/** @returns undefined when it is no job of ours */
export function uploadIdOf(stage: Stage, { id, data }: Belongs): string | undefined {
  const uploadId = stage === 'upload' ? id : data?.uploadId;
  return typeof uploadId === 'string' ? uploadId : undefined;
}

class BoardQueue extends BullMQAdapter {
  /** A completed upload has its video; there is nothing to do again. */
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

  /** The limits are the account's quota, and for the workers to set; false takes their button away. */
  override get supportsGlobalRateLimit(): boolean {
    return false;
  }
}
