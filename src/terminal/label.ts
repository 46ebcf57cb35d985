import { basename } from 'node:path';
import { printable } from '../base/format.ts';

/** What the user calls an upload: its file's name. */
export function labelOf({ source }: { readonly source: string }): string {
  return printable(basename(source));
}
