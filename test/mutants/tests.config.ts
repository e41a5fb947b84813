import { mergeConfig } from 'vitest/config'
import config from '../../.config/vitest.config.ts'
import { mutation } from './mutation.ts'

/** The tests as `npm test` runs them, over a mutated source. */
export default mergeConfig(config, { plugins: [mutation] })
