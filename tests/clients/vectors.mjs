// The integrators' verifier in Node, on the vectors that any verifier is held against (see tests/unit/test_verify_vectors.c):
//   vectors.mjs FILE
//   vectors.mjs --flips PROGRAM SEED COUNT    on vectors of a few flipped bits, with the first verifier's verdicts
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { verify } from '../../node/rpc/examples/node/verify.mjs'

const [first, program, ...rest] = process.argv.slice(2)
const flips = first === '--flips'
const text = flips ? execFileSync(program, ['--flips', ...rest], { encoding: 'ascii', maxBuffer: 1 << 30 }) : readFileSync(first, 'ascii')
const [[, chain, , ...keys], ...vectors] = text.trim().split('\n').map((line) => line.split(' '))
const hex = (digits) => Buffer.from(digits, 'hex')
const genesis = { chain: hex(chain), keys: keys.map(hex) }

// What was verified before is verified first, however old it is.
function verdictOf (data, options) {
  try {
    const trust = { ...genesis }
    if (options.known) trust.known = verify(genesis, hex(options.known))
    if (options.since) trust.base = verify(genesis, hex(options.since)).base
    if (options.inquiry) trust.inquiry = hex(options.inquiry)
    trust.minHeight = options.min_height
    trust.minTime = options.min_time_ms
    verify(trust, hex(data))
    return 'OK'
  } catch (error) {
    return error.message
  }
}

let wrong = 0
for (const [name, reason, data, ...options] of vectors) {
  const verdict = verdictOf(data, Object.fromEntries(options.map((option) => option.split('='))))
  if (verdict === reason && !(flips && verdict === 'OK')) continue
  console.log(`${name}: ${verdict}, not ${reason}: ${data}`)
  wrong++
}
console.log(`${vectors.length} vectors, ${wrong} wrong`)
process.exit(wrong || vectors.length === 0 ? 1 : 0)
