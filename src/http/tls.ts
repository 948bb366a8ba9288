/** HTTPS, where a certificate is configured: with the one that is in its file now. */
import type { Server as HttpServer, ServerOptions } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import { readTlsFiles } from '../ops/tls-files.ts'

export interface HttpTls {
  /** Both, or neither: HTTP. */
  readonly certFile: string | null
  readonly keyFile: string | null
}

/**
 * For Fastify: the options of Node's server, with TLS or without. Errors: UserError naming the file. Fastify's type of an HTTPS
 * server is another; nothing here depends on which it is.
 */
export function serverOf({ certFile, keyFile }: HttpTls, options: ServerOptions): object {
  return certFile === null
    ? { http: options }
    : { https: { ...options, ...readTlsFiles({ caFile: null, certFile, keyFile }, 'http') } }
}

/** Connections that stand keep the old certificate; the next gets the new one. */
export function renewTls(server: HttpServer, { certFile, keyFile }: HttpTls): void {
  if (server instanceof HttpsServer && certFile !== null)
    server.setSecureContext(readTlsFiles({ caFile: null, certFile, keyFile }, 'http'))
}
