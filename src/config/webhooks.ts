import { parseSecret, SECRET_RULE } from '../notify/webhook/signature.ts';
import { publicUrlProblem, webhookUrlProblem } from '../notify/webhook/url.ts';
import { flag, integer, list, type Values } from './variable-types.ts';

export const WEBHOOK_VARIABLES = {
  WEBHOOK_URL: list.default([]),
  WEBHOOK_SECRETS: list
    .refine(
      (secrets) => secrets.every((secret) => parseSecret(secret) !== undefined),
      `must be ${SECRET_RULE}`,
    )
    .refine((secrets) => secrets.length <= 2, 'must be one secret, or two while one replaces the other')
    .default([]),
  WEBHOOK_ALLOW_PRIVATE: flag,
  WEBHOOK_RETRY_HOURS: integer(24, 0, 720),
};

/** Webhooks that report the end of each upload. */
export interface WebhookConfig {
  readonly webhooks: {
    /** Receivers for all uploads; each upload may name one more. */
    readonly urls: readonly string[];
    /** One secret of the form `whsec_…`, or two while one replaces the other; required when there are URLs. */
    readonly secrets: readonly string[];
    /** Whether receivers may be on this machine or in private networks, and use http://. */
    readonly allowPrivate: boolean;
    /** How long a failed delivery is retried. */
    readonly retryHours: number;
  };
}

export function webhookConfig(values: Values<typeof WEBHOOK_VARIABLES>, problems: string[]): WebhookConfig {
  const webhooks = {
    urls: values.WEBHOOK_URL,
    secrets: values.WEBHOOK_SECRETS,
    allowPrivate: values.WEBHOOK_ALLOW_PRIVATE,
    retryHours: values.WEBHOOK_RETRY_HOURS,
  };
  problems.push(...urlProblems(webhooks));
  if (webhooks.urls.length > 0 && webhooks.secrets.length === 0) {
    problems.push('WEBHOOK_SECRETS is not set, but WEBHOOK_URL is: webhooks are always signed');
  }
  return { webhooks };
}

function urlProblems({ urls, allowPrivate }: WebhookConfig['webhooks']): string[] {
  return urls.flatMap((url, index) => {
    const ofUrl = webhookUrlProblem(url);
    const ofPublic = ofUrl === undefined && !allowPrivate ? publicUrlProblem(url) : undefined;
    const problem = ofUrl ?? (ofPublic && `${ofPublic}, unless WEBHOOK_ALLOW_PRIVATE is 1`);
    const which = urls.length > 1 ? ` (URL ${index + 1} of ${urls.length})` : '';
    return problem === undefined ? [] : [`WEBHOOK_URL${which} ${problem}`];
  });
}
