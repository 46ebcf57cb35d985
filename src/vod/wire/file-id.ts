import * as z from 'zod';

/** What VOD calls a video by: 17 to 20 digits by the document, and any digits will do. A number could not hold them. */
export const fileIdSchema = z.string().regex(/^\d{1,32}$/);
