import type { Index, NodeId, Term } from '../../core/ids.ts'
import type { Message } from '../../core/message.ts'
import { sendsOf, type Output, type Send } from '../../core/output.ts'
import { termAt } from '../../core/log/log.ts'
import type { Rpc } from '../../core/rpc.ts'
import type { RaftState } from '../../core/state.ts'
import { isQuorum } from './quorum.ts'
import type { Judge } from './violation.ts'
import { inForce, type Witness } from './witness.ts'

type VoteRequest = Extract<Rpc, { type: 'RequestVote' | 'RequestPreVote' }>

/** Who led, who voted for whom, and what was said before it was durable: ES, VO, PBS, over all lives. */
export class Votes {
  private readonly judge: Judge
  private readonly leaders = new Map<Term, NodeId>()
  private readonly votes = new Map<string, NodeId>()
  /** Votes that have reached a candidate, of its latest term. */
  private readonly grants = new Map<NodeId, { readonly term: Term; readonly from: Set<NodeId> }>()

  constructor(judge: Judge) {
    this.judge = judge
  }

  leaderOf(term: Term): NodeId | null {
    return this.leaders.get(term) ?? null
  }

  led({ id, state }: Witness): void {
    const { currentTerm } = state.server
    const known = this.leaders.get(currentTerm)
    if (known !== undefined && known !== id)
      this.judge.refute('ES', 'a term has at most one leader', { term: currentTerm, leaders: [known, id] })
    this.leaders.set(currentTerm, id)
  }

  /** A vote reaches a candidate. One that it was never given by a server that was watched counts for nothing. */
  heard({ id }: Witness, before: RaftState, message: Message, isWatched: boolean): void {
    if (message.type !== 'receive' || message.rpc.type !== 'RequestVoteResponse' || !message.rpc.voteGranted) return
    const { from, rpc } = message
    if (before.server.role.type !== 'candidate' || rpc.term !== before.server.currentTerm) return
    if (isWatched && this.votes.get(`${from} ${rpc.term}`) !== id) return
    const known = this.grants.get(id)
    const grants = known?.term === rpc.term ? known : { term: rpc.term, from: new Set<NodeId>() }
    this.grants.set(id, grants)
    grants.from.add(from)
  }

  /** A server has won: a quorum voted for it, its own vote counted once it is on its disk. */
  won({ id, state, durable }: Witness): void {
    const { currentTerm } = state.server
    const grants = this.grants.get(id)
    const granted = grants?.term === currentTerm ? [...grants.from] : []
    if (durable.currentTerm === currentTerm && durable.votedFor === id) granted.push(id)
    if (!isQuorum(inForce(state.server), (voter) => granted.includes(voter)))
      this.judge.refute('ES', 'a quorum has voted for a server that becomes leader', { id, term: currentTerm, granted })
  }

  /** Section 5.4.1, as seen from outside: nobody votes for a log that is behind its own. */
  answered(before: RaftState, message: Message, outputs: readonly Output[]): void {
    const asked = requestIn(message)
    if (asked === null || !isBehind(asked, before)) return
    for (const { rpc, to } of sendsOf(outputs))
      if ('voteGranted' in rpc && rpc.voteGranted)
        this.judge.refute('VO', 'no vote or pre-vote goes to a log behind', { id: before.server.id, to, asked })
  }

  /** A message leaves: what it promises is on the disk by now. */
  released(from: Witness, { to, rpc }: Send): void {
    const { durable, id, state } = from
    const entries = rpc.type === 'AppendEntries' ? rpc.entries.length : 0
    if (entries > state.options.messageEntriesMax)
      this.judge.refute('COST', 'a message holds only so many entries', { id, to, entries })
    // To be asked, and to say that one would vote, changes nothing that has to last (thesis 9.6).
    if (rpc.type === 'RequestPreVote' || (rpc.type === 'RequestPreVoteResponse' && rpc.voteGranted)) return
    if (durable.currentTerm < rpc.term)
      this.judge.refute('PBS', 'a term is durable before anybody hears of it', { id, to, term: rpc.term })
    if (rpc.term > from.termSpoken) from.termSpoken = rpc.term
    if (rpc.type === 'RequestVote') this.voted(from, rpc.term, id)
    else if (rpc.type === 'RequestVoteResponse' && rpc.voteGranted) this.voted(from, rpc.term, to)
    else if (rpc.type === 'AppendEntriesResponse' && rpc.success)
      this.vouched(from, rpc, rpc.matchIndex, 'entries are durable before they are acknowledged')
    else if (rpc.type === 'InstallSnapshotResponse')
      this.vouched(from, rpc, rpc.installedIndex, 'a snapshot is durable before it is acknowledged')
  }

  private voted({ id, durable }: Witness, term: Term, to: NodeId): void {
    const key = `${id} ${term}`
    const known = this.votes.get(key)
    if (known !== undefined && known !== to)
      this.judge.refute('VO', 'a server votes once in a term', { id, term, votes: [known, to] })
    this.votes.set(key, to)
    const { currentTerm, votedFor } = durable
    if (currentTerm < term || (currentTerm === term && votedFor !== to))
      this.judge.refute('PBS', 'a vote is durable before it is cast', { id, to, term, currentTerm, votedFor })
  }

  private vouched({ id, durable, state }: Witness, rpc: Rpc, index: Index, claim: string): void {
    // Later saves may have moved on already; only what the log of this moment still says can be compared.
    const isCurrent = state.server.currentTerm === rpc.term
    const expected = isCurrent ? termAt(state.log, index) : null
    const holds = expected === null ? !isCurrent || index <= durable.lastIndex : durable.holds(index, expected)
    if (!holds) this.judge.refute('PBS', claim, { id, index, expected, lastIndex: durable.lastIndex })
  }
}

/** The vote or pre-vote that a message asks for. */
export const requestIn = (message: Message): VoteRequest | null => {
  if (message.type !== 'receive') return null
  const { rpc } = message
  return rpc.type === 'RequestVote' || rpc.type === 'RequestPreVote' ? rpc : null
}

export const isBehind = ({ lastLogTerm, lastLogIndex }: VoteRequest, { log }: RaftState): boolean =>
  lastLogTerm < log.lastTerm || (lastLogTerm === log.lastTerm && lastLogIndex < log.lastIndex)
