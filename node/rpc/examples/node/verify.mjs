// Verifies what a node answers, offline: histories, receipts, consistency proofs and checkpoints, as proto/proof/FORMAT.md
// has it, with Node's own crypto alone.
import { createHash, createPublicKey, ECDH, verify as signatureCheck } from 'node:crypto'

const ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141n
const ZEROS = Buffer.alloc(32)
const INQUIRY = 3

// Why a proof does not hold: one word of FORMAT.md.
class Refused extends Error {}

function need (condition, reason) {
  if (!condition) throw new Refused(reason)
}

// Hashes

export const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest()
export const tagged = (tag, ...parts) => sha256(Buffer.from([tag]), ...parts)
export const eventId = (chainId, header) => tagged(0x04, chainId, header)
export const same = (a, b) => Buffer.compare(a, b) === 0

export function u (value, width) {
  return Buffer.from(BigInt(value).toString(16).padStart(2 * width, '0'), 'hex')
}

// Signatures

export function publicKey (compressed) {
  const point = ECDH.convertKey(compressed, 'secp256k1', undefined, undefined, 'uncompressed')
  const at = (first) => point.subarray(first, first + 32).toString('base64url')
  return createPublicKey({ key: { kty: 'EC', crv: 'secp256k1', x: at(1), y: at(33) }, format: 'jwk' })
}

function isPoint (key) {
  try {
    return !!publicKey(key)
  } catch {
    return false
  }
}

// Over the SHA-256 of `message`.
function signatureHolds (key, message, signature) {
  const s = BigInt('0x' + signature.subarray(32).toString('hex'))
  return s <= ORDER / 2n && signatureCheck('sha256', message, { key: publicKey(key), dsaEncoding: 'ieee-p1363' }, signature)
}

// Canonical protobuf. A shape tells each field of a message by its number: [kind, number], the kind being 'u32', 'u64', 's32',
// 'f64', 'bytes', or the shape of a submessage, and more words: 'list', or the name of the choice it is a member of.

function readVarint (data, from) {
  let value = 0n
  for (let i = 0; i < 10; i++) {
    need(from + i < data.length, 'FORM')
    const byte = data[from + i]
    value |= BigInt(byte & 127) << BigInt(7 * i)
    if (byte < 128) {
      need((byte !== 0 || i === 0) && value < 1n << 64n, 'FORM')
      return [value, from + i + 1]
    }
  }
  throw new Refused('FORM')
}

function readScalar (kind, wire, data, from) {
  if (kind === 'f64') {
    need(wire === 1n && from + 8 <= data.length, 'FORM')
    return [data.readBigUInt64LE(from), from + 8]
  }
  need(wire === 0n, 'FORM')
  const [value, end] = readVarint(data, from)
  need(kind === 'u64' || value < 1n << 32n, 'FORM')
  if (kind === 'u32') return [Number(value), end]
  return [kind === 's32' ? Number((value >> 1n) ^ -(value & 1n)) : value, end]
}

function readSized (kind, wire, data, from) {
  need(wire === 2n, 'FORM')
  const [size, start] = readVarint(data, from)
  need(size <= BigInt(data.length - start), 'FORM')
  const end = start + Number(size)
  const value = data.subarray(start, end)
  return [kind === 'bytes' ? value : parse(value, kind), end]
}

