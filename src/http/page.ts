/**
 * The live page: the files of dist/page, read once, each in the form that the browser takes. Public, since it holds no data: what it
 * shows it asks of the API, where access is decided. Names hold a hash of what is in them, so a browser keeps them for ever.
 * Does not make the files: `npm run build` does.
 */
import { type Dirent, readFileSync, readdirSync } from 'node:fs'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const folder = new URL('../../dist/page/', import.meta.url)

/** Everything from here, nothing inline, nothing that turns text into markup or code. */
const pageHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
} as const

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

interface Asset {
  readonly type: string
  readonly plain: Buffer
  readonly brotli: Buffer
  readonly gzip: Buffer
}

/** Returns the paths it added. */
export function addPage(app: FastifyInstance): string[] {
  const html = readPage('index.html')
  const assets = new Map(readAssets())

  app.get('/', (_request, reply) =>
    html === undefined
      ? reply.code(503).type('text/plain; charset=utf-8').send('The page was not built: npm run build\n')
      : reply
          .headers({ ...pageHeaders, 'cache-control': 'no-cache' })
          .type('text/html; charset=utf-8')
          .send(html),
  )
  app.get<{ Params: { file: string } }>('/page/:file', (request, reply) => {
    const asset = assets.get(request.params.file)
    if (asset === undefined) return reply.callNotFound()
    return sendAsset(asset, request, reply)
  })
  return ['/', '/page/{file}']
}

function sendAsset(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const offered = (request.headers['accept-encoding'] ?? '').split(',')
  const accepted = new Set(offered.map((part) => part.trim().split(';')[0]))
  const encoding = accepted.has('br') ? 'br' : accepted.has('gzip') ? 'gzip' : undefined
  const body = encoding === 'br' ? asset.brotli : encoding === 'gzip' ? asset.gzip : asset.plain
  return reply
    .headers({
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
    })
    .type(asset.type)
    .send(body)
}

function readAssets(): [string, Asset][] {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
  return entries.flatMap(({ name }) => {
    const type = types[name.split('.').at(-1) ?? '']
    const [plain, brotli, gzip] = [name, `${name}.br`, `${name}.gz`].map(readPage)
    if (type === undefined || plain === undefined || brotli === undefined || gzip === undefined) return []
    return [[name, { type, plain, brotli, gzip }]]
  })
}

function readPage(name: string): Buffer | undefined {
  try {
    return readFileSync(new URL(name, folder))
  } catch {
    return undefined
  }
}
