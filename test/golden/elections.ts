import type { Options } from '../../src/core/config.ts'
import type { Scenario } from './scenario.ts'

/** Raft as Figure 2 has it, without what the thesis adds. */
const PAPER: Partial<Options> = { preVote: false, checkQuorum: false, noopOnElection: false }

export const firstElection: Scenario = {
  name: 'first-election',
  title: 'The first election of three servers',
  about: [
    'One server times out before the others. It first asks whether it could win (PreVote, thesis 9.6), which changes',
    'nothing at anybody; then it votes for itself and asks for votes. A vote is a promise: the reply leaves after the',
    'save. The new leader appends a blank entry of its term, and with that committed knows what is committed (section 8).',
  ],
  stage: {},
  play: (stage) => {
    stage.scene('The election timer of n1 runs out: it asks for pre-votes')
    stage.timeOut('n1')
    stage.deliver('n1', 'n2')
    stage.scene('With its own, one other pre-vote of three is a majority: it becomes a candidate of term 1')
    stage.deliver('n2', 'n1')
    stage.scene('n3 answers the first question only now, when it no longer matters')
    stage.deliver('n1', 'n3')
    stage.deliver('n3', 'n1')
    stage.scene('Votes')
    stage.deliver('n1', 'n2')
    stage.deliver('n1', 'n3')
    stage.scene('The vote of n2 makes it leader; that of n3 comes too late to be needed')
    stage.deliver('n2', 'n1')
    stage.deliver('n3', 'n1')
    stage.scene('The blank entry goes out and is committed; then followers learn of it')
    stage.settle()
  },
}

export const preVote: Scenario = {
  name: 'pre-vote',
  title: 'A server that was cut off comes back without disturbing anybody',
  about: [
    'Cut off, n3 times out again and again. Without PreVote each time would raise its term, and on its return that term',
    'would depose a healthy leader (thesis 9.6). As it is, nobody grants it a pre-vote and its term stays.',
  ],
  stage: {},
  play: (stage) => {
    stage.aside('n1 becomes leader, as in first-election.txt')
    stage.timeOut('n1')
    stage.settle()
    stage.scene('n3 is cut off, and asks for pre-votes that nobody hears')
    stage.partition(['n1', 'n2'], ['n3'])
    stage.timeOut('n3')
    stage.settle()
    stage.timeOut('n3')
    stage.settle()
    stage.scene('Meanwhile the others go on: an entry that n3 does not have')
    stage.propose('n1', 'a', 'x=1')
    stage.settle()
    stage.scene('It is back and asks once more; the others hear from their leader, and its log is behind: no')
    stage.heal()
    stage.timeOut('n3')
    stage.deliver('n3', 'n1')
    stage.deliver('n3', 'n2')
    stage.deliver('n1', 'n3')
    stage.deliver('n2', 'n3')
    stage.scene('The next heartbeat finds it in the same term, and it catches up')
    stage.tick('n1')
    stage.settle()
  },
}

export const deposedLeader: Scenario = {
  name: 'deposed-leader',
  title: 'What a deposed leader did not commit is overwritten',
  about: [
    'Cut off from the others, leader n1 appends two entries that only its own log holds. The others elect n2, which',
    'commits another entry at the same place. When n1 is back, the newer term deposes it, the consistency check finds',
    'where the logs part, and its entries give way (section 5.3, Figure 7). Nobody was told that they were committed.',
  ],
  stage: { options: PAPER, terms: [1] },
  play: (stage) => {
    stage.aside('n1 is elected for term 2')
    stage.tell('n1', { type: 'campaign' })
    stage.settle()
    stage.scene('n1 is cut off; its two entries reach nobody')
    stage.partition(['n1'], ['n2', 'n3'])
    stage.propose('n1', 'lost', 'x=1', 'y=1')
    stage.settle()
    stage.scene('The others elect n2 in term 3 and commit an entry of theirs at index 2')
    stage.tell('n2', { type: 'campaign' })
    stage.settle()
    stage.propose('n2', 'kept', 'x=2')
    stage.settle()
    stage.scene('n1 is back, still sure that it leads: a newer term answers it')
    stage.heal()
    stage.tick('n1')
    stage.deliver('n1', 'n3')
    stage.deliver('n3', 'n1')
    stage.lose()
    stage.scene('n2 finds out where their logs part, and n1 drops what is its own')
    stage.tick('n2')
    stage.deliver('n2', 'n1')
    stage.deliver('n1', 'n2')
    stage.settle()
  },
}

export const figureEight: Scenario = {
  name: 'figure-8',
  title: 'Figure 8: an entry of an earlier term is not committed by counting',
  about: [
    'The moments (a) to (c) and (e) of the figure, with n1 to n5 for S1 to S5. In (c) a majority holds the entry of term',
    '2 at index 2, and yet n5 could still be elected and overwrite it: its last entry is of term 3. So leader n1 of term',
    '4 does not count it as committed (section 5.4.2). Only an entry of its own term commits that, and all before it.',
  ],
  stage: { servers: 5, options: PAPER, terms: [1] },
  play: (stage) => {
    stage.aside('n1 is elected for term 2')
    stage.tell('n1', { type: 'campaign' })
    stage.settle()
    stage.scene('(a) Its entry at index 2 reaches n2 alone')
    stage.propose('n1', 'a', 'of term 2')
    stage.deliver('n1', 'n2')
    stage.crash('n1')
    stage.lose()
    stage.scene('(b) n5 is elected for term 3 by n3 and n4, and appends another entry at index 2')
    stage.tell('n5', { type: 'campaign' })
    stage.deliver('n5', 'n3')
    stage.deliver('n5', 'n4')
    stage.deliver('n3', 'n5')
    stage.deliver('n4', 'n5')
    stage.propose('n5', 'b', 'of term 3')
    stage.crash('n5')
    stage.lose()
    stage.scene('(c) n1 is back; in term 3 the vote of n3 is given to n5 already, in term 4 n2 and n3 elect n1')
    stage.restart('n1')
    stage.tell('n1', { type: 'campaign' })
    stage.deliver('n1', 'n3')
    stage.deliver('n3', 'n1')
    stage.lose()
    stage.tell('n1', { type: 'campaign' })
    stage.deliver('n1', 'n2')
    stage.deliver('n1', 'n3')
    stage.deliver('n2', 'n1')
    stage.deliver('n3', 'n1')
    stage.lose()
    stage.scene('(c) n1 goes on sending its entry of term 2: n1, n2 and n3 hold it, and commitIndex stays')
    stage.tick('n1')
    stage.lose('n4')
    stage.lose('n5')
    stage.settle()
    stage.scene('(e) an entry of term 4 at index 3, on the same three, commits both')
    stage.propose('n1', 'c', 'of term 4')
    stage.lose('n4')
    stage.lose('n5')
    stage.settle()
  },
}
