// @grpc/grpc-js with @grpc/proto-loader, which reads the schema as it is: proto_loader.mjs SCHEMA FOLDER. Calls that answer once and
// that stream, an error, and reflection, which streams both ways.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { tlsOf } from './carriers.mjs'

const [schema, folder] = process.argv.slice(2)
const { address, chainId } = JSON.parse(readFileSync(`${folder}/facts.json`, 'utf8'))
const { ca, cert, key } = tlsOf(folder, 'all')
const credentials = grpc.credentials.createSsl(ca, key, cert)
const files = ['rpc.proto', 'grpc/reflection/v1/reflection.proto']
const { tallystick, grpc: standard } = grpc.loadPackageDefinition(loadSync(files, { includeDirs: [schema], longs: String }))
const deadline = () => ({ deadline: Date.now() + 30000 })

const ask = (client, method, request) => new Promise((resolve, reject) => {
  client[method](request, deadline(), (error, reply) => error ? reject(error) : resolve(reply))
})

const node = new tallystick.v1.Node(address, credentials)
assert.equal((await ask(node, 'GetStatus', {})).chainId.toString('hex'), chainId)

const ledger = new tallystick.v1.Ledger(address, credentials)
await assert.rejects(ask(ledger, 'GetBlock', { height: '1000000000' }), ({ code, metadata }) =>
  code === grpc.status.NOT_FOUND && metadata.get('tallystick-error-bin')[0].includes('NOT_FOUND'))

const heights = []
const follow = ledger.Follow({ fromHeight: '1' }, deadline())
for await (const { block } of follow) {
  heights.push(block.header.height)
  if (heights.length === 3) break
}
follow.cancel()
assert.deepEqual(heights, ['1', '2', '3'])

const reflection = new standard.reflection.v1.ServerReflection(address, credentials).ServerReflectionInfo(deadline())
reflection.write({ listServices: '' })
reflection.write({ fileContainingSymbol: 'tallystick.v1.Credit' })
const told = []
for await (const reply of reflection) {
  told.push(reply)
  if (told.length === 2) reflection.end()
}
assert.ok(told[0].listServicesResponse.service.some(({ name }) => name === 'tallystick.v1.Credit'))
assert.ok(told[1].fileDescriptorResponse.fileDescriptorProto.length > 0)
process.exit(0) // connections would be kept
