// A member's application, beside its node: events, signed batches, calls, and what to trust when an answer is verified. Its
// messages come from what protoc --descriptor_set_out makes of proto/schema. Numbers of 64 bits are BigInts, bytes Uint8Arrays.
import { createECDH, createPrivateKey, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRegistryFromDescriptors, FileDescriptorSet } from '@bufbuild/protobuf'
import { createPromiseClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { eventId, sha256, tagged, u } from './verify.mjs'

const TAG_BODY = 0x03
const TAG_BATCH = 0x05
const ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141n

// The contract, by name: messages, enums and services of the package tallystick.v1.
export class Schema {
  constructor (path) {
    this.registry = createRegistryFromDescriptors(FileDescriptorSet.fromBinary(readFileSync(path)))
  }

  message (name) { return this.registry.findMessage('tallystick.v1.' + name) }
  service (name) { return this.registry.findService('tallystick.v1.' + name) }
  number (enumeration, name) { return this.registry.findEnum('tallystick.v1.' + enumeration).findName(name).no }
}

// Clients of the node at https://ADDRESS. `server` is the node's rpc.crt, which is pinned; the others are the application's.
export class Node {
  constructor (schema, address, server, certificate, key) {
    const [ca, cert, secret] = [server, certificate, key].map((path) => readFileSync(path))
    const transport = createGrpcTransport({
      baseUrl: 'https://' + address, httpVersion: '2', nodeOptions: { ca, cert, key: secret }, readMaxBytes: 32 << 20
    })
    this.ledger = createPromiseClient(schema.service('Ledger'), transport)
    this.credit = createPromiseClient(schema.service('Credit'), transport)
    this.node = createPromiseClient(schema.service('Node'), transport)
  }
}

// RFC 9162, 2.1.1, over digests.
export function merkleRoot (leaves) {
  if (leaves.length === 1) return sha256(Buffer.from([0]), leaves[0])
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return sha256(Buffer.from([1]), merkleRoot(leaves.slice(0, half)), merkleRoot(leaves.slice(half)))
}

// In days since 1970, UTC.
export const today = () => Math.floor(Date.now() / 86400000)

// Makes events in the member's name and signs batches of them, with the key whose public half genesis lists.
export class Member {
  constructor (schema, id, secret, chainId) {
    Object.assign(this, { schema, id, chainId })
    const pair = createECDH('secp256k1')
    pair.setPrivateKey(secret)
    const point = pair.getPublicKey()
    const [x, y, d] = [point.subarray(1, 33), point.subarray(33), secret].map((bytes) => bytes.toString('base64url'))
    this.key = createPrivateKey({ key: { kty: 'EC', crv: 'secp256k1', x, y, d }, format: 'jwk' })
    this.publicKey = pair.getPublicKey(null, 'compressed')
  }

  eventId (event) { return eventId(this.chainId, event.header) }

  // `type` is a name of EventType, `body` a message or null. `fields` holds what the type has: key, publicFields, maybe eventDate.
  event (type, subjectId, body, fields) {
    const [salt, encoded] = [randomBytes(32), body ? body.toBinary() : new Uint8Array()]
    const [CreditEvent, EventHeader, PlainBody] = ['CreditEvent', 'EventHeader', 'PlainBody'].map((name) => this.schema.message(name))
    const header = new EventHeader({
      version: 1, type: this.schema.number('EventType', type), memberId: this.id, subjectScheme: 1, subjectId,
      eventDate: today(), bodyCommitment: tagged(TAG_BODY, salt, encoded), ...fields
    })
    return new CreditEvent({
      header: header.toBinary(), body: { case: 'plain', value: new PlainBody({ salt, body: encoded }) }
    })
  }

  batch (events, lifetimeMs = 60000) {
    const expires = Date.now() + lifetimeMs
    const signed = Buffer.concat([Buffer.from([TAG_BATCH]), this.chainId, u(this.id, 4), this.publicKey, u(expires, 8),
      u(events.length, 4), merkleRoot(events.map((event) => this.eventId(event)))])
    const Batch = this.schema.message('Batch')
    return new Batch({
      chainId: this.chainId, memberId: this.id, signingKey: this.publicKey, expiresAtMs: BigInt(expires), events,
      signature: this.sign(signed)
    })
  }

  // Over the SHA-256 of the bytes: r and s, s in the lower half of the order, since another s is refused.
  sign (bytes) {
    const signature = sign('sha256', bytes, { key: this.key, dsaEncoding: 'ieee-p1363' })
    const s = BigInt('0x' + signature.subarray(32).toString('hex'))
    return s <= ORDER / 2n ? signature : Buffer.concat([signature.subarray(0, 32), u(ORDER - s, 32)])
  }
}

// The validators' keys that a genesis.json founds its network on, in order.
export function validators (path) {
  const { validators } = JSON.parse(readFileSync(path, 'utf8'))
  return validators.map(({ key }) => Buffer.from(key, 'hex')).sort(Buffer.compare)
}

// The machine-readable half of a ConnectError: reason, field, eventIndex, retryAfterMs.
export function errorOf (schema, failed) {
  const found = failed.metadata.get('tallystick-error-bin')
  return schema.message('ErrorDetail').fromBinary(found ? Buffer.from(found, 'base64') : new Uint8Array())
}
