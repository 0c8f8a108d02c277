// What each stock client is told when its node stops: until_stop.mjs FOLDER follows by all of them, says "open" once all have a block,
// and in the end, as JSON, each one's code and reason, and the code of a call once the node is gone, which a line of input tells.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { CARRIERS, tlsOf } from './carriers.mjs'
import { Schema } from './tallystick.mjs'

const [folder] = process.argv.slice(2)
const { address } = JSON.parse(readFileSync(`${folder}/facts.json`, 'utf8'))
const schema = new Schema('schema.bin')
const ledger = schema.service('Ledger')
const LIMIT = { timeoutMs: 60000 }

// What ended before the line came is handled in the same turn of the loop: after it, no connection of before is taken for a live one.
const gone = once(process.stdin, 'data').then(() => setImmediate())
const open = []
const ends = Object.entries(CARRIERS).map(async ([name, make]) => {
  const client = make(schema, address, tlsOf(folder, 'all'))
  const follow = client.stream(ledger, 'Follow', { fromHeight: 1n }, LIMIT)
  const first = follow.next()
  open.push(first)
  await first
  const end = await (async () => { for await (const each of follow) void each })().catch((error) => error)
  await gone
  const after = await client.unary(ledger, 'GetCheckpoint', {}, { timeoutMs: 5000 }).catch((error) => error)
  return [name, [end?.code, end?.detail?.reason, after.code]]
})
await Promise.all(open)
console.log('open')
console.log(JSON.stringify(Object.fromEntries(await Promise.all(ends))))
process.exit(0) // connections would be kept
