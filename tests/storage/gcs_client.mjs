// The test server for Google's protocol, driven by Google's own client for Node.
//   node gcs_client.mjs NODE_MODULES PORT
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const [modules, port] = process.argv.slice(2);
const { Storage } = createRequire(path.join(modules, 'x.js'))('@google-cloud/storage');
const storage = new Storage({
  apiEndpoint: `http://127.0.0.1:${port}`,
  projectId: 'p',
  useAuthWithCustomEndpoint: false,
  retryOptions: { autoRetry: false },
});
const refused = (code) => (error) => Number(error.code) === code;

const content = crypto.randomBytes(3 << 20);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gcs-client-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true }));
const local = path.join(folder, 'x.bin');
fs.writeFileSync(local, content);

await storage.createBucket('node-client', { location: 'EUROPE-WEST4', storageClass: 'STANDARD' });
const bucket = storage.bucket('node-client');
const read = async (name, range) => {
  const pieces = [];
  for await (const piece of bucket.file(name).createReadStream(range)) pieces.push(piece);
  return Buffer.concat(pieces);
};

// One session, one request: "Content-Range: bytes 0-*/3145728".
await bucket.upload(local, { destination: 'a/whole', resumable: true, validation: 'crc32c' });
assert.ok((await read('a/whole')).equals(content));
// The same without a known size: "bytes 0-*/*".
await pipeline(Readable.from([content, Buffer.from('end')]),
  bucket.file('a/unknown').createWriteStream({ resumable: true, validation: 'crc32c' }));
assert.ok((await read('a/unknown')).equals(Buffer.concat([content, Buffer.from('end')])));
// A session in chunks; a multipart upload; nothing at all.
await pipeline(Readable.from([content]),
  bucket.file('a/chunks').createWriteStream({ resumable: true, chunkSize: 262144 }));
assert.ok((await read('a/chunks')).equals(content));
await bucket.file('a/small').save('hello', { resumable: false, validation: 'md5' });
await bucket.file('a/empty').save('', { resumable: true });
assert.equal((await read('a/empty')).length, 0);

assert.ok((await read('a/whole', { start: 1000, end: 1999 })).equals(content.subarray(1000, 2000)));
const [files] = await bucket.getFiles({ prefix: 'a/', delimiter: '/' });  // more than a page
assert.deepEqual(files.map((file) => file.name),
  ['a/chunks', 'a/empty', 'a/small', 'a/unknown', 'a/whole']);
const [metadata] = await bucket.file('a/whole').getMetadata();
assert.equal(Number(metadata.size), content.length);
await bucket.file('a/small').setMetadata({ metadata: { key: 'value' } });
assert.equal((await bucket.file('a/small').getMetadata())[0].metadata.key, 'value');
await bucket.file('a/whole').copy('b/copy');
await bucket.combine(['b/copy', 'a/small'], 'b/both');
assert.equal((await read('b/both')).length, content.length + 5);

const absent = { preconditionOpts: { ifGenerationMatch: 0 }, resumable: false };
await assert.rejects(bucket.file('a/small', absent).save('x', absent), refused(412));
await assert.rejects(bucket.file('none').download(), refused(404));
await assert.rejects(storage.createBucket('Bad_NAME!'), refused(400));
// A checksum of something else is refused, and nothing is stored.
await assert.rejects(
  bucket.file('wrong').save('hello', { resumable: false, metadata: { crc32c: 'AAAAAA==' } }),
  refused(400));
await assert.rejects(bucket.file('wrong').download(), refused(404));

await bucket.deleteFiles({ force: true });
await bucket.delete();
console.log('Node: sessions of known and unknown size, chunks, multipart, ranges, pages, copy, ' +
  'compose, refusals, delete');
