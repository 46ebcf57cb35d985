import { UploaderError } from '../../base/errors.ts';
import { parseEndpoint } from '../http/endpoint.ts';
import { percentEncode } from '../wire/sign.ts';

/** A bucket; its name ends with the number of the account that owns it. */
export interface CosBucket {
  readonly bucket: string;
  readonly region: string;
}

export const DEFAULT_COS_ENDPOINT = 'https://{bucket}.cos.{region}.myqcloud.com';

const ENDPOINT = { name: 'COS endpoint', example: DEFAULT_COS_ENDPOINT };

/** A part of a host's name, so that no bucket can turn requests to another host. */
const HOST_PART = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;

/** The URL of an object, or with the key '' of a bucket. Throws UploaderError (INVALID_OBJECT). */
export type ObjectUrl = (bucket: CosBucket, key: string) => URL;

/**
 * @param template with the placeholders `{bucket}` and `{region}`, each optional, in the host or the path
 * @throws {UploaderError} INVALID_ENDPOINT
 */
export function objectUrls(template: string): ObjectUrl {
  const filled = ({ bucket, region }: CosBucket) =>
    parseEndpoint(template.replaceAll('{bucket}', bucket).replaceAll('{region}', region), ENDPOINT);
  filled({ bucket: 'bucket-1', region: 'region-1' });
  return (bucket, key) => {
    if (!HOST_PART.test(bucket.bucket) || !HOST_PART.test(bucket.region)) {
      throw new UploaderError('INVALID_OBJECT', 'the bucket or its region is not part of a host name');
    }
    const url = filled(bucket);
    const path = `${url.pathname.replace(/\/$/, '')}/${key.split('/').map(percentEncode).join('/')}`;
    url.pathname = path;
    if (url.pathname !== path) {
      throw new UploaderError(
        'INVALID_OBJECT',
        'the key of the object has a segment . or .., which URLs lose',
      );
    }
    return url;
  };
}
