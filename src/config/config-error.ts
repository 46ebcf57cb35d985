import { UploaderError } from '../base/errors.ts';

/** The environment is invalid. `problems` has one line per problem; all of them are found in one pass. */
export class ConfigError extends UploaderError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('CONFIG', `Configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}
