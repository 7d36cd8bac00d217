// SPDX-License-Identifier: ISC
// What encode.c measures, of Node's encoder: prints the MB a second in the best of the runs.
//
//   node encode.js RUNS BLOCK < FILE
'use strict'

const [runs, block] = process.argv.slice(2).map(Number)
const data = require('fs').readFileSync(0)
let best = 0

for (let run = 0; run < runs; run++) {
    const begin = process.hrtime.bigint()

    for (let at = 0; at < data.length; at += block)
        data.toString('base64', at, at + block)
    best = Math.max(best, data.length / (Number(process.hrtime.bigint() - begin) / 1e3))
}
console.log(best.toFixed(1))
