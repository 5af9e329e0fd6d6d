// Drives the unmodified npm package minapp-sdk (its web build) from Node: one JSON line in, one out.
//
// The web build wants a browser. What it touches while it loads is put in place before `require`;
// the package itself is as npm delivers it. `host` of BaaS.init is its public option.
'use strict'
const path = require('path')
const readline = require('readline')

const modules = path.join(process.argv[2], 'node_modules')
const kept = new Map()
const element = () => ({ setAttribute() {}, style: {} })
const shims = {
  window: global,
  self: global,
  addEventListener() {},
  XMLHttpRequest: require(path.join(modules, 'xhr2')),
  localStorage: {
    getItem: (key) => (kept.has(key) ? kept.get(key) : null),
    setItem: (key, value) => kept.set(key, String(value)),
    removeItem: (key) => kept.delete(key),
  },
  document: { createElement: element, cookie: '', location: { href: '' } },
  location: { href: '', protocol: 'http:', host: '' },
  // axios then takes addresses as they are, instead of asking an <a> to parse them.
  navigator: { product: 'NativeScript' },
}
for (const [name, value] of Object.entries(shims)) {
  Object.defineProperty(global, name, { value, configurable: true, writable: true })
}
const BaaS = require(path.join(modules, 'minapp-sdk', 'lib', 'web.js'))

const version = require(path.join(modules, 'minapp-sdk', 'package.json')).version
const answer = (res) => ({ status: res.status, data: res.data })

function order(given) {
  const one = new BaaS.Order()
  if (given.limit !== undefined) one.limit(given.limit)
  if (given.offset !== undefined) one.offset(given.offset)
  if (given.order_by !== undefined) one.orderBy(given.order_by)
  if (given.select !== undefined) one.select(given.select)
  if (given.expand !== undefined) one.expand(given.expand)
  if (given.query !== undefined) one.setQuery(query(given.query))
  return one
}

// [["compare", "total_cost", ">", 1], …], or {"or": [<query>, …]}
function query(asked) {
  if (!Array.isArray(asked)) {
    const [[join, parts]] = Object.entries(asked)
    return BaaS.Query[join](...parts.map(query))
  }
  const one = new BaaS.Query()
  for (const [method, ...args] of asked) one[method](...args)
  return one
}

const doors = {
  async open({ client_id, token, host }) {
    BaaS.init(client_id, { host })
    await BaaS.storage.set('auth_token', token)
    return version
  },
  list: ({ params, ...given }) => order(given).getOrderList(params).then(answer),
  get: ({ number }) => new BaaS.Order().get(number).then(answer),
  pay: ({ way, options }) => BaaS.payment[way](options).then(answer),
  request: ({ url, method, data }) => BaaS.request({ url, method, data }).then(answer),
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const { what, ...given } = JSON.parse(line)
  let told
  try {
    told = { result: await doors[what](given) }
  } catch (error) {
    told = { error: error.constructor.name, code: error.code, text: String(error.message) }
  }
  process.stdout.write(JSON.stringify(told) + '\n')
})
