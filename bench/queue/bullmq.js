'use strict';
// BullMQ's side of bench/queue. One measurement a call, one line of JSON on stdout:
//   node bullmq.js enqueue --port P --in-flight N --count C
//   node bullmq.js jobs    --port P --in-flight N --count C --concurrency K [--split]
//   node bullmq.js latency --port P --rate R --seconds S --concurrency K
// Processor time is that of this process, its worker process and the Redis server together.

const { fork } = require('node:child_process');
const { performance } = require('node:perf_hooks');
const { Queue, QueueEvents, Worker } = require('bullmq');
const IORedis = require('ioredis');

function parse(argv) {
  const out = { mode: argv[0], split: argv.includes('--split') };
  for (let i = 1; i < argv.length - 1; ++i)
    if (argv[i].startsWith('--') && !argv[i + 1].startsWith('--'))
      out[argv[i].slice(2).replace(/-(.)/g, (_, c) => c.toUpperCase())] = Number(argv[i + 1]);
  return out;
}

const args = parse(process.argv.slice(2));
const QUEUE = 'bench';
const payload = { video: '01hf7yat00dm2v3w4x5y6z7a8b' };
/// As Troupe's noop: 3 attempts, exponential backoff. Completed jobs stay, as they do in Troupe's history.
const jobOptions = { attempts: 3, backoff: { type: 'exponential', delay: 2000 } };

function connect() {
  return new IORedis({ host: '127.0.0.1', port: args.port, maxRetriesPerRequest: null });
}

/// { cpu: seconds, fsyncs } of the Redis server so far.
async function serverFigures(redis) {
  const info = await redis.info('cpu');
  const read = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)[1]);
  return read('used_cpu_sys') + read('used_cpu_user') + read('used_cpu_sys_children') + read('used_cpu_user_children');
}

function ownCpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/// Keeps `inFlight` calls of `one` running until `count` have been made.
async function keepInFlight(inFlight, count, one) {
  let next = 0;
  const lane = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
}

async function noWork() {}

function makeWorker() {
  return new Worker(QUEUE, noWork, { connection: connect(), concurrency: args.concurrency });
}

/// The worker in a process of its own: tells its parent how many are done.
async function runWorkerProcess() {
  const worker = makeWorker();
  let done = 0;
  worker.on('completed', () => ++done);
  worker.on('error', (e) => { console.error(e); process.exit(1); });
  await worker.waitUntilReady();
  setInterval(() => process.send({ done, cpu: ownCpu() }), 5);
  process.on('message', () => process.exit(0));
}

async function enqueue() {
  const redis = connect();
  const queue = new Queue(QUEUE, { connection: connect() });
  await queue.waitUntilReady();
  const server = await serverFigures(redis);
  const cpu = ownCpu();
  const start = performance.now();
  await keepInFlight(args.inFlight, args.count, () => queue.add('noop', payload, jobOptions));
  const seconds = (performance.now() - start) / 1000;
  const spent = ownCpu() - cpu + (await serverFigures(redis)) - server;
  return { per_second: args.count / seconds, seconds, cpu_us: (spent * 1e6) / args.count };
}

async function jobs() {
  const redis = connect();
  const queue = new Queue(QUEUE, { connection: connect() });
  await queue.waitUntilReady();
  let workerCpu = 0;
  let finished;
  const allDone = new Promise((resolve) => (finished = resolve));
  let worker;
  let child;
  if (args.split) {
    child = fork(__filename, ['worker', ...process.argv.slice(3)]);
    await new Promise((resolve) =>
      child.on('message', (m) => {
        workerCpu = m.cpu;
        if (m.done >= args.count) finished();
        resolve();
      }));
  } else {
    let done = 0;
    worker = makeWorker();
    worker.on('completed', () => ++done === args.count && finished());
    await worker.waitUntilReady();
  }
  const server = await serverFigures(redis);
  const cpu = ownCpu() + workerCpu;
  const start = performance.now();
  await keepInFlight(args.inFlight, args.count, () => queue.add('noop', payload, jobOptions));
  await allDone;
  const seconds = (performance.now() - start) / 1000;
  const spent = ownCpu() + workerCpu - cpu + (await serverFigures(redis)) - server;
  if (child) child.send('end');
  return { per_second: args.count / seconds, seconds, cpu_us: (spent * 1e6) / args.count };
}

function percentiles(xs) {
  xs.sort((a, b) => a - b);
  const at = (q) => xs[Math.min(xs.length - 1, Math.floor(xs.length * q))];
  return { p50: at(0.5), p99: at(0.99), max: xs[xs.length - 1] };
}

/// From the call of add to the events that a follower of the queue gets: added, running, done.
async function latency() {
  const redis = connect();
  const queue = new Queue(QUEUE, { connection: connect() });
  const events = new QueueEvents(QUEUE, { connection: connect() });
  const worker = makeWorker();
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
  // The first pass of every part compiles code; neither side counts it.
  const warm = args.rate * 2;
  const count = args.rate * args.seconds + warm;
  const started = new Map();
  const added = [], running = [], done = [];
  let left = count;
  let finished;
  const allDone = new Promise((resolve) => (finished = resolve));
  const note = (list, id) => {
    const s = started.get(id);
    if (s !== undefined && s.index >= warm) list.push(performance.now() - s.at);
  };
  events.on('active', ({ jobId }) => note(running, jobId));
  events.on('completed', ({ jobId }) => { note(done, jobId); --left === 0 && finished(); });
  const server = await serverFigures(redis);
  const cpu = ownCpu();
  const begin = performance.now();
  const submitOne = async (index) => {
    const at = performance.now();
    const jobId = `j${index}`;
    started.set(jobId, { at, index });
    await queue.add('noop', payload, { ...jobOptions, jobId });
    if (index >= warm) added.push(performance.now() - at);
  };
  let next = 0;
  await new Promise((resolve) => {
    const tick = () => {
      while (next < count && performance.now() >= begin + (next * 1000) / args.rate) submitOne(next++);
      if (next < count) setTimeout(tick, Math.max(0, begin + (next * 1000) / args.rate - performance.now()));
      else resolve();
    };
    tick();
  });
  await allDone;
  const spent = ownCpu() - cpu + (await serverFigures(redis)) - server;
  return { submitted_ms: percentiles(added), running_ms: percentiles(running), done_ms: percentiles(done),
           cpu_us: (spent * 1e6) / count };
}

async function main() {
  if (args.mode === 'worker') return runWorkerProcess();
  const measurements = { enqueue, jobs, latency };
  if (!measurements[args.mode]) throw new Error(`unknown measurement ${args.mode}: enqueue, jobs or latency`);
  const cleaner = connect();
  await cleaner.flushall();
  const figures = await measurements[args.mode]();
  console.log(JSON.stringify({ side: 'bullmq', ...args, ...figures }));
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