// A message as an object; what is not there stands in it as its default, and a submessage as undefined.
function parse (data, shape) {
  const out = {}
  const byNumber = new Map()
  for (const [name, [kind, number, more]] of Object.entries(shape)) {
    byNumber.set(number, name)
    out[name] = more === 'list' ? [] : more ? undefined : { u32: 0, s32: 0, u64: 0n, f64: 0n, bytes: Buffer.alloc(0) }[kind]
  }
  const chosen = new Set()
  let last = 0
  for (let at = 0; at < data.length;) {
    let key, value
    ;[key, at] = readVarint(data, at)
    const number = Number(key >> 3n)
    const name = byNumber.get(number)
    need(name !== undefined, 'FORM')
    const [kind, , more] = shape[name]
    need(number > last || (number === last && more === 'list'), 'FORM')
    last = number
    const scalar = typeof kind === 'string' && kind !== 'bytes'
    ;[value, at] = (scalar ? readScalar : readSized)(kind, key & 7n, data, at)
    if (more === 'list') {
      out[name].push(value)
    } else if (more) {
      need(!chosen.has(more), 'FORM')
      chosen.add(more)
      out[name] = value
    } else {
      const isDefault = scalar ? !value : kind === 'bytes' && value.length === 0
      need(!isDefault, 'FORM')
      out[name] = value
    }
  }
  return out
}

const CHECKPOINT = {
  chain: ['bytes', 1], epoch: ['u64', 2], height: ['u64', 3], block: ['bytes', 4], time: ['u64', 5], stateRoot: ['bytes', 6],
  resultsRoot: ['bytes', 7], historyRoot: ['bytes', 8], setHash: ['bytes', 9], nextSetHash: ['bytes', 10]
}
const CERTIFIED = { checkpoint: [CHECKPOINT, 1], signers: ['f64', 2], signatures: ['bytes', 3] }
const PLAIN = { salt: ['bytes', 1], body: ['bytes', 2] }
const EVENT = {
  height: ['u64', 1], time: ['u64', 3], result: ['u32', 4], header: ['bytes', 5], plain: [PLAIN, 6, 'body']
}
const LEAF = { count: ['u64', 1], lastHeight: ['u64', 2], acc: ['bytes', 3], summary: ['bytes', 4] }
const STATE = { members: ['bytes', 1], policy: ['bytes', 2], replay: ['bytes', 3], counts: ['bytes', 4] }
const HISTORY = {
  version: ['u32', 1], subject: ['bytes', 2], certified: [CERTIFIED, 3], state: [STATE, 4], siblings: ['bytes', 5],
  present: [LEAF, 6, 'place'], other: [{ position: ['bytes', 1], leaf: [LEAF, 2] }, 7, 'place'], empty: [{}, 8, 'place'],
  events: [EVENT, 9, 'list'], position: ['bytes', 10], since: ['u64', 11], seals: ['bytes', 12]
}
const RECEIPT = {
  version: ['u32', 1], height: ['u64', 2], index: ['u32', 3], eventId: ['bytes', 4], result: ['u32', 5], detail: ['bytes', 6],
  resultPath: ['bytes', 8], block: ['bytes', 9], time: ['u64', 10], stateRoot: ['bytes', 11], resultsRoot: ['bytes', 12],
  historyPath: ['bytes', 13], certified: [CERTIFIED, 14], seals: ['bytes', 15]
}
const CONSISTENCY = { version: ['u32', 1], older: [CERTIFIED, 3], newer: [CERTIFIED, 4], path: ['bytes', 5], seals: ['bytes', 6] }
const SEALS = { seals: [{ certified: [CERTIFIED, 1], nextSet: ['bytes', 2] }, 1, 'list'] }

// An event's header, and the fields that each type of event has of its own: [its message's field number, its shape, a check].

const ID = ['bytes', 1]
const isDate = (day) => day >= -25567 && day <= 2932896 // 1900-01-01 to 9999-12-31
const isPeriod = (period) => period >= 190001 && period <= 999912 && period % 100 >= 1 && period % 100 <= 12
const among = (value, most) => value >= 1 && value <= most
const isId = (bytes) => bytes.length === 32
const maybe = (bytes, size) => bytes.length === 0 || bytes.length === size
const isAmount = (amount) => amount === undefined || amount < 1n << 63n
const REMEDY = [{ target: ID, reason: ['u32', 2], dispute: ['bytes', 3] },
  (f) => isId(f.target) && among(f.reason, 7) && maybe(f.dispute, 32)]
