const CR = 13;

/** End of the RESP value that starts at `from`; undefined when it is incomplete. */
function endOfValue(bytes: Buffer, from: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd === -1) return undefined;
  const next = lineEnd + 2;
  const length = (): number => Number(bytes.toString('latin1', from + 1, lineEnd));
  switch (String.fromCharCode(bytes[from] ?? CR)) {
    case '$':
    case '!':
    case '=': {
      const end = length() < 0 ? next : next + length() + 2;
      return end <= bytes.length ? end : undefined;
    }
    case '*':
    case '~':
    case '>':
      return endOfValues(bytes, next, length());
    case '%':
      return endOfValues(bytes, next, 2 * length());
    default:
      return next;
  }
}

function endOfValues(bytes: Buffer, from: number, count: number): number | undefined {
  let end: number | undefined = from;
  for (let index = 0; index < count && end !== undefined; index++) end = endOfValue(bytes, end);
  return end;
}

/** Splits the bytes of a Redis connection, in one direction, into RESP values: commands or replies. */
export class RespStream {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the values that these bytes complete */
  push(bytes: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const values: Buffer[] = [];
    for (;;) {
      const end = endOfValue(this.#rest, 0);
      if (end === undefined) return values;
      values.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Parses the words of a command. */
export function wordsOf(command: Buffer): string[] {
  return command
    .toString('latin1')
    .split('\r\n')
    .filter((_, line) => line > 0 && line % 2 === 0)
    .filter((word) => word !== '');
}
