import { checkMessage } from './admission.ts'
import { UsageError } from './assert.ts'
import { broadcastAppend } from './append-entries.ts'
import type { Entry } from './entry.ts'
import { maxIndex, predecessor, successor } from './ids.ts'
import { jsonBytes } from './json.ts'
import type { Message } from './message.ts'
import { appendAndSave, type Work } from './work.ts'

type Propose = Extract<Message, { type: 'propose' }>

/**
 * Figure 2, "Rules for Servers, Leaders": append the command to the local log, and replicate. The whole batch is
 * appended or refused. The disk and the network work on it side by side (thesis 10.2.1).
 * @throws UsageError for a batch without commands, or with one that JSON changes; in whatever role, as it is an error in
 * the caller's program.
 */
export const handlePropose = (work: Work, { id, commands }: Propose): void => {
  const { server, log, options, outputs } = work
  checkLength(id, commands)
  const term = server.currentTerm
  const firstIndex = successor(log.lastIndex)
  const entries: Entry[] = []
  // Not map(), which passes holes over.
  for (const command of commands)
    entries.push({
      type: 'command',
      index: successor(firstIndex, entries.length),
      term,
      bytes: jsonBytes(command),
      command,
    })
  if (server.role.type !== 'leader') {
    outputs.push({ type: 'refused', id, reason: 'not-leader', leader: server.leaderId })
    return
  }
  // What earlier terms left does not count: only an entry of this term can commit it (section 5.4.2).
  const pendingAfter = maxIndex(server.commitIndex, predecessor(server.role.termStartIndex))
  if (log.lastIndex - pendingAfter + commands.length > options.uncommittedEntriesMax) {
    outputs.push({ type: 'refused', id, reason: 'busy', leader: server.id })
    return
  }
  outputs.push({ type: 'accepted', id, firstIndex, lastIndex: successor(log.lastIndex, entries.length), term })
  appendAndSave(work, entries)
  broadcastAppend(work, 'entries')
}

const checkLength = (id: Propose['id'], commands: Propose['commands']): void => {
  if (commands.length === 0) throw new UsageError('a proposal has at least one command', { id })
}

/** For a caller that holds a proposal back for a while. @throws UsageError where `step` would. */
export const checkProposal = (proposal: Propose): void => {
  checkMessage(proposal)
  checkLength(proposal.id, proposal.commands)
  for (const command of proposal.commands) jsonBytes(command)
}
