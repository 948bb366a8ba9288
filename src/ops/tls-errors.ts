/**
 * What a failed TLS handshake means: which certificate, in which file or at which host, and what to do about it.
 * Knows the codes of Node.js and OpenSSL; says nothing about errors that are not of TLS.
 */
import { messageOf } from './user-error.ts'
import { type TlsFiles, datesOf } from './tls-files.ts'

export interface TlsPlace extends TlsFiles {
  /** The peer, as the operator calls it: "the broker mqtts.example". */
  readonly peer: string
  /** Where the address stands: MQTT_URL. */
  readonly address: string
  /** Where the names of the files stand: mqtt. */
  readonly section: string
}

interface Sentence {
  readonly code: RegExp
  says(place: TlsPlace, error: Error): string
}

const ours = ({ certFile, section }: TlsPlace): string =>
  certFile === null ? `(there is no ${section}.certFile)` : `in ${certFile} (${section}.certFile)`

/** The first that matches. */
const sentences: readonly Sentence[] = [
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/u,
    says: ({ peer, address }, error) =>
      `the certificate of ${peer} is for other names${namesIn(error)}: use one of them in ${address}, or have a certificate issued for this one`,
  },
  {
    code: /^CERT_HAS_EXPIRED$/u,
    says: (place) => {
      const old = outdated(place).find(({ file }) => file === place.caFile)
      return old === undefined
        ? `the certificate of ${place.peer} has expired: renew it there (and compare the clocks)`
        : `the certificate in ${old.file} (${place.section}.caFile) expired on ${old.day}: replace it with the new one of that authority`
    },
  },
  {
    code: /^CERT_NOT_YET_VALID$/u,
    says: ({ peer }) => `the certificate of ${peer} is not valid yet: compare the clocks`,
  },
  {
    code: /^(?:SELF_SIGNED_CERT|DEPTH_ZERO|UNABLE_TO_|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA|CERT_CHAIN|INVALID_PURPOSE)/u,
    says: ({ peer, caFile, section }) =>
      caFile === null
        ? `the certificate of ${peer} is signed by no authority that this machine knows: name the file of your authority's certificate in ${section}.caFile`
        : `the certificate of ${peer} is not signed by the authority in ${caFile} (${section}.caFile): put the certificate of the one that signed it there`,
  },
  {
    code: /ALERT_CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN/u,
    says: ({ peer, section, certFile }) =>
      certFile === null
        ? `${peer} wants a certificate of us: set ${section}.certFile and ${section}.keyFile`
        : `${peer} wants a certificate of us, and takes none from the authority that signed the one in ${certFile} (${section}.certFile)`,
  },
  {
    code: /ALERT_CERTIFICATE_EXPIRED/u,
    says: (place) => `${place.peer} says that our certificate ${ours(place)} has expired: replace it`,
  },
  {
    code: /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|UNKNOWN)|ACCESS_DENIED|DECRYPT_ERROR)/u,
    says: (place) =>
      `${place.peer} does not accept our certificate ${ours(place)}: have it signed by an authority that it trusts`,
  },
  {
    code: /ALERT_HANDSHAKE_FAILURE/u,
    says: ({ peer, section, certFile }) =>
      `${peer} gave up the handshake${certFile === null ? `: it may want a certificate of us (${section}.certFile, ${section}.keyFile)` : ''}; its log says why`,
  },
  {
    code: /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS|VERSION_TOO_LOW/u,
    says: ({ peer }) => `${peer} and we have no version of TLS in common: let it speak TLS 1.2 or 1.3`,
  },
  {
    code: /WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD_LAYER|HTTP_REQUEST/u,
    says: ({ peer, address }) =>
      `${peer} does not speak TLS at that port: correct the port or the scheme in ${address}`,
  },
]

const isTlsCode =
  /^(?:ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE)/u

/** Undefined: this was not about TLS. */
export function explainTlsError(error: unknown, place: TlsPlace): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!(error instanceof Error) || !isTlsCode.test(code)) return undefined
  const said = sentences.find((sentence) => sentence.code.test(code))?.says(place, error)
  return said ?? `TLS with ${place.peer} could not be agreed: ${messageOf(error)}`
}

/** Of our own files, those whose time is over: what the peer will hold against us. */
function outdated(files: TlsFiles, nowMs = Date.now()): { file: string; day: string }[] {
  try {
    return datesOf(files)
      .filter(({ to }) => to.getTime() < nowMs)
      .map(({ file, to }) => ({ file, day: to.toISOString().slice(0, 10) }))
  } catch {
    return []
  }
}

function namesIn(error: Error): string {
  const { cert } = error as { cert?: { subjectaltname?: unknown } }
  return typeof cert?.subjectaltname === 'string' ? ` (${cert.subjectaltname})` : ''
}
