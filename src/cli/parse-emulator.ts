import { InvalidArgumentError } from 'commander';
import { type Api3Action, isApi3Action } from '../emulator/protocol/api3-actions.ts';
import type { Api3QuotaLimits } from '../emulator/protocol/api3-quota.ts';
import { COS_ACTIONS, type CosAction } from '../emulator/protocol/cos-actions.ts';
import type { QuotaLimits } from '../emulator/protocol/quota.ts';

/*
 * Parsers of option values of `vod-upload emulator`, like those in parse.ts. Every command loads them, so they import
 * only lists of names from the emulator.
 */

const QUOTA_NAMES = ['init', 'part', 'finish', 'convert', 'pull', 'confirm'] as const;

/** `100,10000,100` in the order init, part, finish, convert, pull, confirm, or by name, `part=600`; 0 or missing: no limit. */
export function parseQuota(text: string): QuotaLimits {
  const limits: Partial<Record<(typeof QUOTA_NAMES)[number], number>> = {};
  for (const [index, entry] of text.split(',').entries()) {
    const [, word = QUOTA_NAMES[index], number] = /^\s*(?:(\w+)=)?(\d{1,9})\s*$/.exec(entry) ?? [];
    const name = QUOTA_NAMES.find((known) => known === word);
    if (name === undefined || number === undefined || limits[name] !== undefined) {
      throw new InvalidArgumentError(
        'It must be like 100,10000,100 (init,part,finish) or init=100,part=10000.',
      );
    }
    limits[name] = Number(number);
  }
  return limits;
}

/** `ApplyUpload=100,CommitUpload=100`; 0 or missing: no limit. */
export function parseQuotaPerSecond(text: string): Api3QuotaLimits {
  const limits: Partial<Record<Api3Action, number>> = {};
  for (const entry of text.split(',')) {
    const [, name = '', number] = /^\s*(\w+)=(\d{1,9})\s*$/.exec(entry) ?? [];
    if (!isApi3Action(name) || limits[name] !== undefined) {
      throw new InvalidArgumentError('It must be like ApplyUpload=100,CommitUpload=100.');
    }
    limits[name] = Number(number);
  }
  return limits;
}

/** `HeadObject,AbortMultipartUpload` */
export function parseCosActions(text: string): CosAction[] {
  return text.split(',').map((entry) => {
    const action = COS_ACTIONS.find((known) => known === entry.trim());
    if (action !== undefined) return action;
    throw new InvalidArgumentError(`It must be one or more of ${COS_ACTIONS.join(', ')}.`);
  });
}
