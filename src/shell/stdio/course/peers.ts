import type { Entry, JsonValue } from '../../../core/entry.ts'
import { INDEX_ZERO, TERM_ZERO, isCounter, type Index, type NodeId, type Term } from '../../../core/ids.ts'
import type { AppendEntries, RequestVote, Rpc } from '../../../core/rpc.ts'
import type { Context } from '../context.ts'
import { isObject, type ReplyBody, type Request } from '../envelope.ts'
import { COUNTER_MAX } from './requests.ts'

/** Requests of ours whose answers are still understood; older ones are forgotten. */
const SENT_MAX = 1024

/** The course's wire between nodes: append_entries and request_vote, and their answers. */
export class Peers {
  private readonly context: Context
  private readonly sent = new Map<number, Sent>()
  /** Counts the states that were put in the node's place. */
  private life = 0
  private asked: { readonly from: NodeId; answer: Rpc | null } | null = null

  constructor(context: Context) {
    this.context = context
  }

  /** Sends what the core sends. An answer that somebody waits for goes there instead. */
  send(to: NodeId, rpc: Rpc): void {
    if (this.asked?.from === to && isAnswer(rpc)) {
      this.asked.answer = rpc
      return
    }
    if (rpc.type !== 'AppendEntries' && rpc.type !== 'RequestVote') return
    const { life } = this
    this.context.replies.tell(to, bodyOf(rpc), (msgId) => {
      if (life !== this.life) return
      this.sent.set(msgId, { to, rpc })
      const [oldest] = this.sent.keys()
      if (this.sent.size > SENT_MAX && oldest !== undefined) this.sent.delete(oldest)
    })
  }

  /** Another state is in the node's place: answers to what the earlier one sent say nothing about it. */
  forget(): void {
    this.life++
    this.sent.clear()
  }

  /** Waits for the core's answer to a peer; the function returned gives it, and ends the waiting. */
  answerTo(from: NodeId): () => Rpc | null {
    const asked: { readonly from: NodeId; answer: Rpc | null } = { from, answer: null }
    this.asked = asked
    return () => {
      this.asked = null
      return asked.answer
    }
  }

  /** What an answer to one of our lines says, or null when it answers none. */
  understand({ type, src, inReplyTo, body }: Request): { readonly from: NodeId; readonly rpc: Rpc } | null {
    const sent = this.sent.get(inReplyTo ?? -1)
    if (sent?.to !== src) return null
    const understood = understoodAnswer(type, sent, body)
    // What cannot be understood is no answer: the right one may still come.
    if (understood !== null) this.sent.delete(inReplyTo ?? -1)
    return understood
  }
}

interface Sent {
  readonly to: NodeId
  readonly rpc: AppendEntries | RequestVote
}

const understoodAnswer = (
  type: string,
  { to, rpc }: Sent,
  body: Request['body'],
): { readonly from: NodeId; readonly rpc: Rpc } | null => {
  if (type === 'request_vote_ok' && rpc.type === 'RequestVote') {
    const { term, vote_granted: voteGranted } = body
    if (!isCounter(term) || term > COUNTER_MAX || typeof voteGranted !== 'boolean') return null
    return { from: to, rpc: { type: 'RequestVoteResponse', term: term as Term, voteGranted } }
  }
  if (type === 'append_entries_ok' && rpc.type === 'AppendEntries' && typeof body['success'] === 'boolean')
    return understoodAppend(to, rpc, body['success'])
  return null
}

const isAnswer = ({ type }: Rpc): boolean => type === 'AppendEntriesResponse' || type === 'RequestVoteResponse'

/** The course's answer has no term, and no hint on a rejection: the leader goes back by one. */
const understoodAppend = (
  from: NodeId,
  { term, prevLogIndex, entries, round }: AppendEntries,
  success: boolean,
): { readonly from: NodeId; readonly rpc: Rpc } => {
  if (success) {
    const matchIndex = (prevLogIndex + entries.length) as Index
    return { from, rpc: { type: 'AppendEntriesResponse', term, success, matchIndex, round } }
  }
  const conflictIndex = Math.max(prevLogIndex - 1, INDEX_ZERO) as Index
  const rpc: Rpc = {
    type: 'AppendEntriesResponse',
    term,
    success: false,
    rejectedIndex: prevLogIndex,
    conflictIndex,
    conflictTerm: conflictIndex === 0 ? TERM_ZERO : term,
    round,
  }
  return { from, rpc }
}

const bodyOf = (rpc: AppendEntries | RequestVote): ReplyBody =>
  rpc.type === 'RequestVote'
    ? {
        type: 'request_vote',
        term: rpc.term,
        candidate_id: rpc.candidateId,
        last_log_index: rpc.lastLogIndex,
        last_log_term: rpc.lastLogTerm,
      }
    : {
        type: 'append_entries',
        term: rpc.term,
        leader_id: rpc.leaderId,
        prev_log_index: rpc.prevLogIndex,
        prev_log_term: rpc.prevLogTerm,
        entries: rpc.entries.map(({ term, index, ...entry }) => ({ term, index, command: commandOf(entry) })),
        leader_commit: rpc.leaderCommit,
      }

/** The client's command, out of the session's wrapping. */
const commandOf = (entry: Pick<Entry, 'type'> & { readonly command?: JsonValue }): JsonValue => {
  const { command = null } = entry
  return isObject(command) && 'command' in command ? command['command'] : null
}
