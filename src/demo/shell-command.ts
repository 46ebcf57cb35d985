/** A command line for a POSIX shell, with environment variables before it. */
export function shellCommand(words: readonly string[], variables: Readonly<Record<string, string>>): string {
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${shellQuoted(value)}`);
  return [...assignments, ...words.map(shellQuoted)].join(' ');
}

function shellQuoted(word: string): string {
  return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
