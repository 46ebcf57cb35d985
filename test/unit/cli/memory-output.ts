import { Writable } from 'node:stream';
import type { CliContext, Output } from '../../../src/terminal/context.ts';

/** A stream that keeps what is written to it. */
export class MemoryOutput extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;

  constructor(terminal: { rows: number; columns?: number } | undefined = undefined) {
    super({ decodeStrings: false });
    this.isTTY = terminal !== undefined;
    this.columns = terminal?.columns ?? 100;
    this.rows = terminal?.rows ?? 24;
  }

  override _write(text: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += text;
    done();
  }
}

export function memoryContext(
  env: Record<string, string> = {},
): CliContext & { readonly out: MemoryOutput; readonly err: MemoryOutput } {
  const out: MemoryOutput & Output = new MemoryOutput();
  const err: MemoryOutput & Output = new MemoryOutput();
  return { env, out, err };
}
