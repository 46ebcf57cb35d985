/** A file with one JSON line per change, read at the next start. Nothing is fsynced. */
import fs from 'node:fs';

/** Reads all lines. An incomplete last line (after a crash) is dropped, from the file too. */
export function readJournal<T>(file: string): T[] {
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) fs.truncateSync(file, Buffer.byteLength(whole));
  if (whole === '') return [];
  return whole
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

export function appendJournal(file: string, line: object): void {
  fs.appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Replaces all lines atomically. */
export function replaceJournal(file: string, lines: readonly object[]): void {
  fs.writeFileSync(`${file}.tmp`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  fs.renameSync(`${file}.tmp`, file);
}