const ITEM_TYPES = [1, 2, 3, 10, 11, 32, 33, 34, 35]
const ACCOUNT_TYPES = [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 30, 31]
const PUBLIC = {
  1: [{ grantee: ['u32', 1], purposes: ['u32', 2], from: ['s32', 3], until: ['s32', 4], uses: ['u32', 5], form: ['bytes', 6],
    key: ['bytes', 7], signature: ['bytes', 8] },
  (f) => f.grantee && among(f.purposes, 63) && isDate(f.from) && isDate(f.until) && f.from <= f.until && f.uses && isId(f.form) &&
    maybe(f.key, 33) && f.signature.length === (f.key.length ? 64 : 0)],
  2: [{ consent: ID }, (f) => isId(f.consent)],
  3: [{ purpose: ['u32', 1], consent: ['bytes', 2], legalBasis: ['u32', 3], operator: ['bytes', 4], nonce: ['bytes', 5],
    replyKey: ['bytes', 6] },
  (f) => among(f.purpose, 6) && maybe(f.consent, 32) && (f.consent.length === 0) === among(f.legalBasis, 3) &&
    f.legalBasis <= 3 && isId(f.operator) && f.nonce.length === 16 && maybe(f.replyKey, 33)],
  10: [{ product: ['u32', 1], accountType: ['u32', 2], currency: ['u32', 3], expires: ['u64', 4], amount: ['u64', 5, 'amount'] },
    (f) => among(f.accountType, 2) && among(f.currency, 999) && among(f.expires, 2932897n * 86400000n - 1n) &&
      isAmount(f.amount)],
  11: [{ reservation: ID }, (f) => isId(f.reservation)],
  12: [{ accountType: ['u32', 1], product: ['u32', 2], currency: ['u32', 3], authorization: ['bytes', 4],
    amount: ['u64', 5, 'amount'], transfer: ['bytes', 6] },
  (f) => among(f.accountType, 2) && among(f.currency, 999) && maybe(f.authorization, 32) && isAmount(f.amount) &&
    maybe(f.transfer, 32)],
  14: [{ period: ['u32', 1] }, (f) => isPeriod(f.period)],
  17: [{ state: ['u32', 1], reason: ['u32', 2] }, (f) => among(f.state, 2) && among(f.reason, 7)],
  20: [{ transferee: ['u32', 1] }, (f) => f.transferee !== 0],
  21: [{ kind: ['u32', 1] }, (f) => among(f.kind, 4)],
  30: REMEDY,
  31: REMEDY,
  32: [{ target: ID, category: ['u32', 2] }, (f) => isId(f.target) && among(f.category, 7)],
  33: [{ dispute: ID }, (f) => isId(f.dispute)],
  34: [{ dispute: ID, outcome: ['u32', 2] }, (f) => isId(f.dispute) && among(f.outcome, 4)],
  35: [{ target: ID }, (f) => maybe(f.target, 32)]
}
const HEADER = {
  version: ['u32', 1], type: ['u32', 2], member: ['u32', 3], scheme: ['u32', 4], subject: ['bytes', 5], regime: ['u32', 6],
  date: ['s32', 7], commitment: ['bytes', 8],
  account: [{ ref: ['bytes', 1], seq: ['u32', 2], prev: ['bytes', 3] }, 9, 'key'], item: ['bytes', 10, 'key'],
  ...Object.fromEntries(Object.entries(PUBLIC).map(([type, [shape]]) => ['public' + type, [shape, 20 + Number(type), 'public']]))
}

// A regulator's inquiry, on the legal basis SUPERVISION: 16 zeros, the first height and the last.
function isAboutBlocks ({ type, subject, public3 }) {
  const first = subject.readBigUInt64BE(16), last = subject.readBigUInt64BE(24)
  return type === 3 && public3.legalBasis === 2 && subject.subarray(0, 16).every((byte) => byte === 0) &&
    first > 0n && first <= last && last - first < 1000000n
}

