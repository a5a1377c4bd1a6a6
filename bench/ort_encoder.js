// Runs an ONNX encoder with onnxruntime-node on one sequence of made-up tokens, again and again: milliseconds of the median run.
// usage: node ort_encoder.js NODE_MODULES MODEL.onnx [TOKENS] [THREADS] [RUNS] [OUTPUT_FILE]
// The tokens are those of run_encoder.cpp. With OUTPUT_FILE the output is written there as float32.
'use strict';
const fs = require('fs');
const path = require('path');

const [modules, model, tokens = '128', threads = '1', runs = '10', outputFile = ''] = process.argv.slice(2);
if (!model) {
  console.error('usage: node ort_encoder.js NODE_MODULES MODEL.onnx [TOKENS] [THREADS] [RUNS] [OUTPUT_FILE]');
  process.exit(2);
}
const folder = path.resolve(modules, 'onnxruntime-node');
const ort = require(folder);
const vocabulary = 30522;

async function main() {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const count = Number(tokens);
  const ids = BigInt64Array.from({length: count}, (_, i) => BigInt((i * 7919) % vocabulary));
  const feeds = {
    input_ids: new ort.Tensor('int64', ids, [1, count]),
    attention_mask: new ort.Tensor('int64', new BigInt64Array(count).fill(1n), [1, count]),
  };
  const warm = 2;
  const times = [];
  let output;
  for (let i = 0; i < warm + Number(runs); ++i) {
    const start = process.hrtime.bigint();
    output = (await session.run(feeds)).last_hidden_state;
    if (i >= warm) times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  times.sort((a, b) => a - b);
  const half = times.length >> 1;
  const median = times.length % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
  if (outputFile) fs.writeFileSync(outputFile, Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength));
  const version = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version;
  console.log(JSON.stringify({milliseconds: median, version}));
}

main().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exit(1);
});
