/** Cleanups are called in reverse order when the demo ends, also after an error. */
export type Cleanup = () => Promise<unknown>;
