/** Asks the service on this machine, over HTTP or HTTPS. */
import http from 'node:http'
import https from 'node:https'

/** Rejects with a DOMException TimeoutError when there is no whole answer in time, else with the socket's error. */
export async function askOwn(url: string, deadlineMs: number): Promise<{ status: number; text: string }> {
  const signal = AbortSignal.timeout(deadlineMs)
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      const why: unknown = signal.aborted ? signal.reason : error
      reject(why instanceof Error ? why : new Error(String(why)))
    }
    // Nothing secret is sent, and the certificate is for the name that others use, not for this address.
    const isTls = url.startsWith('https:')
    const request = (isTls ? https : http).get(
      url,
      { signal, agent: false, ...(isTls ? { rejectUnauthorized: false } : {}) },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', fail)
      },
    )
    request.on('error', fail)
  })
}