export function parseHeader (bytes) {
  const header = parse(bytes, HEADER)
  const { type, account } = header
  need(header.version === 1 && header.member !== 0 && isDate(header.date), 'FORM')
  need(isId(header.subject) && isId(header.commitment), 'FORM')
  if (ITEM_TYPES.includes(type)) {
    need(header.item?.length === 16, 'FORM')
  } else {
    need(ACCOUNT_TYPES.includes(type) && account && account.ref.length === 16 && isId(account.prev), 'FORM')
  }
  for (const [each, [, check]] of Object.entries(PUBLIC)) {
    const fields = header['public' + each]
    need((fields !== undefined) === (Number(each) === type) && (!fields || check(fields)), 'FORM')
  }
  need(header.scheme === 1 || (header.scheme === 2 && isAboutBlocks(header)), 'FORM')
  return header
}

// Form: what can be told from a file alone.

function needDigests (message, ...names) {
  for (const name of names) need(message?.[name]?.length === 32, 'FORM')
}

function digestsOf (bytes, most) {
  need(bytes.length % 32 === 0 && bytes.length <= 32 * most, 'FORM')
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(32 * i, 32 * i + 32))
}

const bitsOf = (mask) => Array.from({ length: 64 }, (_, i) => i).filter((i) => mask >> BigInt(i) & 1n)

function needCertified (certified) {
  needDigests(certified?.checkpoint, 'chain', 'block', 'stateRoot', 'resultsRoot', 'historyRoot', 'setHash', 'nextSetHash')
  need(certified.signers !== 0n && certified.signatures.length === 64 * bitsOf(certified.signers).length, 'FORM')
}

function sealsOf (bytes) {
  const { seals } = parse(bytes, SEALS)
  need(seals.length <= 1024, 'FORM')
  return seals.map(({ certified, nextSet }) => {
    needCertified(certified)
    const count = nextSet.length / 33
    need(Number.isInteger(count) && count >= 4 && count <= 64, 'FORM')
    const keys = Array.from({ length: count }, (_, i) => nextSet.subarray(33 * i, 33 * i + 33))
    need(keys.every((key, i) => i === 0 || Buffer.compare(keys[i - 1], key) < 0), 'FORM')
    return { certified, keys }
  })
}

function needHistory (proof) {
  need(proof.version === 1, 'FORM')
  needDigests(proof, 'subject', 'position')
  needDigests(proof.state, 'members', 'policy', 'replay', 'counts')
  need(proof.present || proof.other || proof.empty, 'FORM')
  if (proof.other) needDigests(proof.other, 'position')
  if (!proof.empty) needDigests(proof.present ?? proof.other.leaf, 'acc', 'summary')
  needCertified(proof.certified)
  for (const { header, result, plain } of proof.events) {
    need(header.length <= 1024 && result < 1 << 16, 'FORM')
    need(!plain || (plain.salt.length === 32 && plain.body.length <= 4096), 'FORM')
  }
}

// A checkpoint

// What is hashed, and signed.
function checkpointBytes (point) {
  return Buffer.concat([Buffer.from([0x0a]), point.chain, u(point.epoch, 8), Buffer.from([5]), u(point.height, 8), point.block,
    u(point.time, 8), point.stateRoot, point.resultsRoot, point.historyRoot, point.setHash, point.nextSetHash])
}

const sameCheckpoint = (a, b) => same(checkpointBytes(a), checkpointBytes(b))
const isLater = (before, point) => point.height > before.height && point.time > before.time
const setHash = ({ epoch, keys }) => tagged(0x0b, u(epoch, 8), u(keys.length, 4), ...keys)

