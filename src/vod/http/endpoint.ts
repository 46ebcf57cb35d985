import { UploaderError } from '../../base/errors.ts';

/** What an endpoint is called in an error, and an example. */
export interface EndpointText {
  readonly name: string;
  readonly example: string;
}

const V2_ENDPOINT: EndpointText = { name: 'VOD endpoint', example: 'https://vod2.qcloud.com/v2/index.php' };

/** Parses an endpoint. Throws UploaderError (INVALID_ENDPOINT) that names the rule. */
export function parseEndpoint(endpoint: string | URL, { name, example }: EndpointText = V2_ENDPOINT): URL {
  // The message does not quote the endpoint, which may contain a password.
  const invalid = (rule: string) =>
    new UploaderError('INVALID_ENDPOINT', `The ${name} ${rule}, like ${example}.`);
  const url = URL.parse(String(endpoint));
  if (url === null) throw invalid('must be an absolute URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid('must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw invalid('must have no user or password in it');
  if (url.search !== '' || url.hash !== '') throw invalid('must have no query or fragment');
  return url;
}
