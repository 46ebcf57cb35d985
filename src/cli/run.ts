import type { CliContext } from '../terminal/context.ts';
import { reportError } from './errors.ts';
import { createProgram } from './program.ts';

/** Runs one command; never throws. @param argv without node and the script @returns the exit code */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  let exitCode = 0;
  try {
    const program = createProgram(context, (code) => {
      exitCode = code;
    });
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error, context);
  }
}
