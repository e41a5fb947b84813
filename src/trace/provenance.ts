import type { NodeId } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import { sendsOf, type Output } from '../core/output.ts'
import type { Trace, TraceEvent } from './format.ts'
import { hashValue } from './hash.ts'
import { replay } from './replay.ts'

/** Where a message came from: an earlier step, and which of its sends to this server it was (0 for what is no send). */
export interface Origin {
  readonly step: number
  readonly send: number
}

/** By number of step; null for what came from outside: ticks, clients, servers that were not recorded. */
export type Origins = readonly (Origin | null)[]

interface Offer extends Origin {
  used: boolean
}

/**
 * Finds for each message the step it answers: a receive its send, `saved` its save, and so on. Where the trace says
 * (`src`) that is taken. Otherwise it is a guess: the earliest equal one that nothing was linked to yet, or, for a
 * duplicate, the latest; with `isCautious` the earliest of all, which cannot claim that something happened before that
 * did not. The trace is replayed for it.
 */
export const linksOf = (trace: Trace, isCautious = false): Origins => {
  const outputs: (readonly Output[])[] = []
  replay(trace, { hashes: false, onStep: (step) => outputs.push(step.outputs) })
  const offers = new Map<string, Offer[]>()
  const lives = new Map<NodeId, number>()
  const origins: (Origin | null)[] = []
  for (const event of trace.events) {
    countLives(lives, event)
    if (event.t !== 'in') continue
    const life = lives.get(event.n) ?? 0
    const wanted = wantedBy(event.m, event.n, life)
    const offered = wanted === null ? undefined : offers.get(wanted)
    origins.push(offered === undefined ? null : choose(offered, event.src, isCautious))
    offer(offers, event.n, life, event.i, outputs[event.i] ?? [])
  }
  return origins
}

const countLives = (lives: Map<NodeId, number>, event: TraceEvent): void => {
  if (event.t === 'fault' && event.kind === 'restart') lives.set(event.n, (lives.get(event.n) ?? 0) + 1)
}

const choose = (offered: readonly Offer[], told: number | undefined, isCautious: boolean): Origin | null => {
  const same = told === undefined ? offered : offered.filter(({ step }) => step === told)
  const chosen = isCautious ? same[0] : (same.find(({ used }) => !used) ?? same.at(-1))
  if (chosen === undefined) return null
  chosen.used = true
  return { step: chosen.step, send: chosen.send }
}

const offer = (
  offers: Map<string, Offer[]>,
  node: NodeId,
  life: number,
  step: number,
  outputs: readonly Output[],
): void => {
  const add = (key: string, send: number): void => {
    const known = offers.get(key)
    if (known === undefined) offers.set(key, [{ step, send, used: false }])
    else known.push({ step, send, used: false })
  }
  const sent = new Map<NodeId, number>()
  for (const { to, rpc } of sendsOf(outputs)) {
    const send = sent.get(to) ?? 0
    sent.set(to, send + 1)
    add(`${node}>${to} ${hashValue(rpc)}`, send)
  }
  const own = `${node}/${life}`
  for (const output of outputs) {
    const key = offeredBy(output)
    if (key !== null) add(`${own} ${key}`, 0)
  }
}

/** What an output asks to be answered, as a key. */
const offeredBy = (output: Output): string | null => {
  switch (output.type) {
    case 'save':
      return `save ${output.sequence}`
    case 'apply':
      return `apply ${output.entries.at(-1)?.index ?? 0}`
    case 'takeSnapshot':
      return `take ${output.snapshot.lastIncludedIndex}`
    case 'readObject':
      return `read ${output.to} ${output.transferId} ${JSON.stringify(output.objectId)}`
    case 'saveObject':
      return `keep ${output.transferId} ${JSON.stringify(output.objectId)}`
    case 'installSnapshot':
      return `install ${output.transferId}`
    case 'send':
    case 'accepted':
    case 'refused':
    case 'readReady':
    case 'transferEnded':
    case 'note':
      return null
  }
}

/** The key of what a message answers; null for one that answers nothing. */
const wantedBy = (message: Message, node: NodeId, life: number): string | null => {
  const own = `${node}/${life}`
  switch (message.type) {
    case 'receive':
      return `${message.from}>${node} ${hashValue(message.rpc)}`
    case 'saved':
      return `${own} save ${message.sequence}`
    case 'applied':
      return `${own} apply ${message.index}`
    case 'snapshotTaken':
    case 'snapshotFailed':
      return `${own} take ${message.index}`
    case 'objectRead':
      return `${own} read ${message.to} ${message.transferId} ${JSON.stringify(message.objectId)}`
    case 'objectSaved':
      return `${own} keep ${message.transferId} ${JSON.stringify(message.objectId)}`
    case 'snapshotInstalled':
      return `${own} install ${message.transferId}`
    case 'objectReadFailed':
    case 'objectRejected':
    case 'tick':
    case 'propose':
    case 'read':
    case 'campaign':
      return null
  }
}

/**
 * The message as it would be after other outputs: the same send, save … of the step it came from, as that step goes now.
 * Null when there is nothing of the kind any more.
 */
export const resolved = (message: Message, to: NodeId, origin: Origin, outputs: readonly Output[]): Message | null => {
  switch (message.type) {
    case 'receive': {
      const send = sendsOf(outputs).filter((sent) => sent.to === to)[origin.send]
      return send?.rpc.type === message.rpc.type ? { ...message, rpc: send.rpc } : null
    }
    case 'saved': {
      const save = outputs.find((output) => output.type === 'save')
      return save === undefined ? null : { type: 'saved', sequence: save.sequence, lastIndex: save.lastIndex }
    }
    case 'applied': {
      const last = outputs.findLast((output) => output.type === 'apply')?.entries.at(-1)
      return last === undefined ? null : { type: 'applied', index: last.index }
    }
    case 'snapshotTaken':
    case 'snapshotFailed': {
      const asked = outputs.find((output) => output.type === 'takeSnapshot')
      return asked === undefined ? null : { ...message, index: asked.snapshot.lastIncludedIndex }
    }
    case 'objectRead': {
      const asked = outputs.find((output) => output.type === 'readObject' && output.to === message.to)
      if (asked?.type !== 'readObject') return null
      return { ...message, transferId: asked.transferId, objectId: asked.objectId }
    }
    case 'objectSaved': {
      const asked = outputs.find((output) => output.type === 'saveObject')
      return asked === undefined ? null : { ...message, transferId: asked.transferId, objectId: asked.objectId }
    }
    case 'snapshotInstalled': {
      const asked = outputs.find((output) => output.type === 'installSnapshot')
      return asked === undefined ? null : { ...message, transferId: asked.transferId }
    }
    case 'objectReadFailed':
    case 'objectRejected':
    case 'tick':
    case 'propose':
    case 'read':
    case 'campaign':
      return message
  }
}
