import { describe, expect, it } from 'vitest'
import { index, term } from '../../src/core/ids.ts'
import type { Rpc } from '../../src/core/rpc.ts'
import { Node } from '../../src/shell/node.ts'
import { memoryStorage } from '../../src/shell/storage/storage.ts'
import { A, B, MACHINE, newReplica } from './support-node.ts'

describe('a contradiction of Raft itself', () => {
  const secondLeader: Rpc = {
    type: 'AppendEntries',
    term: term(1),
    leaderId: B,
    prevLogIndex: index(0),
    prevLogTerm: term(0),
    entries: [],
    leaderCommit: index(0),
    round: 1,
  }
  const leading = (toleratesContradictions?: boolean) => {
    const failures: unknown[] = []
    const events = {
      send: () => undefined,
      output: () => undefined,
      failed: (error: unknown) => void failures.push(error),
      ...(toleratesContradictions === undefined ? {} : { toleratesContradictions }),
    }
    const node = new Node(MACHINE, newReplica([A, B]), memoryStorage(), events)
    node.deliver({ type: 'campaign' })
    node.deliver({ type: 'receive', from: B, rpc: { type: 'RequestVoteResponse', term: term(1), voteGranted: true } })
    node.deliver({ type: 'receive', from: B, rpc: secondLeader })
    return { node, failures }
  }

  it('stops the node, which says why', () => {
    const { node, failures } = leading()
    expect(failures).toMatchObject([{ name: 'InvariantViolation', claim: 'second leader in one term' }])
    const { raft } = node.replica
    node.deliver({ type: 'tick' })
    expect(node.replica.raft).toBe(raft)
  })

  it('is only noted by a node that is to go on', () => {
    const { node, failures } = leading(true)
    const { raft } = node.replica
    node.deliver({ type: 'tick' })
    expect([failures, node.replica.raft === raft]).toEqual([[], false])
  })
})
