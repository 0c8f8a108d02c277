// The whole service surface by one stock client: services.mjs CARRIER FOLDER, where FOLDER has what test_stock_node.py writes.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CARRIERS, Failed, tlsOf } from './carriers.mjs'
import { Member, Schema, today, validators } from './tallystick.mjs'
import { verify } from './verify.mjs'

const [carrierName, folder] = process.argv.slice(2)
const { address, chainId: chainHex, events: eventsThere, openReads } = JSON.parse(readFileSync(`${folder}/facts.json`, 'utf8'))
const CANCELLED = 1
const INVALID = 3
const DEADLINE = 4
const NOT_FOUND = 5
const DENIED = 7
const EXHAUSTED = 8
const PRECONDITION = 9
const OUT_OF_RANGE = 11
const UNIMPLEMENTED = 12
const UNAUTHENTICATED = 16
const LIMIT = { timeoutMs: 60000 }

const schema = new Schema('schema.bin')
const [ledger, credit, memberService, node] = ['Ledger', 'Credit', 'Member', 'Node'].map((name) => schema.service(name))
const health = schema.registry.findService('grpc.health.v1.Health')
const make = (name) => CARRIERS[carrierName](schema, address, tlsOf(folder, name))
const client = make('all')
const chainId = Buffer.from(chainHex, 'hex')
const member = new Member(schema, 1, Buffer.from(readFileSync(`${folder}/signing.key`, 'ascii').trim(), 'hex'), chainId)
const trust = { chain: chainId, keys: validators(`${folder}/genesis.json`) }

async function refused (call, code, reason) {
  try {
    await call()
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    assert.equal(error.code, code, error.message)
    if (reason !== undefined) assert.equal(error.detail.reason, reason, error.message)
    return error.detail
  }
  assert.fail(`code ${code} was expected`)
}

async function all (stream) {
  const out = []
  for await (const each of stream) out.push(each)
  return out
}

const item = () => ({ case: 'itemId', value: randomBytes(16) })
const opening = (subject, ref = randomBytes(16), by = member) => by.event('ACCOUNT_OPEN', subject, new (schema.message('AccountOpenBody'))(), {
  eventDate: today() - 60,
  key: { case: 'account', value: { ref, seq: 0, prev: new Uint8Array(32) } },
  publicFields: { case: 'accountOpen', value: { accountType: 2, currency: 156 } }
})
const submit = (events, waitFor = 'FINAL', by = client) =>
  by.unary(ledger, 'SubmitBatch', { batch: member.batch(events), waitFor: schema.number('WaitFor', waitFor) }, LIMIT)

