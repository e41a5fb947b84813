/**
 * What a run is about, and how often it really happened: a run in which it never did proves nothing about it. By name,
 * with the sentence that people read.
 */
export const MARKS = {
  'leader elected': 'a leader was elected',
  'split vote': 'a term passed without a leader',
  'vote refused to a log behind': 'a vote or pre-vote was refused to a log behind (5.4.1)',
  'leader deposed': 'a leader learned of a later term',
  'quorum lost': 'a leader stepped down because it reached no quorum',
  'suffix overwritten': 'entries that were not committed were overwritten (5.3)',
  'old term committed by a later one': 'an entry was committed together with one of a later term (5.4.2)',
  'append refused': 'AppendEntries was refused for what precedes it (5.3)',
  'entries resent': 'entries arrived that were there already',
  'late answer of a disk': 'a disk answered for entries that were overwritten meanwhile',
  'snapshot taken': 'a snapshot was taken (7)',
  'log compacted': 'the log was compacted (7)',
  'snapshot installed': 'a snapshot was put in force (7)',
  'log kept at install': 'a snapshot was offered whose last entry was in the log, which was kept (Figure 13, 6)',
  'log dropped at install': 'an installed snapshot took the place of the whole log (7)',
  'snapshot during an election': 'a snapshot was put in force while another server campaigned',
  'object resent': 'an object of a snapshot was sent again',
  'transfer resumed': 'a transfer went on after its receiver restarted',
  'transfer abandoned': 'a transfer was given up',
  'install took ticks': 'putting a received snapshot in force took ticks',
  'two truncations under way': 'entries were overwritten while an earlier truncation was not durable',
  'read served': 'a read was granted (8)',
  'lease read under drift': 'a read was granted by a lease while clocks ran at different speeds (thesis 6.4.1)',
  'late answer to a round': 'an answer to a round of heartbeats came after one to a later round',
  'read before the first commit': 'a read waited for the first commit of a term (8)',
  'command retried': 'a client sent a command again, not knowing what became of it',
  'command lost': 'a proposal was overwritten, and its client told so',
  'old command after a newer one': 'a copy of an old command of a session was logged after a newer one',
  'cas succeeded': 'a compare-and-set found what it expected',
  'history undecided': 'whether a history is linearizable was given up',
  'message lost': 'the network lost a message',
  'message duplicated': 'the network delivered a message twice',
  'message overtaken': 'a message overtook an earlier one of the same link',
  'link clogged': 'a link held back its messages',
  'partition healed': 'a partition healed',
  'one-way link': 'a link worked in one direction only',
  crashed: 'a server crashed',
  'crashed between outputs': 'a server crashed between two outputs of one step',
  'unsaved suffix lost': 'a crash lost saves that nobody had been promised',
  'torn write discarded': 'a crash tore a write, and the restart discarded it',
  'unsynced write dropped': 'a crash came before a write was synced, and nothing of it was there',
  'disk full': 'a disk was full, and its server stopped before it promised anything',
  'write failed': 'a write failed, and its server stopped before it promised anything',
  'bridge at heal': 'a server outside stayed linked to one of the healed majority',
  'server paused': 'a server stood still, and went on as if nothing had happened',
} as const

export type Mark = keyof typeof MARKS
export type Marks = Readonly<Record<Mark, number>>

export const MARK_NAMES = Object.keys(MARKS) as readonly Mark[]

/** Counts marks. */
export class Tally {
  private readonly counts = new Map<Mark, number>()

  count(mark: Mark): void {
    this.counts.set(mark, (this.counts.get(mark) ?? 0) + 1)
  }

  get marks(): Marks {
    return Object.fromEntries(MARK_NAMES.map((mark) => [mark, this.counts.get(mark) ?? 0])) as unknown as Marks
  }
}