// By the validators in force, { epoch, keys }; `seal` is the checkpoint of the last seal before it, if any.
function checkCertificate (trust, force, { checkpoint, signers, signatures }, seal) {
  need(same(checkpoint.chain, trust.chain), 'CHAIN')
  need(same(checkpoint.setHash, setHash(force)) && checkpoint.epoch === force.epoch, 'SIGNATURE')
  const n = force.keys.length
  const places = bitsOf(signers)
  const quorum = Math.floor((n + Math.floor((n - 1) / 3) + 2) / 2)
  need(places.length === quorum && places.every((place) => place < n), 'SIGNATURE')
  const signed = checkpointBytes(checkpoint)
  places.forEach((place, k) => {
    need(signatureHolds(force.keys[place], signed, signatures.subarray(64 * k, 64 * k + 64)), 'SIGNATURE')
  })
  need(!seal || isLater(seal, checkpoint), 'CHAIN')
  const known = trust.known?.checkpoint
  if (!known) return
  need(checkpoint.height !== known.height || sameCheckpoint(checkpoint, known), 'CHAIN')
  need(!(checkpoint.epoch < known.epoch && checkpoint.height > known.height), 'CHAIN')
  need(!(checkpoint.epoch > known.epoch && checkpoint.height < known.height), 'CHAIN')
}

// From epoch to epoch: returns the validators in force after all seals, and the last seal's checkpoint. `first` is the file's
// first checkpoint. `arrive` is called with the same two before each seal, and may give a checkpoint that the seal's is, or is
// later than.
function walk (trust, seals, first, arrive = () => undefined) {
  const { known } = trust
  const start = seals.length > 0 ? seals[0].certified.checkpoint.epoch : first.epoch
  let force = known?.validators.epoch === start ? known.validators : { epoch: 1n, keys: trust.keys }
  let before
  for (const { certified, keys } of seals) {
    const others = [arrive(force, before), known?.checkpoint.epoch === certified.checkpoint.epoch ? known.checkpoint : undefined]
    checkCertificate(trust, force, certified, before)
    before = certified.checkpoint
    for (const other of others) need(!other || sameCheckpoint(other, before) || isLater(other, before), 'CHAIN')
    force = { epoch: force.epoch + 1n, keys }
    need(same(setHash(force), before.nextSetHash) && keys.every(isPoint), 'SIGNATURE')
    need(known?.validators.epoch !== force.epoch || same(known.checkpoint.setHash, before.nextSetHash), 'CHAIN')
  }
  return { force, before }
}

// Returns the validators that its certificate was checked by.
function checkWithSeals (trust, seals, certified) {
  const { force, before } = walk(trust, seals, certified.checkpoint)
  checkCertificate(trust, force, certified, before)
  return force
}

function checkAge (trust, point, least = 0n) {
  need(point.height >= BigInt(trust.minHeight ?? 0) && point.time >= BigInt(trust.minTime ?? 0), 'STALE')
  need(point.height >= (trust.known?.checkpoint.height ?? 0n) && point.height >= least, 'STALE')
}

// A history

const bit = (position, i) => position[i >> 3] >> (7 - i % 8) & 1
const leafHash = (position, leaf) =>
  tagged(0x11, position, tagged(0x10, u(leaf.count, 8), u(leaf.lastHeight, 8), leaf.acc, leaf.summary))

function checkPlace (trust, proof, siblings) {
  const position = tagged(0x0c, trust.chain, proof.subject)
  need(same(proof.position, position) && (!trust.base || same(trust.base.position, position)), 'ROOT')
  let node = ZEROS
  if (proof.present) node = leafHash(position, proof.present)
  if (proof.other) {
    need(!same(proof.other.position, position), 'ROOT')
    need(siblings.every((_, i) => bit(proof.other.position, i) === bit(position, i)), 'ROOT')
    node = leafHash(proof.other.position, proof.other.leaf)
  }
  for (let i = siblings.length - 1; i >= 0; i--) {
    node = bit(position, i) ? tagged(0x12, siblings[i], node) : tagged(0x12, node, siblings[i])
  }
  const { members, policy, replay, counts } = proof.state
  need(same(tagged(0x13, node, members, policy, replay, counts), proof.certified.checkpoint.stateRoot), 'ROOT')
}

