import { VodError, VodTransportError } from './vod-error.ts';

/**
 * A parser for the reply to a request that only checks the key. A refusal of the request proves that the key is accepted.
 * @param provesNothing refusals that may come before the key is checked
 * @returns a parser that returns the service's code. Throws as `parseInitReply` does when the service refuses the account,
 *   the clock or the age of the signature, or does not answer.
 */
export function keyCheckParser<Reply>(
  parse: (reply: Reply) => unknown,
  provesNothing: (refusal: VodError) => boolean = () => false,
): (reply: Reply) => string {
  return (reply) => {
    try {
      parse(reply);
      return '0';
    } catch (error) {
      if (!(error instanceof VodError) || error instanceof VodTransportError) throw error;
      if (error.systemicCause !== undefined || error.kind === 'resign' || provesNothing(error)) throw error;
      return error.code;
    }
  };
}
