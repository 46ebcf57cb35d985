/** Ids that were sent as numbers. Not inside a string, where the quotes would be escaped. */
const NUMERIC_ID = /("(?:\w*fileId|msgHandle)"\s*:\s*)(-?\d+)(?=\s*[,}\]])/gi;

/**
 * JSON.parse, but ids that were sent as numbers become strings: a JavaScript number would lose their last digits.
 * @throws {SyntaxError}
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(NUMERIC_ID, '$1"$2"'));
}