// Returns where a later history may go on.
function foldEvents (trust, proof) {
  const { chain, base } = trust
  const count = proof.present?.count ?? 0n
  need(!proof.present || count !== 0n, 'COUNT')
  need(proof.since === (base?.count ?? 0n) && proof.since <= count, 'COUNT')
  need(BigInt(proof.events.length) === count - proof.since, 'COUNT')
  let acc = base?.acc ?? tagged(0x0d, chain, proof.subject)
  let last = base?.last ?? { height: 0n, time: 0n }
  if (!proof.present) return { acc, last }
  let i = proof.since
  for (const { height, time, result, header } of proof.events) {
    need(height <= proof.certified.checkpoint.height, 'FOLD')
    need(!base || height > base.height, 'FOLD')
    if (i > 0n) {
      need((height === last.height && time === last.time) || (height > last.height && time > last.time), 'FOLD')
    }
    acc = tagged(0x0e, acc, u(i++, 8), u(height, 8), u(time, 8), u(result, 2), eventId(chain, header))
    last = { height, time }
  }
  need(same(acc, proof.present.acc) && last.height === proof.present.lastHeight, 'FOLD')
  return { acc, last }
}

function checkEvent (proof, { header: bytes, plain }) {
  const header = parseHeader(bytes)
  need(same(header.subject, proof.subject), 'FOLD')
  need(!plain || same(tagged(0x03, plain.salt, plain.body), header.commitment), 'BODY')
  return header
}

function verifyHistory (trust, data) {
  const proof = parse(data, HISTORY)
  needHistory(proof)
  const siblings = digestsOf(proof.siblings, 256)
  const { checkpoint } = proof.certified
  checkWithSeals(trust, sealsOf(proof.seals), proof.certified)
  checkPlace(trust, proof, siblings)
  const { acc, last } = foldEvents(trust, proof)
  const events = proof.events.map((event) => ({ ...event, fields: checkEvent(proof, event) }))
  checkAge(trust, checkpoint, trust.base?.height)
  const asked = ({ header, fields, result }) =>
    fields.type === INQUIRY && result === 0 && same(eventId(trust.chain, header), trust.inquiry)
  need(!trust.inquiry || events.some(asked), 'STALE')
  const base = { position: proof.position, count: BigInt(events.length), acc, last, height: checkpoint.height }
  return { kind: 'history', subject: proof.subject, hasFile: !!proof.present, events, checkpoint, base }
}

// A receipt

function leadsTo (root, index, last, leaf, path) { // RFC 9162, 2.1.3.2
  let node = sha256(Buffer.from([0]), leaf)
  for (const sibling of path) {
    if (last === 0n) return false
    if (index & 1n || index === last) {
      node = sha256(Buffer.from([1]), sibling, node)
      while (!(index & 1n) && index !== 0n) [index, last] = [index >> 1n, last >> 1n]
    } else {
      node = sha256(Buffer.from([1]), node, sibling)
    }
    [index, last] = [index >> 1n, last >> 1n]
  }
  return last === 0n && same(node, root)
}

function lastLeaf (index, length) {
  for (let s = 0; s <= length; s++) {
    if (s + bitsOf(index >> BigInt(s)).length === length) return s === 0 ? index : index | 1n << BigInt(s - 1)
  }
  throw new Refused('ROOT')
}

