// Asks an Ollama server through the client for JavaScript, and prints what it got, one JSON line for
// each answer. The second argument is a folder with the package `ollama`.
const { createRequire } = require('node:module')

const [url, folder] = process.argv.slice(2)
const { Ollama } = createRequire(`${folder}/package.json`)('ollama')
const say = (name, value) => console.log(JSON.stringify([name, value]))
const question = { role: 'user', content: 'how are heights stored?' }

async function main() {
  const client = new Ollama({ host: url })
  say('list', (await client.list()).models.map((model) => model.name))
  say('chat', (await client.chat({ model: 'team', messages: [question] })).message)
  let streamed = ''
  for await (const part of await client.chat({ model: 'team', messages: [question], stream: true })) {
    streamed += part.message.content
  }
  say('stream', streamed)
  const next = { role: 'user', content: 'and which time zone do predictions have?' }
  const messages = [question, { role: 'assistant', content: streamed }, next]
  say('second', (await client.chat({ model: 'team', messages })).message)
  say('generate', (await client.generate({ model: 'team', prompt: question.content, stream: false })).response)
  const pulled = []
  for await (const part of await client.pull({ model: 'team', stream: true })) pulled.push(part.status)
  say('pull', pulled)
  await client
    .chat({ model: 'nosuch', messages: [question] })
    .catch((error) => say('missing', [error.status_code, error.error]))
  // A stream that is left in the middle.
  const left = await client.chat({ model: 'team', messages: [question], stream: true })
  for await (const _ of left) {
    left.abort()
    break
  }
  say('again', (await client.chat({ model: 'team', messages: [question] })).message)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
