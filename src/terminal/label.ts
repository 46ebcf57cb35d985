import { basename } from 'node:path';
import { printable } from '../base/printable.ts';

/** The file name of an upload, to show to the user. */
export function labelOf({ source }: { readonly source: string }): string {
  return printable(basename(source));
}