function verifyReceipt (trust, data) {
  const receipt = parse(data, RECEIPT)
  need(receipt.version === 1 && receipt.result < 1 << 16 && receipt.detail.length <= 64, 'FORM')
  needDigests(receipt, 'eventId', 'block', 'stateRoot', 'resultsRoot')
  const resultPath = digestsOf(receipt.resultPath, 64)
  const historyPath = digestsOf(receipt.historyPath, 64)
  needCertified(receipt.certified)
  checkWithSeals(trust, sealsOf(receipt.seals), receipt.certified)
  const { checkpoint } = receipt.certified
  const { height, index, detail } = receipt
  need(height >= 1n && height <= checkpoint.height, 'ROOT')
  const block = tagged(0x1a, receipt.block, u(receipt.time, 8), receipt.stateRoot, receipt.resultsRoot)
  need(leadsTo(checkpoint.historyRoot, height - 1n, checkpoint.height - 1n, block, historyPath), 'ROOT')
  const result = tagged(0x19, u(height, 8), u(index, 4), receipt.eventId, u(receipt.result, 2), u(detail.length, 4), detail)
  need(leadsTo(receipt.resultsRoot, BigInt(index), lastLeaf(BigInt(index), resultPath.length), result, resultPath), 'ROOT')
  checkAge(trust, checkpoint)
  return { kind: 'receipt', ...receipt, checkpoint }
}

// Consistency

function isBeginning (a, b, path, older, newer) { // RFC 9162, 2.1.4.2
  if (a < 1n || a > b) return false
  if (a === b) return path.length === 0
  let [x, y] = [a - 1n, b - 1n]
  while (x & 1n) [x, y] = [x >> 1n, y >> 1n]
  if (x !== 0n && path.length === 0) return false
  const [first, rest] = x === 0n ? [older, path] : [path[0], path.slice(1)]
  let [oldNode, newNode] = [first, first]
  const one = Buffer.from([1])
  for (const c of rest) {
    if (y === 0n) return false
    if (x & 1n || x === y) {
      [oldNode, newNode] = [sha256(one, c, oldNode), sha256(one, c, newNode)]
      while (!(x & 1n) && x !== 0n) [x, y] = [x >> 1n, y >> 1n]
    } else {
      newNode = sha256(one, newNode, c)
    }
    [x, y] = [x >> 1n, y >> 1n]
  }
  return y === 0n && same(oldNode, older) && same(newNode, newer)
}

function verifyConsistency (trust, data) {
  const proof = parse(data, CONSISTENCY)
  need(proof.version === 1, 'FORM')
  needCertified(proof.older)
  needCertified(proof.newer)
  const path = digestsOf(proof.path, 65)
  const seals = sealsOf(proof.seals)
  const [older, newer] = [proof.older.checkpoint, proof.newer.checkpoint]
  let isChecked = false
  const checkOlder = (force, before) => {
    isChecked = true
    checkCertificate(trust, force, proof.older, before)
    return older
  }
  const { force, before } = walk(trust, seals, older,
    (force, before) => !isChecked && force.epoch === older.epoch ? checkOlder(force, before) : undefined)
  if (!isChecked) checkOlder(force, before)
  checkCertificate(trust, force, proof.newer, before)
  if (older.height === newer.height) need(sameCheckpoint(older, newer), 'ROOT')
  else need(newer.time > older.time, 'ROOT')
  need(isBeginning(older.height, newer.height, path, older.historyRoot, newer.historyRoot), 'ROOT')
  checkAge(trust, newer)
  return { kind: 'consistency', older, checkpoint: newer, validators: force }
}

function verifyCheckpoint (trust, data) {
  const certified = parse(data, CERTIFIED)
  needCertified(certified)
  const validators = checkWithSeals(trust, [], certified)
  checkAge(trust, certified.checkpoint)
  return { kind: 'checkpoint', checkpoint: certified.checkpoint, validators }
}

// What is proven by the bytes of a file, or throws an Error whose message is FORMAT.md's word for why not. `trust` is
// { chain, keys }, the network's chain id and its genesis's validators, ascending; and maybe what is asked for: { minHeight,
// minTime, known, inquiry, base }, `known` being what was returned of a checkpoint or a consistency proof before, and `base`
// that of what was returned of a history.
export function verify (trust, data) {
  if (data[0] === 0x0a) return verifyCheckpoint(trust, data)
  if (data[2] === 0x12) return verifyHistory(trust, data)
  if (data[2] === 0x1a) return verifyConsistency(trust, data)
  return verifyReceipt(trust, data)
}
