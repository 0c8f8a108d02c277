// Node's stock clients, each with the same two ways to call: `unary` answers a message, `stream` iterates over messages. Options
// are { timeoutMs, signal }; a failure throws Failed.
import { readFileSync } from 'node:fs'
import { ConnectError, createPromiseClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import grpc from '@grpc/grpc-js'
import { errorOf } from './tallystick.mjs'

export class Failed extends Error {
  // `detail` is the service's ErrorDetail.
  constructor (code, message, detail) {
    super(`${code} ${detail.reason} ${message}`)
    Object.assign(this, { code, detail })
  }
}

class ConnectCarrier {
  constructor (schema, address, { ca, cert, key }, make, options) {
    this.schema = schema
    const tls = cert ? { ca, cert, key } : { ca }
    this.transport = make({ baseUrl: 'https://' + address, nodeOptions: tls, readMaxBytes: 32 << 20, ...options })
  }

  method (service, name) {
    const client = createPromiseClient(service, this.transport)
    return client[Object.keys(service.methods).find((key) => service.methods[key].name === name)]
  }

  failed (error) {
    const from = ConnectError.from(error)
    const ErrorDetail = this.schema.message('ErrorDetail')
    return new Failed(from.code, from.rawMessage, from.findDetails(ErrorDetail)[0] ?? errorOf(this.schema, from))
  }

  async unary (service, name, request, options) {
    try {
      return await this.method(service, name)(request, options)
    } catch (error) {
      throw this.failed(error)
    }
  }

  async * stream (service, name, request, options) {
    try {
      yield * this.method(service, name)(request, options)
    } catch (error) {
      throw this.failed(error)
    }
  }

  close () {}
}

class GrpcCarrier {
  constructor (schema, address, { ca, cert, key }) {
    this.schema = schema
    this.client = new grpc.Client(address, grpc.credentials.createSsl(ca, key, cert),
      { 'grpc.max_receive_message_length': 32 << 20, 'grpc.use_local_subchannel_pool': 1 })
  }

  prepare (service, name, { timeoutMs }) {
    const { I, O } = Object.values(service.methods).find((method) => method.name === name) ?? {}
    const encode = (message) => Buffer.from((I ? new I(message) : message).toBinary())
    const decode = (bytes) => O.fromBinary(bytes)
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs }
    return [`/${service.typeName}/${name}`, encode, decode, options]
  }

  failed (error) {
    const [found] = error.metadata?.get('tallystick-error-bin') ?? []
    const detail = this.schema.message('ErrorDetail').fromBinary(found ?? new Uint8Array())
    return new Failed(error.code, error.details, detail)
  }

  unary (service, name, request, options = {}) {
    const [path, encode, decode, more] = this.prepare(service, name, options)
    return new Promise((resolve, reject) => {
      const call = this.client.makeUnaryRequest(path, encode, decode, request, new grpc.Metadata(), more,
        (error, reply) => error ? reject(this.failed(error)) : resolve(reply))
      options.signal?.addEventListener('abort', () => call.cancel())
    })
  }

  async * stream (service, name, request, options = {}) {
    const [path, encode, decode, more] = this.prepare(service, name, options)
    const call = this.client.makeServerStreamRequest(path, encode, decode, request, new grpc.Metadata(), more)
    options.signal?.addEventListener('abort', () => call.cancel())
    try {
      yield * call
    } catch (error) {
      throw this.failed(error)
    } finally {
      call.cancel()
    }
  }

  close () { this.client.close() }
}

const connect = (httpVersion, useBinaryFormat) => (schema, address, tls) =>
  new ConnectCarrier(schema, address, tls, createConnectTransport, { httpVersion, useBinaryFormat })

export const CARRIERS = {
  'grpc-js': (schema, address, tls) => new GrpcCarrier(schema, address, tls),
  'connect-node-grpc': (schema, address, tls) =>
    new ConnectCarrier(schema, address, tls, createGrpcTransport, { httpVersion: '2' }),
  'connect-node-http2-json': connect('2', false),
  'connect-node-http2-binary': connect('2', true),
  'connect-node-http1-json': connect('1.1', false),
  'connect-node-http1-binary': connect('1.1', true)
}

// The certificate NAME.crt with its key in `folder`, or none, beside the node's.
export function tlsOf (folder, name) {
  const read = (file) => readFileSync(`${folder}/${file}`)
  return { ca: read('rpc.crt'), ...(name ? { cert: read(name + '.crt'), key: read(name + '.key') } : {}) }
}
