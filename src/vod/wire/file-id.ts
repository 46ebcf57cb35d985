import * as z from 'zod';

/** VOD's id of a video: 17 to 20 digits according to the document. A string, because a JavaScript number can't hold it. */
export const fileIdSchema = z.string().regex(/^\d{1,32}$/);
