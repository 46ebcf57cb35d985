/** Codes for a wrong signature: -10002 in the upload API's document, 4100 in the codes common to all APIs. */
export const SIGNATURE_CODES = [-10002, 4100] as const;
export type SignatureCode = (typeof SIGNATURE_CODES)[number];
