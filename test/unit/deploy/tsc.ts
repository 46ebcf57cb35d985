import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { ROOT } from '../../support/process.ts';

/** A type of a module below test/unit/deploy. */
export interface TypeName {
  readonly module: string;
  readonly name: string;
}

export interface TypedLiteral {
  /** Without it, the one that all have. */
  readonly type?: string;
  /** JSON. */
  readonly literal: string;
}

/**
 * Compiles each of these as a literal of the type, which finds what no schema does: fields that there are not.
 * @returns tsc's complaints, by name
 */
export async function complaints(
  imported: TypeName,
  literals: Readonly<Record<string, TypedLiteral>>,
): Promise<Record<string, string[]>> {
  const dir = mkdtempSync(join(tmpdir(), 'vod-tsc-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const module = JSON.stringify(join(ROOT, 'test/unit/deploy', imported.module));
  for (const [name, { literal, type = imported.name }] of Object.entries(literals)) {
    const source = `import type { ${imported.name} } from ${module};\nexport const it: ${type} = ${literal};\n`;
    writeFileSync(join(dir, `${name}.ts`), source);
  }
  const compilerOptions = { types: [], rewriteRelativeImportExtensions: false };
  const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config));
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const output = await promisify(execFile)(process.execPath, [tsc, '--pretty', 'false'], { cwd: dir }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const found: Record<string, string[]> = {};
  for (const line of output.split('\n').filter((one) => /^\S/.test(one))) {
    const [, name = 'tsc', complaint = line] = /^([\w-]+)\.ts\(\d+,\d+\): (.*)$/.exec(line) ?? [];
    found[name] = [...(found[name] ?? []), complaint];
  }
  return found;
}
