/** What the MQTT session and the pipeline owe each other. */
import type { BrokerAddress } from '../ops/broker-address.ts'

export interface IncomingMessage {
  readonly topic: string
  readonly payload: Buffer
  /** 0 for QoS 0. */
  readonly packetId: number
  readonly epoch: number
}

/** What the operator should know about the session; `reason` undefined means it works. */
export interface SessionState {
  readonly isConnected: boolean
  readonly reason: string | undefined
  readonly protocolVersion: 4 | 5
  /** The next try is with MQTT 3.1.1, or with other certificates: news, but no trouble. */
  readonly isPlanned: boolean
}

export interface SourceHandlers {
  onMessage(message: IncomingMessage): void
  /** The connection is gone; the broker will send again what it had not seen acknowledged. */
  onDisconnect(): void
  onState(state: SessionState): void
  onConnect(): void
  /** Connected again, and the broker has no session for us any more: what it had kept for us is lost. */
  onSessionLost(): void
  /** Another client with our id takes the session again and again; we stop, or the two would go on for ever. */
  onTakenOver(sentence: string): void
  /** A retained message, replayed because we subscribed: old news. */
  onRetained(message: IncomingMessage): void
}

export interface Source {
  /** False when the connection it came over is gone: nothing was sent. */
  acknowledge(message: { readonly packetId: number; readonly epoch: number }): boolean
  hold(): void
  resume(): void
  /**
   * Connects anew, as the address says and with the certificates as they are now; the session goes on, and what was not
   * acknowledged comes again. The URL's host stays.
   */
  renew(address: BrokerAddress): void
  /** Gives up the subscription of an adopted session, and tells whether the broker agreed. */
  unsubscribe(): Promise<boolean>
  /**
   * Says goodbye; the session stays at the broker, unless `endsSession`. MQTT 3.1.1 can only end a session by another
   * connection, which might hit one that its owner has just made: there it stays, empty.
   */
  close(how?: { readonly endsSession: boolean }): Promise<void>
}
