/** The emulator's only bucket; the number after the hyphen is an account, as in all names of buckets. */
export const BUCKET = 'vod-emulator-1250000000';
