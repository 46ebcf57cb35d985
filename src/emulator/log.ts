export type EmulatorLog = (fields: Record<string, unknown>, message: string) => void;
