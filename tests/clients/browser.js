// Runs in a page of the node's own origin. What a browser has: fetch and EventSource, as anybody writes them.
const post = (method, body, type = 'application/json', more = {}) =>
  fetch('/tallystick.v1.' + method, { method: 'POST', headers: { 'content-type': type }, body, ...more })

async function answerOf (response) {
  const text = await response.text()
  return { status: response.status, type: response.headers.get('content-type'), body: text ? JSON.parse(text) : null }
}

const call = async (method, request) => answerOf(await post(method, JSON.stringify(request)))

// The messages of a stream in Connect's envelopes, until `enough(message)`, and then what its end says, if it got there.
async function stream (method, request, enough, signal) {
  const text = new TextEncoder().encode(JSON.stringify(request))
  const body = new Uint8Array(5 + text.length)
  new DataView(body.buffer).setUint32(1, text.length)
  body.set(text, 5)
  const reader = (await post(method, body, 'application/connect+json', { signal })).body.getReader()
  const messages = []
  let held = new Uint8Array()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error('a stream without an end')
    const joined = new Uint8Array(held.length + value.length)
    joined.set(held)
    joined.set(value, held.length)
    held = joined
    while (held.length >= 5) {
      const size = new DataView(held.buffer, held.byteOffset).getUint32(1)
      if (held.length < 5 + size) break
      const message = JSON.parse(new TextDecoder().decode(held.subarray(5, 5 + size)))
      if (held[0] === 2) return { messages, end: message }
      messages.push(message)
      held = held.slice(5 + size)
      if (enough(message)) {
        await reader.cancel()
        return { messages, end: null }
      }
    }
  }
}

const codeOf = (promise) => promise.then(() => 'answered', (error) => error.name)

// Follows by EventSource, which comes back by itself, until `count` events came: their heights, and how often it was opened.
function follow (query, count) {
  return new Promise((resolve, reject) => {
    const source = new EventSource('/events?' + query)
    const out = { heights: [], events: 0, opened: 0 }
    source.onopen = () => { out.opened++ }
    source.addEventListener('block', ({ data, lastEventId }) => {
      const { block } = JSON.parse(data)
      if (block.header.height !== lastEventId) reject(new Error(`${block.header.height} under ${lastEventId}`))
      out.heights.push(Number(lastEventId))
      out.events += block.events?.length ?? 0
      window.told = out
      if (out.events < count) return
      source.close()
      resolve(out)
    })
  })
}
