// node s3rver.js MODULES FOLDER BUCKET…: runs s3rver on a free port of 127.0.0.1 and prints the port.
const [modules, directory, ...buckets] = process.argv.slice(2);
const S3rver = require(`${modules}/@20minutes/s3rver`);

new S3rver({
  address: '127.0.0.1',
  port: 0,
  silent: true,
  directory,
  configureBuckets: buckets.map((name) => ({ name })),
}).run((error, { port } = {}) => {
  if (error) throw error;
  console.log(port);
});