const checks = {
  async 'every call is answered' () {
    const status = await client.unary(node, 'GetStatus', {}, LIMIT)
    assert.equal(Buffer.compare(status.chainId, chainId), 0)
    assert.equal((await client.unary(node, 'GetPeers', {}, LIMIT)).peers.length, 4)
    assert.equal((await client.unary(memberService, 'GetMembers', {}, LIMIT)).members[0].id, 1)
    assert.equal((await client.unary(memberService, 'GetPolicy', {}, LIMIT)).policy.name, 'dev')
    assert.equal((await client.unary(memberService, 'GetRegister', {}, LIMIT)).members[0].id, 1)
    assert.equal((await client.unary(memberService, 'GetProposals', {}, LIMIT)).open.length, 0)

    const [subject, ref] = [randomBytes(32), randomBytes(16)]
    const event = opening(subject, ref)
    const eventId = member.eventId(event)
    const accepted = await submit([opening(randomBytes(32))], 'ACCEPTED')
    assert.deepEqual([accepted.batchDigest.length, accepted.results.length], [32, 0])
    const final = await submit([opening(randomBytes(32))])
    assert.equal(final.results[0].resultName, 'OK')
    const { results: [result] } = await submit([event], 'CHECKPOINTED')
    assert.equal(Buffer.compare(result.eventId, eventId), 0)

    for (const by of [{ case: 'eventId', value: eventId }, { case: 'position', value: { height: result.height, index: result.index } }]) {
      const { receipt } = await client.unary(ledger, 'GetReceipt', { by }, LIMIT)
      const proven = verify(trust, Buffer.from(receipt.toBinary()))
      assert.deepEqual([proven.height, proven.index, proven.result], [result.height, result.index, 0])
    }
    const got = await client.unary(ledger, 'GetEvent', { eventId }, LIMIT)
    assert.equal(Buffer.compare(got.event.header, event.header), 0)
    const block = await client.unary(ledger, 'GetBlock', { height: result.height }, LIMIT)
    assert.equal(Buffer.compare(block.events[result.index].header, event.header), 0)
    const { checkpoint } = await client.unary(ledger, 'GetCheckpoint', {}, LIMIT)
    assert.ok(verify(trust, Buffer.from(checkpoint.toBinary())).checkpoint.height >= result.height)
    const own = await client.unary(credit, 'OwnEvents', { subjectId: subject }, LIMIT)
    assert.equal(Buffer.compare(own.events[0].header, event.header), 0)
    const [account] = await all(client.stream(credit, 'OwnAccounts', { refs: [ref], events: true }, LIMIT))
    assert.deepEqual([account.nextSeq, account.events.length], [1, 1])
    if (openReads) {
      const history = await client.unary(credit, 'GetHistory', { subjectId: subject }, LIMIT)
      assert.equal(verify(trust, Buffer.from(history.proof)).events.length, 1)
    }
  },

  async 'an inquiry is answered with its proof, and again by its id' () {
    const subject = randomBytes(32)
    const grant = member.event('CONSENT_GRANT', subject, null, {
      key: item(),
      publicFields: {
        case: 'consentGrant',
        value: { grantee: 1, purposes: 1, validFrom: today(), validUntil: today() + 30, maxUses: 1, formDigest: randomBytes(32) }
      }
    })
    await submit([opening(subject), grant])
    const ask = (consent) => member.event('INQUIRY', subject, null, {
      key: item(),
      publicFields: { case: 'inquiry', value: { purpose: 1, consent, operatorDigest: randomBytes(32), nonce: randomBytes(16) } }
    })
    const inquiry = ask(member.eventId(grant))
    const answered = { ...trust, inquiry: member.eventId(inquiry) }
    for (const by of [{ case: 'batch', value: member.batch([inquiry]) }, { case: 'inquiry', value: answered.inquiry }]) {
      const { receipt, proof } = await client.unary(credit, 'Inquire', { by }, LIMIT)
      assert.equal(receipt.result, 0)
      assert.equal(verify(answered, Buffer.from(proof)).events.length, 3)
    }
    await refused(() => client.unary(credit, 'Inquire',
      { by: { case: 'inquiry', value: answered.inquiry }, sinceCount: 1000n }, LIMIT), OUT_OF_RANGE, 'SINCE_AHEAD')
    await submit([member.event('CONSENT_REVOKE', subject, null, {
      key: item(), publicFields: { case: 'consentRevoke', value: { consent: member.eventId(grant) } }
    })])
    await refused(() => client.unary(credit, 'Inquire', { by: { case: 'inquiry', value: answered.inquiry } }, LIMIT),
      PRECONDITION, 'INQUIRY_OVER')
    const without = await client.unary(credit, 'Inquire', { by: { case: 'batch', value: member.batch([ask(randomBytes(32))]) } }, LIMIT)
    assert.notEqual(without.receipt.result, 0)
    assert.equal(without.proof.length, 0)
  },

  async 'a reservation is answered with its authorization, and a known one again' () {
    const reserve = member.event('RESERVE', randomBytes(32), null, {
      key: item(),
      publicFields: { case: 'reserve', value: { accountType: 1, currency: 156, expiresMs: BigInt(Date.now() + 3600_000) } }
    })
    for (let i = 0; i < 2; i++) {
      const { receipt, outcome } = await client.unary(credit, 'Reserve', { batch: member.batch([reserve]) }, LIMIT)
      assert.deepEqual([outcome.case, Buffer.compare(outcome.value, member.eventId(reserve))], ['authorization', 0])
      assert.equal(verify(trust, Buffer.from(receipt.toBinary())).result, 0)
    }
    const batch = member.batch([opening(randomBytes(32))])
    await refused(() => client.unary(credit, 'Reserve', { batch }, LIMIT), INVALID, 'NOT_A_RESERVATION')
  },

  async 'health is told, and watched' () {
    const SERVING = 1
    assert.equal((await client.unary(health, 'Check', { service: 'tallystick.v1.Ledger' }, LIMIT)).status, SERVING)
    await refused(() => client.unary(health, 'Check', { service: 'Forge' }, LIMIT), NOT_FOUND, 'SERVICE_UNKNOWN')
    for await (const { status } of client.stream(health, 'Watch', {}, LIMIT)) {
      assert.equal(status, SERVING)
      break
    }
  },

  async 'each refusal has its code and reason' () {
    const broken = opening(randomBytes(32))
    broken.body.value.body = randomBytes(8)
    const detail = await refused(() => submit([opening(randomBytes(32)), broken]), INVALID, 'BODY_COMMITMENT')
    assert.deepEqual([detail.hasEventIndex, detail.eventIndex, detail.field], [true, 1, 'body'])
    await refused(() => client.unary(ledger, 'GetBlock', { height: 1n << 40n }, LIMIT), NOT_FOUND, 'NOT_FOUND')
    const other = new Member(schema, 2, randomBytes(32), chainId)
    const others = other.batch([opening(randomBytes(32), randomBytes(16), other)])
    await refused(() => client.unary(ledger, 'SubmitBatch', { batch: others }, LIMIT), DENIED, 'KEY_UNKNOWN')
    const unknown = { typeName: ledger.typeName, methods: { forge: { ...ledger.methods.getBlock, name: 'Forge', localName: 'forge' } } }
    await refused(() => client.unary(unknown, 'Forge', {}, LIMIT), UNIMPLEMENTED)
    const reader = make('reader')
    await reader.unary(ledger, 'GetCheckpoint', {}, LIMIT)
    await refused(() => submit([opening(randomBytes(32))], 'FINAL', reader), DENIED)
    reader.close()
    // A connection that shows no listed certificate is answered once, and ended.
    for (const name of [undefined, 'stranger']) {
      for (const call of [(by) => by.unary(node, 'GetStatus', {}, LIMIT), (by) => all(by.stream(ledger, 'Follow', { fromHeight: 1n }, LIMIT))]) {
        const stranger = make(name)
        await refused(() => call(stranger), UNAUTHENTICATED, 'CERTIFICATE')
        stranger.close()
      }
    }
  },

  // An event's id that fills a request of 4 KiB: its key and size take three bytes.
  async 'a request at its bound is read, and one byte more is refused' () {
    const asked = (size) => () => client.unary(ledger, 'GetEvent', { eventId: new Uint8Array(size - 3) }, LIMIT)
    await refused(asked(4096), INVALID)
    await refused(asked(4097), EXHAUSTED)
    const events = Array.from({ length: 1001 }, () => opening(randomBytes(32)))
    await refused(() => submit(events), INVALID, 'BATCH_TOO_LARGE')
    const { results } = await submit(events.slice(1))
    assert.ok(results.length === 1000 && results.every(({ resultName }) => resultName === 'OK'))
  },

  async 'a client that calls too often is told when to try again' () {
    const slow = make('slow')
    const calls = Array.from({ length: 20 }, () => slow.unary(node, 'GetStatus', {}, LIMIT).then(() => null, (error) => error))
    const failures = (await Promise.all(calls)).filter(Boolean)
    assert.ok(failures.length > 0 && failures.length < 20)
    for (const { code, detail } of failures) assert.ok(code === EXHAUSTED && detail.retryAfterMs > 0)
    slow.close()
  },

  async 'a long stream comes whole, in order' () {
    let [height, count] = [0n, 0]
    for await (const { news } of client.stream(ledger, 'Follow', { fromHeight: 1n, events: true }, { timeoutMs: 300000 })) {
      assert.equal(news.value.header.height, ++height)
      count += news.value.events.length
      if (count >= eventsThere) break
    }
    assert.ok(count >= eventsThere)
  },

  async 'a call that is cancelled, or late, ends, and others go on' () {
    await refused(() => all(client.stream(ledger, 'Follow', {}, { timeoutMs: 400 })), DEADLINE)
    for (let i = 0; i < 20; i++) {
      const stop = new AbortController()
      const open = client.stream(ledger, 'Follow', { fromHeight: 1n }, { ...LIMIT, signal: stop.signal })
      await open.next()
      stop.abort()
      await refused(() => all(open), CANCELLED)
    }
    const stop = new AbortController()
    const pending = client.unary(ledger, 'SubmitBatch', { batch: member.batch([opening(randomBytes(32))]), waitFor: 3 }, { signal: stop.signal })
    stop.abort()
    await refused(() => pending, CANCELLED)
    await client.unary(node, 'GetStatus', {}, LIMIT)
  }
}

let wrong = 0
for (const [name, check] of Object.entries(checks)) {
  try {
    await check()
  } catch (error) {
    wrong++
    console.log(`${carrierName}: ${name}: ${error.stack}`)
  }
}
process.exit(wrong ? 1 : 0) // connections would be kept
