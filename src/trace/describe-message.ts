import { unreachable } from '../core/assert.ts'
import type { Entry } from '../core/entry.ts'
import type { NodeId } from '../core/ids.ts'
import type { Message } from '../core/message.ts'
import type { Output, Save, Send } from '../core/output.ts'
import type { Rpc, SnapshotMeta } from '../core/rpc.ts'

/* Messages, RPCs and outputs as short text for people: "AppendEntries t3 prev 7/2 entries 8/3–10/3 commit 6". */

/** The part after the RPC's name. Positions are index/term. */
export const describeRpc = (rpc: Rpc): string => {
  switch (rpc.type) {
    case 'RequestVote':
    case 'RequestPreVote':
      return `t${rpc.term} last ${rpc.lastLogIndex}/${rpc.lastLogTerm}`
    case 'RequestVoteResponse':
    case 'RequestPreVoteResponse':
      return `t${rpc.term} ${rpc.voteGranted ? 'granted' : 'refused'}`
    case 'AppendEntries': {
      const entries = rpc.entries.length === 0 ? '' : ` ${span(rpc.entries)}`
      return `t${rpc.term} prev ${rpc.prevLogIndex}/${rpc.prevLogTerm}${entries} commit ${rpc.leaderCommit}`
    }
    case 'AppendEntriesResponse':
      return rpc.success
        ? `t${rpc.term} success match ${rpc.matchIndex}`
        : `t${rpc.term} rejected ${rpc.rejectedIndex} conflict ${rpc.conflictIndex}/${rpc.conflictTerm}`
    case 'InstallSnapshot':
      return `t${rpc.term} snapshot ${describeSnapshot(rpc.snapshot)} object ${rpc.objectId}${rpc.isLast ? ' last' : ''}`
    case 'InstallSnapshotResponse':
      return rpc.status === 'wanted' || rpc.status === 'saving'
        ? `t${rpc.term} ${rpc.status} object ${rpc.nextObjectId}`
        : `t${rpc.term} ${rpc.status}${rpc.status === 'installed' ? ` ${rpc.installedIndex}` : ''}`
    default:
      return unreachable(rpc)
  }
}

const describeSnapshot = ({ lastIncludedIndex, lastIncludedTerm }: SnapshotMeta): string =>
  `${lastIncludedIndex}/${lastIncludedTerm}`

/** "← n1 AppendEntries …" for what came from a peer, the message's name and what matters of it otherwise. */
export const describeMessage = (message: Message): string => {
  switch (message.type) {
    case 'receive':
      return `← ${message.from} ${message.rpc.type} ${describeRpc(message.rpc)}`
    case 'propose':
      return `propose ${JSON.stringify(message.id)} ${message.commands.length === 1 ? '1 command' : `${message.commands.length} commands`}`
    case 'saved':
      return `saved #${message.sequence} up to ${message.lastIndex}`
    case 'applied':
    case 'snapshotTaken':
      return `${message.type} ${message.index}`
    case 'snapshotFailed':
      return `snapshotFailed ${message.index}: ${message.reason}`
    case 'objectRead':
      return `objectRead ${message.objectId} for ${message.to}${message.nextObjectId === null ? ' last' : ''}`
    case 'objectReadFailed':
      return `objectReadFailed for ${message.to}: ${message.reason}`
    case 'objectSaved':
      return `objectSaved ${message.objectId}`
    case 'objectRejected':
      return `objectRejected: ${message.reason}`
    case 'read':
      return `read ${JSON.stringify(message.id)} ${message.mode}`
    case 'tick':
    case 'campaign':
    case 'snapshotInstalled':
      return message.type
    default:
      return unreachable(message)
  }
}

