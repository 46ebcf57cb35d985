import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty at the root of a trace. */
  readonly parentId: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | undefined;
  readonly attributes: Attributes;
  readonly failed: boolean;
  /** Message of the span's status. */
  readonly message: string;
  /** Resource attributes, of the process that sent the span. */
  readonly resource: Attributes;
}

/** A trace collector that accepts OTLP over HTTP (protobuf) and keeps everything. */
export interface Collector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** The received request bodies. */
  readonly received: readonly Buffer[];
  readonly headers: readonly IncomingHttpHeaders[];
  clear(): void;
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const received: Buffer[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const accepted = request.method === 'POST' && request.url === '/v1/traces';
    if (accepted) {
      received.push(body);
      headers.push(request.headers);
      spans.push(...parseTraces(body));
    }
    response.writeHead(accepted ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    received,
    headers,
    clear() {
      for (const list of [spans, received, headers]) list.length = 0;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Fields of a protobuf message by number: varints as bigint, everything else as bytes. */
type Fields = Map<number, (bigint | Buffer)[]>;

function fieldsOf(message: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    let value: bigint | Buffer;
    if (wireType === 0) value = varint();
    else {
      const length = wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint());
      value = message.subarray(at, at + length);
      at += length;
    }
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

const bytesIn = (fields: Fields, number: number): Buffer[] => (fields.get(number) ?? []) as Buffer[];
const textIn = (fields: Fields, number: number, encoding: BufferEncoding = 'utf8'): string =>
  bytesIn(fields, number)[0]?.toString(encoding) ?? '';
const numberIn = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0);

const KINDS = [undefined, 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUS_ERROR = 2;

/** Parses an `ExportTraceServiceRequest`; the field numbers are those of opentelemetry-proto. */
function parseTraces(body: Buffer): CollectedSpan[] {
  return bytesIn(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const [resource] = bytesIn(fieldsOf(resourceSpans), 1);
    const shared = resource === undefined ? {} : attributesIn(fieldsOf(resource), 1);
    return bytesIn(fieldsOf(resourceSpans), 2).flatMap((scopeSpans) =>
      bytesIn(fieldsOf(scopeSpans), 2).map((bytes): CollectedSpan => {
        const span = fieldsOf(bytes);
        const status = fieldsOf(bytesIn(span, 15)[0] ?? Buffer.alloc(0));
        return {
          traceId: textIn(span, 1, 'hex'),
          spanId: textIn(span, 2, 'hex'),
          parentId: textIn(span, 4, 'hex'),
          name: textIn(span, 5),
          kind: KINDS[numberIn(span, 6)],
          attributes: attributesIn(span, 9),
          failed: numberIn(status, 3) === STATUS_ERROR,
          message: textIn(status, 2),
          resource: shared,
        };
      }),
    );
  });
}

function attributesIn(fields: Fields, number: number): Attributes {
  return Object.fromEntries(
    bytesIn(fields, number).map((bytes) => {
      const pair = fieldsOf(bytes);
      const value = fieldsOf(bytesIn(pair, 2)[0] ?? Buffer.alloc(0));
      if (value.has(2)) return [textIn(pair, 1), numberIn(value, 2) === 1];
      if (value.has(3)) return [textIn(pair, 1), numberIn(value, 3)];
      const [double] = bytesIn(value, 4);
      return [textIn(pair, 1), double === undefined ? textIn(value, 1) : double.readDoubleLE()];
    }),
  );
}
