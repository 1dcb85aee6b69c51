// A Kubernetes node for tests. It registers itself with GPUs, keeps its lease, runs the pods that
// the scheduler gives it as plain processes, reports how they do, and serves their logs to the API
// server. An image whose name contains "missing" cannot be pulled. Needs nothing but Node.
//   node test_node.mjs CLUSTER_FOLDER API_PORT NAME GPUS PORT
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';

const [folder, apiPort, name, gpus, port] = process.argv.slice(2);
const file = x => fs.readFileSync(path.join(folder, x));
const identity = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
const now = () => new Date().toISOString().replace(/\.\d+Z/, 'Z');

function call(method, where, body, type = 'application/json') {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': type } : {};
    const options = { ...identity, host: '127.0.0.1', port: apiPort, method, path: where, headers };
    const request = https.request(options, response => {
      let text = '';
      response.on('data', piece => { text += piece; });
      response.on('end', () => resolve({
        status: response.statusCode, body: text.startsWith('{') ? JSON.parse(text) : text }));
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}
const merge = (where, body) => call('PATCH', where, body, 'application/merge-patch+json');

// The node itself.

async function beat() {
  const amount = { cpu: '4', memory: '8Gi', pods: '20', 'nvidia.com/gpu': gpus };
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady',
    lastHeartbeatTime: now(), lastTransitionTime: now() };
  await merge(`/api/v1/nodes/${name}/status`, { status: {
    capacity: amount,
    allocatable: amount,
    conditions: [ready],
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: Number(port) } },
    nodeInfo: { kubeletVersion: 'v1.20.2', architecture: 'amd64', operatingSystem: 'linux',
      bootID: '', containerRuntimeVersion: 'none', kernelVersion: '', kubeProxyVersion: '',
      machineID: '', osImage: '', systemUUID: '' } } });
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const spec = { holderIdentity: name, leaseDurationSeconds: 40,
    renewTime: new Date().toISOString().replace('Z', '000Z') };
  const renewed = await merge(`${leases}/${name}`, { spec });
  if (renewed.status === 404) {
    await call('POST', leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease',
      metadata: { name, namespace: 'kube-node-lease' }, spec });
  }
}

// Pods.

