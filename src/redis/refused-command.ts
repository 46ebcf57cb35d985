/** What a command that can be done without answers; undefined when Redis refuses it. */
export async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isCommandRefused(error)) return undefined;
    throw error;
  }
}

/** Whether Redis refuses a command to this user (ACL), or does not know it, as managed ones do with some. */
function isCommandRefused(error: unknown): boolean {
  return error instanceof Error && /^(NOPERM|ERR unknown (sub)?command)/i.test(error.message);
}
