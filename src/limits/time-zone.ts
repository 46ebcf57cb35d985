import { UploaderError } from '../base/errors.ts';

const MINUTE_MS = 60_000;

/** A time zone of the IANA database. Instants are milliseconds since 1970. */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws {UploaderError} `INVALID_LIMIT` when there is no time zone of this name */
  constructor(name: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        ...{ timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
        ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
      });
    } catch {
      throw new UploaderError(
        'INVALID_LIMIT',
        `there is no time zone "${name}"; it must be a name such as Europe/Berlin, Asia/Shanghai or UTC`,
      );
    }
    this.name = name;
  }

  /** Local time minus UTC. */
  offsetMs(atMs: number): number {
    const parts = this.#format.formatToParts(atMs);
    const [year = 0, month = 1, day, hour, minute, second] = [
      ...['year', 'month', 'day', 'hour', 'minute', 'second'],
    ].map((type) => Number(parts.find((part) => part.type === type)?.value));
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000;
  }

  /**
   * When the clocks are changed, after `fromMs` and up to `toMs`; undefined if they are not. Of two changes within the
   * time it finds one at most, so ask for a few days at a time.
   */
  clockChange(fromMs: number, toMs: number): number | undefined {
    const before = this.offsetMs(fromMs);
    if (this.offsetMs(toMs) === before) return undefined;
    // Clocks are changed at a full minute.
    let [low, high] = [Math.floor(fromMs / MINUTE_MS), Math.ceil(toMs / MINUTE_MS)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetMs(middle * MINUTE_MS) === before) low = middle;
      else high = middle;
    }
    return high * MINUTE_MS;
  }
}