const pods = new Map();  // by uid: {name, child, log, ended, leaving}
const podPath = pod => `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;

async function report(pod, phase, state) {
  const container = pod.spec.containers[0];
  await merge(`${podPath(pod)}/status`, { status: {
    phase, podIP: '10.77.1.1', hostIP: '127.0.0.1', startTime: pods.get(pod.metadata.uid)?.began,
    conditions: [{ type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: phase === 'Running' ? 'True' : 'False' }],
    containerStatuses: [{ name: container.name, image: container.image, imageID: container.image,
      ready: phase === 'Running', restartCount: 0, lastState: {}, state }] } });
}

async function environmentOf(pod) {
  const container = pod.spec.containers[0];
  const environment = { PATH: process.env.PATH, HOME: folder, HOSTNAME: pod.metadata.name };
  for (const from of container.envFrom ?? []) {
    const where = `/api/v1/namespaces/${pod.metadata.namespace}/secrets/${from.secretRef.name}`;
    const secret = await call('GET', where);
    if (secret.status !== 200) throw new Error(`secret "${from.secretRef.name}" not found`);
    for (const [key, value] of Object.entries(secret.body.data ?? {})) {
      environment[key] = Buffer.from(value, 'base64').toString();
    }
  }
  for (const { name: key, value } of container.env ?? []) environment[key] = value ?? '';
  return environment;
}

async function start(pod) {
  const container = pod.spec.containers[0];
  const entry = { name: pod.metadata.name, began: now(),
    log: path.join(folder, `pod-${pod.metadata.uid}.log`) };
  pods.set(pod.metadata.uid, entry);
  if (container.image.includes('missing')) {
    entry.ended = true;
    await report(pod, 'Pending', { waiting: { reason: 'ErrImagePull',
      message: `failed to resolve reference "${container.image}": not found` } });
    return;
  }
  let environment;
  try {
    environment = await environmentOf(pod);
  } catch (error) {
    entry.ended = true;
    await report(pod, 'Pending',
      { waiting: { reason: 'CreateContainerConfigError', message: error.message } });
    return;
  }
  // As the kubelet expands commands: only $$ can occur.
  const words = [...container.command ?? [], ...container.args ?? []]
    .map(word => word.replaceAll('$$', '$'));
  const output = fs.openSync(entry.log, 'a');
  entry.child = spawn(words[0], words.slice(1),
    { cwd: folder, env: environment, stdio: ['ignore', output, output], detached: true });
  await report(pod, 'Running', { running: { startedAt: entry.began } });
  const end = async (code, signal) => {
    const exitCode = signal ? 128 + os.constants.signals[signal] : code;
    entry.ended = true;
    await report(pod, exitCode === 0 ? 'Succeeded' : 'Failed', { terminated: { exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: entry.began,
      finishedAt: now() } });
    if (entry.leaving) await forget(pod);
  };
  entry.child.on('exit', end);
  entry.child.on('error', () => end(127, null));
}

// All processes of a pod.
function kill(entry) {
  try {
    process.kill(-entry.child.pid, 'SIGKILL');
  } catch {  // it has just ended
  }
}

const forget = pod => call('DELETE', `${podPath(pod)}?gracePeriodSeconds=0`);

async function leave(pod) {
  const entry = pods.get(pod.metadata.uid);
  if (!entry || entry.ended) return forget(pod);
  if (entry.leaving) return undefined;
  entry.leaving = true;
  entry.child.kill('SIGTERM');
  const grace = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  setTimeout(() => kill(entry), grace).unref();
  return undefined;
}

async function see({ type, object: pod }) {
  if (pod?.spec?.nodeName !== name) return;
  const entry = pods.get(pod.metadata.uid);
  if (type === 'DELETED' && entry?.child && !entry.ended) kill(entry);
  else if (pod.metadata.deletionTimestamp) await leave(pod);
  else if (!entry && pod.status.phase === 'Pending') await start(pod);
}

function watch() {
  const where = `/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3D${name}`;
  const request = https.request({ ...identity, host: '127.0.0.1', port: apiPort, path: where },
    response => {
      let text = '';
      response.on('data', piece => {
        text += piece;
        const lines = text.split('\n');
        text = lines.pop();
        for (const line of lines) see(JSON.parse(line)).catch(error => console.error(error));
      });
      response.on('end', () => setTimeout(watch, 500));
    });
  request.on('error', () => setTimeout(watch, 1000));
  request.end();
}

// Logs: GET /containerLogs/NAMESPACE/POD/CONTAINER?tailLines=N&follow=true

function serveLog(request, response) {
  const url = new URL(request.url, 'https://node');
  const [, what, , podName] = url.pathname.split('/');
  const entry = [...pods.values()].reverse().find(x => x.name === podName && fs.existsSync(x.log));
  if (what !== 'containerLogs' || !entry) {
    response.writeHead(404).end('no such log');
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain' });
  const tail = Number(url.searchParams.get('tailLines') ?? 0);
  const lines = fs.readFileSync(entry.log, 'utf8').split(/(?<=\n)/);
  let sent = tail ? Buffer.byteLength(lines.slice(0, -tail).join('')) : 0;
  const pump = () => {
    const all = fs.readFileSync(entry.log);
    if (all.length > sent) response.write(all.subarray(sent));
    sent = all.length;
    if (url.searchParams.get('follow') !== 'true' || entry.ended) response.end();
    else setTimeout(pump, 200);
  };
  pump();
}

process.on('SIGTERM', () => {
  for (const entry of pods.values()) if (entry.child && !entry.ended) kill(entry);
  process.exit(0);
});
await call('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name,
  labels: { 'kubernetes.io/hostname': name,
    'cloud.google.com/gke-accelerator': 'nvidia-tesla-t4' } } });
await beat();
setInterval(() => beat().catch(error => console.error(error.message)), 10000);
watch();
https.createServer({ cert: file('server.crt'), key: file('server.key') }, serveLog)
  .listen(Number(port), '127.0.0.1', () => console.log(`node ${name} is up`));