/** What a step put out: what it sends at once, then the rest in order. A reply to `message` is one to whoever sent it. */
export const describeOutputs = (outputs: readonly Output[], message: Message): readonly string[] => {
  const sends: Send[] = []
  const rest: string[] = []
  for (const output of outputs) {
    if (output.type === 'send') {
      sends.push(output)
      continue
    }
    const text = describeOutput(output)
    if (text !== null) rest.push(text)
    if (output.type === 'save') rest.push(...describeSends(output.then, message).map((promise) => `then ${promise}`))
  }
  return [...describeSends(sends, message), ...rest]
}

/** Equal messages to several peers make one text. */
const describeSends = (sends: readonly Send[], message: Message): readonly string[] => {
  const receivers = new Map<string, NodeId[]>()
  const replies: string[] = []
  for (const { to, rpc } of sends) {
    if (message.type === 'receive' && message.from === to && rpc.type === `${message.rpc.type}Response`) {
      replies.push(describeReply(rpc, message.rpc))
      continue
    }
    const text = `${rpc.type} ${describeRpc(rpc)}`
    const known = receivers.get(text)
    if (known === undefined) receivers.set(text, [to])
    else known.push(to)
  }
  return [...replies, ...[...receivers].map(([text, to]) => `sends ${to.join(',')} ${text}`)]
}

/** Its term is told when it is another than was asked with: that is what the reply is about then. */
const describeReply = (rpc: Rpc, asked: Rpc): string => {
  const text = describeRpc(rpc)
  return `replies ${rpc.term === asked.term ? text.slice(text.indexOf(' ') + 1) : text}`
}

/** Null for what the change of the state tells better. */
const describeOutput = (output: Exclude<Output, Send>): string | null => {
  switch (output.type) {
    case 'save':
      return describeSave(output)
    case 'apply':
      return `apply ${span(output.entries)}`
    case 'accepted':
      return `accepted ${JSON.stringify(output.id)} at ${output.firstIndex}${output.lastIndex > output.firstIndex ? `–${output.lastIndex}` : ''}`
    case 'refused':
      return `refused ${JSON.stringify(output.id)}: ${output.reason}`
    case 'readReady':
      return `readReady ${JSON.stringify(output.id)} at ${output.index}`
    case 'takeSnapshot':
    case 'installSnapshot':
      return `${output.type} ${describeSnapshot(output.snapshot)}`
    case 'readObject':
    case 'saveObject':
      return `${output.type} ${output.objectId}`
    case 'transferEnded':
      return `transfer to ${output.to} ended: ${output.outcome}`
    case 'note':
      return describeNote(output)
    default:
      return unreachable(output)
  }
}

const describeNote = (note: Extract<Output, { type: 'note' }>): string | null => {
  switch (note.event) {
    case 'ignored':
      return `ignored: ${note.reason}`
    case 'contradiction':
      return `contradiction: ${note.contradiction}`
    case 'objectRejected':
      return `rejected: ${note.reason}`
    case 'snapshotFailed':
      return `no snapshot ${note.index}: ${note.reason}`
    case 'snapshotAdopted':
      return `adopted snapshot ${note.index}`
    case 'transferStarted':
      return `transfer to ${note.to} begins`
    case 'became':
      return null
  }
}

const describeSave = (save: Save): string => {
  const parts = [
    save.hardState === null ? '' : `t${save.hardState.currentTerm} vote ${save.hardState.votedFor ?? '–'}`,
    save.truncateFrom === null ? '' : `truncate from ${save.truncateFrom}`,
    save.entries.length === 0 ? '' : span(save.entries),
    save.snapshot === null ? '' : `snapshot ${describeSnapshot(save.snapshot)}`,
    save.compactTo === null ? '' : `compact to ${save.compactTo.index}/${save.compactTo.term}`,
  ].filter((part) => part !== '')
  return [`save #${save.sequence}`, ...parts].join(' ')
}

/** By position, index/term, of the first and the last. */
const span = (entries: readonly Entry[]): string => {
  const [first] = entries
  const last = entries.at(-1)
  if (first === undefined || last === undefined) return 'no entry'
  const end = `${last.index}/${last.term}`
  return first === last ? `entry ${end}` : `entries ${first.index}/${first.term}–${end}`
}
