import type { VodApi } from '../../vod/wire/protocol.ts';
import { VodError } from '../../vod/wire/vod-error.ts';

/** What is reported, by API, in the order of the report. */
export const POINTS = {
  v2: {
    initUpload: 'InitUpload answers',
    uploadPart: 'UploadPart',
    finishUpload: 'FinishUpload',
    url: 'form of the url',
    secondInit: 'InitUpload of the same file',
    secondFinish: 'second FinishUpload',
  },
  '2018-07-17': {
    applyUpload: 'ApplyUpload answers',
    clock: "this machine's clock",
    credentialsLife: 'life of the temporary credentials',
    putObject: 'PutObject',
    initiate: 'InitiateMultipartUpload',
    uploadPart: 'UploadPart',
    partEtag: 'ETag of a part',
    partCrc64: 'CRC-64 in replies to parts',
    listParts: 'ListParts',
    listUploads: 'ListMultipartUploads',
    abort: 'AbortMultipartUpload',
    newCredentials: 'credentials of a newer ApplyUpload for the old path',
    complete: 'CompleteMultipartUpload',
    completeCrc64: 'CRC-64 in the reply to Complete',
    head: 'HeadObject',
    headCrc64: 'CRC-64 in the reply to HEAD',
    commit: 'CommitUpload',
    url: 'form of the url',
    secondCommit: 'second CommitUpload of the session',
    describe: 'DescribeMediaInfos',
    search: 'SearchMedia by name and SourceContext',
    searchWithoutName: 'SearchMedia by SourceContext without a name',
  },
} as const satisfies Record<VodApi, Record<string, string>>;

type Point = keyof (typeof POINTS)['v2'] | keyof (typeof POINTS)['2018-07-17'];

/** What one call to the service may take. */
const CALL_TIMEOUT_MS = 60_000;

/** The answers to the points of one API. They have no secrets and no numbers of the account. */
export class Findings {
  readonly #answers = new Map<Point, string>();
  readonly #onAnswer: (point: Point, answer: string) => void;
  readonly #signal: AbortSignal;

  /**
   * @param onAnswer called for each answer
   * @param signal aborts all calls; later ones are not made
   */
  constructor(onAnswer: (point: Point, answer: string) => void, signal: AbortSignal) {
    this.#onAnswer = onAnswer;
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }

  set(point: Point, answer: string): void {
    this.#answers.set(point, answer);
    this.#onAnswer(point, answer);
  }

  /**
   * Makes one call, and sets the answer to a point by its result or its failure.
   * @param describe the answer, by the result
   * @returns undefined if the call failed
   */
  async ask<T>(
    point: Point,
    call: (signal: AbortSignal) => Promise<T>,
    describe: (result: T) => string = () => 'yes',
  ): Promise<T | undefined> {
    if (this.#signal.aborted) return undefined;
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    try {
      const result = await call(AbortSignal.any([this.#signal, timeout]));
      this.set(point, describe(result));
      return result;
    } catch (error) {
      this.set(
        point,
        timeout.aborted ? `no: no answer within ${CALL_TIMEOUT_MS / 1000} s` : failureText(error),
      );
      return undefined;
    }
  }

  answers(): ReadonlyMap<Point, string> {
    return this.#answers;
  }
}

/** The clients have removed secrets from the messages of their errors. */
export function failureText(error: unknown): string {
  if (!(error instanceof VodError)) return `no: unexpected ${error instanceof Error ? error.name : 'error'}`;
  return `no: ${withoutNumbers(error.message)}`;
}

/** Where a url has ids of the account or of the video, their kind. */
export function urlForm(url: string | null): string {
  if (url === null) return 'none';
  return withoutNumbers(
    url.replace(/[?#].*$/s, '?…').replace(/[0-9a-f]{16,}/gi, (id) => (/^\d+$/.test(id) ? id : '<hex>')),
  );
}

/** Numbers of accounts, buckets and videos have at least 5 digits. */
function withoutNumbers(text: string): string {
  return text.replace(/\d{5,}/g, '<digits>');
}
