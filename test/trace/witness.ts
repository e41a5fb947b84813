import { configurationOf } from '../../src/core/membership/configuration.ts'
import { INDEX_ZERO, TERM_ZERO, nodeId, successor, term, type NodeId } from '../../src/core/ids.ts'
import type { Message } from '../../src/core/message.ts'
import type { Output } from '../../src/core/output.ts'
import { birthSnapshot } from '../../src/core/start.ts'
import { step } from '../../src/core/step.ts'
import type { Start } from '../../src/trace/format.ts'
import { sendsOf } from '../../src/core/output.ts'
import { Recorder, headerOf } from '../../src/trace/record.ts'
import { startState } from '../../src/trace/start.ts'

const [N1, N2, N3, N4] = [nodeId('n1'), nodeId('n2'), nodeId('n3'), nodeId('n4')]

/**
 * n1 is elected in a term that n2's disk already knows entries of: nothing happens to n2, and without it nothing is
 * wrong. n4 does not matter.
 */
export const witnessTrace = (): string => {
  const remains: Start = {
    how: 'restart',
    snapshot: birthSnapshot(configurationOf([N1, N2, N3])),
    base: { index: INDEX_ZERO, term: TERM_ZERO },
    hardState: { currentTerm: term(1), votedFor: null },
    entries: [],
  }
  const led: Start = {
    ...remains,
    hardState: { currentTerm: term(2), votedFor: N2 },
    entries: [{ type: 'command', index: successor(INDEX_ZERO), term: term(2), command: 'x', bytes: 3 }],
  }
  const init = { n1: remains, n2: led, n3: remains, n4: remains }
  const options = { preVote: false, checkQuorum: false }
  const beginning = { nodes: [N1, N2, N3, N4], init, options }
  const lines: string[] = []
  const recorder = new Recorder(beginning, (line) => lines.push(line))
  const states = new Map([N1, N3].map((node) => [node, startState(headerOf(beginning), node, remains)]))
  const go = (node: NodeId, message: Message, src?: number): readonly [number, readonly Output[]] => {
    const state = states.get(node)
    if (state === undefined) throw new Error(`${node} does not run`)
    const [reached, outputs] = step(state, message)
    states.set(node, reached)
    return [recorder.step(node, 0, message, reached, outputs, src), outputs]
  }
  /** What a step sent to a node reaches it; its save, before which nothing leaves, is durable. */
  const save = (node: NodeId, [i, outputs]: readonly [number, readonly Output[]]): void => {
    for (const output of outputs)
      if (output.type === 'save') go(node, { type: 'saved', sequence: output.sequence, lastIndex: output.lastIndex }, i)
  }
  const deliver = (from: NodeId, to: NodeId, [i, outputs]: readonly [number, readonly Output[]]) => {
    const sent = sendsOf(outputs).find((send) => send.to === to)
    if (sent === undefined) throw new Error(`nothing was sent to ${to}`)
    return go(to, { type: 'receive', from, rpc: sent.rpc }, i)
  }
  const campaign = go(N1, { type: 'campaign' })
  save(N1, campaign)
  const vote = deliver(N1, N3, campaign)
  save(N3, vote)
  deliver(N3, N1, vote)
  recorder.end()
  return `${lines.join('\n')}\n`
}
