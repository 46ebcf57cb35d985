import type { CredentialFiles } from './credentials.ts';
import type { RedisLocation } from './location.ts';
import type { Refusal } from './refusals.ts';

/** Redis address, and the CAs and credential files to use with it. */
export interface RedisTarget extends CredentialFiles {
  readonly location: RedisLocation;
  /** PEM certificates of the CAs to trust for TLS; default those that Node trusts. */
  readonly ca?: string | undefined;
  /** Called each time a server or a sentinel refuses a connection. */
  readonly onRefusal?: (refusal: Refusal) => void;
}
